package otlp_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_AReceiverThatIsAwayAtFirst_IsFoundOnceItIsThere(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		c.goAway()
		sink := c.open(t) // which is no error
		for range 2 {
			for _, err := range deliver(t, sink, sinktest.Deliveries("away", 2)) {
				got := requireFailed(t, err)
				require.False(t, got.Permanent)
				require.Equal(t, "connection refused", got.Label)
				require.Contains(t, got.Message, "export to "+c.url()+": no answer: ")
			}
		}
		c.start(t)
		deliverAtLast(t, sink, sinktest.Deliveries("back", 2))
		require.Len(t, c.received(t), 2)
	})
}

func TestDeliver_AReceiverThatRestartsBetweenBatches_GetsTheNext(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t)
		requireDelivered(t, sink, sinktest.Deliveries("before", 2))
		c.goAway()
		c.start(t)
		deliverAtLast(t, sink, sinktest.Deliveries("after", 2))
		require.Len(t, c.received(t), 4)
	})
}

func TestDeliver_AReceiverThatGoesAwayMidBatch_HasEachResultAfterTheRetry(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t)
		batch := sinktest.Deliveries("midway", 8)
		arrived, gone := make(chan struct{}), make(chan struct{})
		c.answers(func(ctx context.Context, _ request) answer {
			close(arrived)
			<-ctx.Done() // the connection is cut
			return c.refusal(codes.Unavailable, http.StatusServiceUnavailable, "")
		})
		go func() {
			defer close(gone)
			<-arrived
			c.goAway()
		}()
		for _, err := range deliver(t, sink, batch) {
			got := requireFailed(t, err)
			require.False(t, got.Permanent)
			require.Equal(t, "connection reset", got.Label, got.Message)
		}
		<-gone
		c.answers(nil)
		c.start(t)
		deliverAtLast(t, sink, batch)
		require.Len(t, c.received(t), 8)
	})
}

func TestDeliver_AReceiverThatNeverAnswers_ReturnsWithTheContextAndLeavesNothing(t *testing.T) {
	for _, scheme := range []string{overGRPC, overHTTP} {
		t.Run(scheme, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			c := serve(t, scheme)
			release := c.hang()
			sink := c.open(t)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			for _, err := range sink.Deliver(ctx, sinktest.Deliveries("hanging", 3)) {
				got := requireFailed(t, err)
				require.Equal(t, sinks.LabelTimeout, got.Label)
				require.Contains(t, got.Message, "no answer in time")
			}
			interrupted, stop := context.WithCancel(t.Context())
			stop()
			for _, err := range sink.Deliver(interrupted, sinktest.Deliveries("interrupted", 3)) {
				require.Equal(t, "interrupted", requireFailed(t, err).Label)
			}
			release()
			require.NoError(t, sink.Close(t.Context()))
			c.goAway()
			goleak.VerifyNone(t, before)
		})
	}
}

// A listener that takes connections and then says nothing, or nothing that belongs there.
func silent(t *testing.T, says string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				if says != "" {
					_, _ = conn.Read(make([]byte, 1))
					_, _ = io.WriteString(conn, says)
					return
				}
				_, _ = io.Copy(io.Discard, conn) // until the other side hangs up
			})
		}
	})
	t.Cleanup(func() { listener.Close(); served.Wait() })
	return listener.Addr().String()
}

func TestDeliver_ASocketThatIsNoReceiver_IsTransientAndReturnsWithTheContext(t *testing.T) {
	for _, scheme := range []string{overGRPC, overHTTP, overGRPC + "s", overHTTP + "s"} {
		t.Run(scheme, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Run("silent", func(t *testing.T) {
				sink, err := otlp.New(otlp.Config{URL: scheme + "://" + silent(t, "")})
				require.NoError(t, err)
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				for _, err := range sink.Deliver(ctx, sinktest.Deliveries("mute", 2)) {
					require.Equal(t, sinks.LabelTimeout, requireFailed(t, err).Label)
				}
				require.NoError(t, sink.Close(t.Context()))
			})
			t.Run("speaks another protocol", func(t *testing.T) {
				sink, err := otlp.New(otlp.Config{URL: scheme + "://" + silent(t, "220 mail.example.com ESMTP\r\n")})
				require.NoError(t, err)
				for _, err := range deliver(t, sink, sinktest.Deliveries("other", 2)) {
					require.False(t, requireFailed(t, err).Permanent)
				}
				require.NoError(t, sink.Close(t.Context()))
			})
			goleak.VerifyNone(t, before)
		})
	}
}

func TestDeliver_TheOtherProtocol_IsTransientAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{{overGRPC, overHTTP}, {overHTTP, overGRPC}} {
		c := serve(t, pair[0])
		sink := c.open(t, func(settings *otlp.Config) { settings.URL = pair[1] + "://" + c.address })
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("mistaken", 1))[0])
		require.False(t, got.Permanent)
		require.Equal(t, "wrong protocol", got.Label, got.Message)
		require.Contains(t, got.Message, "begin url with "+pair[0]+"://")
	}
}

func TestDeliver_ANameThatIsNotThere_IsTransient(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{overGRPC, overHTTP} {
		sink, err := otlp.New(otlp.Config{URL: scheme + "://collector.invalid"})
		require.NoError(t, err)
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("nowhere", 1))[0])
		require.False(t, got.Permanent)
		require.Contains(t, got.Message, "collector.invalid")
		require.NoError(t, sink.Close(t.Context()))
	}
}

func TestDeliver_ManyGoroutinesWhileTheReceiverComesAndGoes_LoseNothing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t)
		var delivering sync.WaitGroup
		for g := range 4 {
			delivering.Go(func() {
				for turn := range 5 {
					batch := sinktest.Deliveries(fmt.Sprintf("storm-%d-%d", g, turn), 3)
					for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
						if errs := sink.Deliver(t.Context(), batch); strings.Join(messages(errs), "") == "" {
							break
						}
					}
				}
			})
		}
		for range 3 {
			c.goAway()
			c.start(t)
		}
		delivering.Wait()
		held := map[string]bool{}
		for _, one := range c.received(t) {
			held[one.DeliveryID] = true
		}
		require.Len(t, held, 4*5*3)
	})
}

func messages(errs []error) []string {
	var said []string
	for _, err := range errs {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	return said
}
