package webhook

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// drip writes text byte by byte, one each pause, until it is through or the other end hangs up.
func drip(conn net.Conn, pause time.Duration, text string) {
	for i := range len(text) {
		// Reading is how to wait and notice the end at once.
		_ = conn.SetReadDeadline(time.Now().Add(pause))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
	}
}

func TestDeliver_AnAnswerThatComesLate_IsWaitedFor(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	r := receive(t, func(http.ResponseWriter, *http.Request, consign.Result) {
		close(arrived)
		<-release
	})
	sink := open(t, r.address())
	done := make(chan []error, 1)
	go func() { done <- sink.Deliver(t.Context(), []sinks.Delivery{delivery(`{}`)}) }()
	<-arrived
	select {
	case <-done:
		t.Error("it did not wait")
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	require.Equal(t, []error{nil}, <-done)
}

func TestDeliver_AHeaderOfAByteNowAndThen_TimesOut(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) { drip(c, 20*time.Millisecond, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 1000)) })
	ctx, cancel := contextFor(t, 300*time.Millisecond)
	defer cancel()
	failure := refused(t, open(t, address).Deliver(ctx, []sinks.Delivery{delivery(`{}`)})[0])
	require.Equal(t, "timeout", failure.Label)
	require.False(t, failure.Permanent)
}

func TestDeliver_ABodyOfAByteNowAndThen_IsLeftSoonAndDecidedByItsStatus(t *testing.T) {
	t.Parallel()
	for status, delivered := range map[string]bool{"200 OK": true, "503 Service Unavailable": false} {
		address := raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 100000\r\n\r\n")
			drip(c, 20*time.Millisecond, strings.Repeat("x", 1000))
		})
		start := time.Now()
		err := attempt(t, open(t, address), delivery(`{}`))
		require.Less(t, time.Since(start), 2*answerWait)
		require.Equal(t, delivered, err == nil)
		if !delivered {
			require.Equal(t, "http 503", refused(t, err).Label)
		}
	}
}

func TestDeliver_200AndAReset_IsDelivered(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		reset(c)
	})
	for range 20 {
		require.NoError(t, attempt(t, open(t, address), delivery(`{}`)))
	}
}

func TestDeliver_AnErrorThatBreaksOffHalfWay_KeepsItsClass(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\nContent-Length: 1000\r\n\r\nslow do")
	})
	failure := refused(t, attempt(t, open(t, address), delivery(`{}`)))
	require.Equal(t, "http 429", failure.Label)
	require.Equal(t, 9*time.Second, failure.After)
	require.Contains(t, failure.Message, "slow do")
}

func TestDeliver_AReceiverThatTakesNothing_TimesOut(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	held := make(chan net.Conn, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			held <- conn // and never read
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		close(held)
		for conn := range held {
			_ = conn.Close()
		}
	})
	for _, scheme := range []string{"http", "https"} { // a body that is not read, a handshake that is not answered
		ctx, cancel := contextFor(t, 200*time.Millisecond)
		d := delivery(`"` + strings.Repeat("x", 1_000_000) + `"`)
		failure := refused(t, open(t, scheme+"://"+listener.Addr().String()+"/").Deliver(ctx, []sinks.Delivery{d})[0])
		cancel()
		require.Equal(t, "timeout", failure.Label, failure.Message)
		require.False(t, failure.Permanent)
	}
}

func TestDeliver_EndlessInterimAnswers_AreHungUpOn(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
				return
			}
		}
	})
	failure := refused(t, attempt(t, open(t, address), delivery(`{}`)))
	require.False(t, failure.Permanent)
	require.NotEqual(t, "timeout", failure.Label)
}

func TestDeliver_ARedirectToMetadata_IsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := receive(t, always(status, "", "Location", "http://169.254.169.254/latest/meta-data/"+password))
		failure := refused(t, attempt(t, open(t, r.address()), delivery(`{}`)))
		require.True(t, failure.Permanent)
		require.Regexp(t, `^http 30\d$`, failure.Label, "it is the receiver that failed, not the guard that was needed")
		require.Contains(t, failure.Message, "a redirect to http://169.254.169.254, which is not followed")
		require.Len(t, r.got(), 1)
	}
}

func TestDeliver_APanic_FailsItsResultAndNotTheWorker(t *testing.T) {
	t.Parallel()
	withoutSender := &Sink{method: http.MethodPost, templates: templates{url: text{plain: "http://127.0.0.1/"}}}
	failure := refused(t, attempt(t, withoutSender, delivery(`{}`)))
	require.False(t, failure.Permanent)
	require.Contains(t, failure.Message, "panicked")
}

func TestDeliver_TwoOfSixteenRefused_AreReportedAndNoOther(t *testing.T) {
	t.Parallel()
	batch := sinktest.Deliveries("sixteen", 16)
	r := receive(t, func(w http.ResponseWriter, _ *http.Request, result consign.Result) {
		switch result.ID {
		case batch[3].Result.ID:
			w.WriteHeader(http.StatusUnprocessableEntity)
		case batch[7].Result.ID:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	errs := open(t, r.address()).Deliver(t.Context(), batch)
	require.Len(t, errs, 16)
	for i, err := range errs {
		switch i {
		case 3:
			require.True(t, refused(t, err).Permanent)
		case 7:
			require.True(t, refused(t, err).Busy)
		default:
			require.NoError(t, err, i)
		}
	}
	require.Len(t, r.got(), 16)
	require.Len(t, r.taken, 14)
}

func TestDeliver_AKeptConnectionThatDied_CostsNoAttempt(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	var requests atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			for reader := bufio.NewReader(conn); ; {
				request, err := http.ReadRequest(reader)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, request.Body)
				if len(request.Header["Idempotency-Key"]) > 0 {
					break
				}
				if requests.Add(1)%2 == 0 {
					break // as a load balancer does that has just given the connection up
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	sink := build(t, Config{URL: "http://" + listener.Addr().String()})
	for range 10 {
		require.NoError(t, attempt(t, sink, delivery(`{}`)))
	}
	require.NoError(t, sink.Close(t.Context()))
	require.Greater(t, requests.Load(), int64(10))
}

func TestDeliver_AStreamOfHTTP2ThatIsReset_IsTransient(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	server := serveHTTP2(t, ca, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	failure := refused(t, attempt(t, build(t, Config{URL: server, TLS: TLS{CA: ca.path}}), delivery(`{}`)))
	require.False(t, failure.Permanent)
	require.Equal(t, "connection reset", failure.Label, failure.Message)
}
