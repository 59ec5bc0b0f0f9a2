package nats

import (
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// streams is a NATS server in this process with the stream DETECTIONS.
func streams(t *testing.T) jetstream.JetStream {
	t.Helper()
	running, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	require.NoError(t, err)
	running.Start()
	t.Cleanup(func() {
		running.Shutdown()
		running.WaitForShutdown()
	})
	require.True(t, running.ReadyForConnections(time.Minute))
	conn, err := natsgo.Connect(running.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DETECTIONS", Subjects: []string{"detections.>"}})
	require.NoError(t, err)
	return js
}

func settings(change func(*Settings)) *Settings {
	s := &Settings{Stream: "DETECTIONS"}
	if change != nil {
		change(s)
	}
	s.SetDefaults()
	return s
}

func TestConsumer_ThatIsThere_IsBroughtUpToDateAndKeepsWhatElseItHas(t *testing.T) {
	t.Parallel()
	js := streams(t)
	made, err := settings(nil).consumer(t.Context(), js)
	require.NoError(t, err)
	require.Equal(t, 10_000, made.CachedInfo().Config.MaxAckPending)
	require.Equal(t, -1, made.CachedInfo().Config.MaxDeliver)

	byHand := made.CachedInfo().Config
	byHand.MaxAckPending, byHand.MaxDeliver, byHand.Description = 50_000, 3, "a person's"
	byHand.HeadersOnly, byHand.InactiveThreshold = true, time.Hour
	byHand.MaxRequestBatch, byHand.MaxRequestExpires, byHand.MaxRequestMaxBytes = 1, time.Second, 100
	_, err = js.UpdateConsumer(t.Context(), "DETECTIONS", byHand)
	require.NoError(t, err)
	changed, err := settings(func(s *Settings) {
		s.Filter, s.AckWait, s.Deliver = []string{"detections.edr", "detections.ndr"}, time.Minute, "new"
	}).consumer(t.Context(), js)
	require.NoError(t, err)
	is := changed.CachedInfo().Config
	require.Equal(t, 50_000, is.MaxAckPending)
	require.Equal(t, -1, is.MaxDeliver)
	require.Equal(t, time.Minute, is.AckWait)
	require.Equal(t, []string{"detections.edr", "detections.ndr"}, is.FilterSubjects)
	require.Equal(t, "a person's", is.Description)
	require.False(t, is.HeadersOnly)
	require.Zero(t, is.InactiveThreshold)
	require.Zero(t, is.MaxRequestBatch)
	require.Zero(t, is.MaxRequestExpires)
	require.Zero(t, is.MaxRequestMaxBytes)
	require.Equal(t, jetstream.DeliverAllPolicy, is.DeliverPolicy)
}

func TestConsumer_ThatCannotBeChanged_IsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	js := streams(t)
	_, err := js.CreateConsumer(t.Context(), "DETECTIONS", jetstream.ConsumerConfig{Durable: "none", AckPolicy: jetstream.AckNonePolicy})
	require.NoError(t, err)
	_, err = js.CreatePushConsumer(t.Context(), "DETECTIONS", jetstream.ConsumerConfig{Durable: "push", AckPolicy: jetstream.AckExplicitPolicy, DeliverSubject: "deliver.here"})
	require.NoError(t, err)
	_, err = js.CreateConsumer(t.Context(), "DETECTIONS", jetstream.ConsumerConfig{
		Durable: "pinned", AckPolicy: jetstream.AckExplicitPolicy, PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"a"},
	})
	require.NoError(t, err)
	for durable, want := range map[string]string{
		"pinned": "consumer pinned of stream DETECTIONS serves priority groups, which this source does not ask by: name another durable, or delete it",
		"none":   `consumer none of stream DETECTIONS has the ack policy AckNone, which cannot be changed: name another durable, or delete it`,
		"push":   "consumer push of stream DETECTIONS pushes its messages, which cannot be changed: name another durable, or delete it",
	} {
		_, err := settings(func(s *Settings) { s.Durable = durable }).consumer(t.Context(), js)
		require.EqualError(t, err, want)
	}
	_, err = settings(func(s *Settings) { s.Stream = "NONE" }).consumer(t.Context(), js)
	require.EqualError(t, err, "there is no stream NONE: create it, as with: nats stream add NONE")
}
