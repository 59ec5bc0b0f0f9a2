package webhook

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// raw starts a server below HTTP: talk gets each connection once its request was read.
func raw(t *testing.T, talk func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
				talk(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return "http://" + listener.Addr().String() + "/services/" + password
}

// reset makes a connection end with RST instead of FIN.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func TestDeliver_AnAnswerThatNeverComes_TimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := receive(t, func(http.ResponseWriter, *http.Request, consign.Result) { <-release })
	t.Cleanup(func() { close(release) })
	sink := open(t, r.address())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	for _, err := range sink.Deliver(ctx, []sinks.Delivery{delivery(`1`), delivery(`2`)}) {
		failure := refused(t, err)
		require.False(t, failure.Permanent)
		require.Equal(t, "timeout", failure.Label)
		require.Contains(t, failure.Message, "no answer in time")
	}
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestDeliver_ContextCancelled_IsInterrupted(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range open(t, r.address()).Deliver(ctx, sinktest.Deliveries("cancelled", 20)) {
		failure := refused(t, err)
		require.False(t, failure.Permanent)
		require.Equal(t, "interrupted", failure.Label)
	}
	require.Empty(t, r.got())
}

func TestDeliver_AnEndlessAnswer_IsHungUpOn(t *testing.T) {
	t.Parallel()
	for status, permanent := range map[int]bool{200: false, 400: true, 500: false} {
		hungUp := make(chan int, 1)
		r := receive(t, func(w http.ResponseWriter, _ *http.Request, _ consign.Result) {
			w.WriteHeader(status)
			sent, block := 0, make([]byte, 32<<10)
			for {
				n, err := w.Write(block)
				sent += n
				if err != nil {
					hungUp <- sent
					return
				}
			}
		})
		err := attempt(t, open(t, r.address()), delivery(`{}`))
		if status == 200 {
			require.NoError(t, err)
		} else {
			require.Equal(t, permanent, refused(t, err).Permanent)
		}
		require.Less(t, <-hungUp, 64<<20, "no more than fits into socket buffers")
	}
}

func TestDeliver_AnAnswerOfAByteNowAndThen_IsJudgedByItsStatusSoon(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := receive(t, func(w http.ResponseWriter, _ *http.Request, result consign.Result) {
		if string(result.Data) == "503" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	t.Cleanup(func() { close(release) })
	sink := open(t, r.address())
	start := time.Now()
	errs := sink.Deliver(t.Context(), []sinks.Delivery{delivery(`200`), delivery(`503`)})
	require.Less(t, time.Since(start), 2*answerWait)
	require.NoError(t, errs[0])
	require.Equal(t, "http 503", refused(t, errs[1]).Label)
	require.Contains(t, errs[1].Error(), `: "x"`)
}

func TestDeliver_NobodyThere_IsTransient(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	failure := refused(t, attempt(t, open(t, "http://"+listener.Addr().String()+"/"+password), delivery(`{}`)))
	require.False(t, failure.Permanent)
	require.Equal(t, "connection refused", failure.Label)
}

func TestDeliver_AReceiverThatBreaksOff_IsTransient(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(net.Conn){
		"closes without a word": func(net.Conn) {},
		"resets":                reset,
		"closes half way":       func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") },
		"speaks no HTTP":        func(c net.Conn) { _, _ = io.WriteString(c, "/services/"+password+"\r\n\r\n") },
		"endless headers": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X-More: and more\r\n"); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failure := refused(t, attempt(t, open(t, raw(t, talk)), delivery(`{}`)))
			require.False(t, failure.Permanent, failure.Message)
			switch name {
			case "resets":
				require.Equal(t, "connection reset", failure.Label)
			case "speaks no HTTP":
				require.Contains(t, failure.Message, "[hidden]")
			}
		})
	}
}

func TestDeliver_AnAcceptedResultWhoseAnswerBreaksOff_IsDelivered(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
		_ = c.(*net.TCPConn).CloseWrite()
	})
	require.NoError(t, attempt(t, open(t, address), delivery(`{}`)))
}

func TestDeliver_AnAnswerThatTakesTheConnectionOver_IsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	address := raw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
	})
	failure := refused(t, attempt(t, open(t, address), delivery(`{}`)))
	require.True(t, failure.Permanent)
	require.Equal(t, "http 101", failure.Label)
}

func TestDeliver_ACertificateThatNobodySigned_SaysSo(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	failure := refused(t, attempt(t, open(t, server.URL+"/"+password), delivery(`{}`)))
	require.False(t, failure.Permanent)
	require.Equal(t, "unknown authority", failure.Label)
	require.Contains(t, failure.Message, "unknown authority")
}

func TestDeliver_OneAfterAnother_UsesTheConnectionAgain(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{} // each request is over before the next
	r := receive(t, func(w http.ResponseWriter, req *http.Request, _ consign.Result) {
		seen[req.RemoteAddr] = true
		http.Error(w, "an answer that is read to its end", http.StatusInternalServerError)
	})
	sink := open(t, r.address())
	for range 5 {
		require.Error(t, attempt(t, sink, delivery(`{}`)))
	}
	require.Len(t, seen, 1)
}
