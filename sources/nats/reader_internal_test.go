package nats

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
)

// reads is a reader of the stream DETECTIONS whose messages a test takes, and what it logs.
func reads(t *testing.T, s *Settings) (*reader, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	own := &source{
		name: "edr", settings: s, metrics: newMetrics(prometheus.NewRegistry()),
		held: newHeld(s.MaxOpen, s.AckWait), log: zap.New(core),
	}
	return &reader{source: own}, logs
}

func TestFetch_LargeMessages_AreAskedForNoMoreThanFitAndEachIsHeldWhenItComes(t *testing.T) {
	t.Parallel()
	js := streams(t)
	const size = 100 << 10
	for range 10 {
		_, err := js.Publish(t.Context(), "detections.edr", bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
	}
	r, _ := reads(t, settings(nil))
	consumer, err := r.settings.consumer(t.Context(), js)
	require.NoError(t, err)
	taken := 0
	ask := question{most: 10, bytes: 5*size + size/2}
	came, err := r.fetch(t.Context(), consumer, ask, func(context.Context, arrival) { taken++ })
	require.NoError(t, err)
	require.Equal(t, 5, came)
	require.Equal(t, 5, taken)
	require.Equal(t, 5, r.held.count())

	// One that is larger than what is asked for is asked for alone.
	ask.bytes = size / 2
	began := time.Now()
	came, err = r.fetch(t.Context(), consumer, ask, func(context.Context, arrival) { taken++ })
	require.NoError(t, err)
	require.Zero(t, came)
	require.Less(t, time.Since(began), fetchWait/2)
	ask.alone = true
	came, err = r.fetch(t.Context(), consumer, ask, func(context.Context, arrival) { taken++ })
	require.NoError(t, err)
	require.Equal(t, 1, came)
}

func TestFetch_MessagesThatWaitForTheirTurn_AreHeldMeanwhile(t *testing.T) {
	t.Parallel()
	js := streams(t)
	for range 3 {
		_, err := js.Publish(t.Context(), "detections.edr", []byte(`1`))
		require.NoError(t, err)
	}
	r, _ := reads(t, settings(nil))
	consumer, err := r.settings.consumer(t.Context(), js)
	require.NoError(t, err)
	came, err := r.fetch(t.Context(), consumer, question{most: 3, bytes: fetchBytes}, func(context.Context, arrival) {
		require.Eventually(t, func() bool { return r.held.count() == 3 }, time.Minute, time.Millisecond)
	})
	require.NoError(t, err)
	require.Equal(t, 3, came)
}

func TestFetch_ConsumerThatIsDeletedMeanwhile_IsAFailure(t *testing.T) {
	t.Parallel()
	js := streams(t)
	_, err := js.Publish(t.Context(), "detections.edr", []byte(`1`))
	require.NoError(t, err)
	r, _ := reads(t, settings(nil))
	consumer, err := r.settings.consumer(t.Context(), js)
	require.NoError(t, err)
	_, err = r.fetch(t.Context(), consumer, question{most: 3, bytes: fetchBytes}, func(context.Context, arrival) {
		require.NoError(t, js.DeleteConsumer(t.Context(), "DETECTIONS", "consign"))
	})
	require.ErrorContains(t, err, "waiting for messages of stream DETECTIONS: ")
}

func TestCompare_AConsumerThatSomebodyHasChanged_IsSaidOnceAndKeptStepWith(t *testing.T) {
	t.Parallel()
	js := streams(t)
	r, logs := reads(t, settings(nil))
	consumer, err := r.settings.consumer(t.Context(), js)
	require.NoError(t, err)
	said := r.compare(consumer.CachedInfo(), "")
	require.Empty(t, said)
	other := settings(func(s *Settings) { s.AckWait, s.Filter = 4*time.Second, []string{"detections.ndr"} })
	_, err = other.consumer(t.Context(), js)
	require.NoError(t, err)
	info, err := consumer.Info(t.Context())
	require.NoError(t, err)
	said = r.compare(info, said)
	require.Equal(t, "ack_wait 4s, filter [detections.ndr]", said)
	require.Equal(t, said, r.compare(info, said))
	require.Equal(t, 1, logs.Len())
	require.Equal(t, said, logs.All()[0].ContextMap()["differs"])
	require.Equal(t, 2*time.Second, r.held.every)
	info.Config.BackOff = []time.Duration{2 * time.Second, time.Minute}
	r.compare(info, said)
	require.Equal(t, time.Second, r.held.every)
}

// stored is a message as it may come, for what is said of its parts.
type stored struct {
	jetstream.Msg
	headers natsgo.Header
	data    []byte
}

func (m stored) Headers() natsgo.Header { return m.headers }
func (m stored) Data() []byte           { return m.data }
func (stored) Subject() string          { return "detections.edr" }

func TestRawOf_AMessageWithTheLargestHeaders_FitsIntoDeadLetters(t *testing.T) {
	t.Parallel()
	headers := natsgo.Header{"X": {strings.Repeat("\x01", 64<<10)}} // six times as long in JSON
	for _, size := range []int{0, 1, 600 << 10, 3 << 20} {
		parts, err := rawOf(stored{headers: headers, data: bytes.Repeat([]byte("\xff"), size)})
		require.NoError(t, err)
		require.NotEmpty(t, parts)
		for n, part := range parts {
			require.NoError(t, consign.CheckResults([]consign.Result{{Source: "s", ID: fmt.Sprint(n), Data: part}}), size)
		}
	}
}

func TestAttributes_TheSameHeaderInTwoSpellings_GivesTheSameIDWheneverItComes(t *testing.T) {
	t.Parallel()
	for range 50 {
		event, binary, err := attributes(natsgo.Header{"ce-id": {"a"}, "CE-ID": {"b"}, "Ce-Id": {"c"}})
		require.NoError(t, err)
		require.True(t, binary)
		require.Equal(t, "a", event.ID)
	}
}
