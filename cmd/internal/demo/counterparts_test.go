package demo

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
)

func TestCounterparts_HoldWhatTheirSinksDelivered(t *testing.T) {
	t.Parallel()
	s := serveCounterparts(t)
	submitted := s.deliver(t)
	v := judge(s.evidence(t, submitted))
	require.True(t, v.Pass, v)
	for _, h := range []*holding{v.Collector, v.Stream, v.Topic} {
		require.Equal(t, &holding{Results: len(submitted)}, h)
	}
}

func TestCounterparts_DeliveredTwice_AreDuplicates_ExceptWhereTheStreamDropsThem(t *testing.T) {
	t.Parallel()
	s := serveCounterparts(t)
	submitted := s.deliver(t)
	s.deliver(t)
	v := judge(s.evidence(t, submitted))
	require.True(t, v.Pass, v)
	require.Equal(t, &holding{Results: len(submitted), Duplicates: len(submitted)}, v.Collector)
	require.Equal(t, &holding{Results: len(submitted)}, v.Stream)
	require.Equal(t, &holding{Results: len(submitted), Duplicates: len(submitted)}, v.Topic)
}

// The first result is lost in each place, by its own means.
func TestCounterparts_WhenOneLosesAResult_TheVerdictNamesIt(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *stage){
		"collector": func(t *testing.T, s *stage) { cutFirstLine(t, filepath.Join(s.dir, collectorLedger)) },
		"stream":    func(t *testing.T, s *stage) { deleteFirstMessage(t, s.receiver.NATS) },
		"topic":     func(t *testing.T, s *stage) { deleteFirstRecord(t, s.receiver.Kafka) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveCounterparts(t)
			submitted := s.deliver(t)
			lose(t, s.stage)
			v := judge(s.evidence(t, submitted))
			require.False(t, v.Pass)
			require.Equal(t, []string{"the " + name + " does not hold " + submitted[0].ID}, v.Problems)
		})
	}
}

func TestCollector_ALineWithoutItsEnd_IsNotThere(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	c, err := startCollector(dir)
	require.NoError(t, err)
	conn, err := net.Dial("unix", filepath.Join(dir, collectorSocket))
	require.NoError(t, err)
	_, err = conn.Write([]byte("whole\nhalf"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	ledger := filepath.Join(dir, collectorLedger)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(ledger)
		return err == nil && len(text) > 0
	}, time.Minute, pollPause)
	c.close()
	text, err := os.ReadFile(ledger)
	require.NoError(t, err)
	require.Equal(t, "whole\n", string(text))
}

func TestCollector_WhenTheDirectoryIsTooDeepForASocket_SaysWhatToSet(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("deep", 30))
	require.NoError(t, os.Mkdir(dir, 0o700))
	_, err := openCounterparts(t.Context(), dir)
	require.ErrorContains(t, err, "set TMPDIR to a shorter path")
}

func TestKinds_AreAllShownOrLeftOutWithTheirReason(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{}
	for _, sink := range furtherConfiguration(t, "/tmp/x.sock", "nats://127.0.0.1:4222", "127.0.0.1:9092").Sinks {
		shown[sink.Kind] = true
	}
	for _, kind := range all.Kinds() {
		_, left := needs()[kind.Name]
		require.NotEqual(t, left, shown[kind.Name], "the kind %s is either shown by --sinks all or stands in needs()", kind.Name)
	}
}

// counterpartStage is a stage of the counterparts alone, in this process, and their sinks.
type counterpartStage struct {
	*stage
	sinks map[string]sinks.Sink
	// delivered counts the lines that the collector is to read.
	delivered int
}

func serveCounterparts(t *testing.T) *counterpartStage {
	t.Helper()
	dir := shortDir(t)
	running, err := openCounterparts(t.Context(), dir)
	require.NoError(t, err)
	t.Cleanup(running.close)
	where := addresses{NATS: running.stream.ClientURL(), Kafka: running.topic.ListenAddrs()[0]}
	conn, err := nats.Connect(where.NATS)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	s := &counterpartStage{
		stage: &stage{
			sinks: []string{collectorSink, streamSink, topicSink}, dir: dir, nats: conn, receiver: &receiverProcess{addresses: where},
		},
		sinks: map[string]sinks.Sink{},
	}
	for _, configured := range furtherConfiguration(t, filepath.Join(dir, collectorSocket), where.NATS, where.Kafka).Sinks {
		if configured.Name == archiveSink || configured.Name == consoleSink || configured.Name == webhookSink {
			continue
		}
		sink, err := configured.Settings.(sinks.Settings).Open(t.Context(), configured.Name)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, sink.Close(context.Background())) })
		s.sinks[configured.Name] = sink
	}
	require.Len(t, s.sinks, 3)
	return s
}

// furtherConfiguration is the demo's with --sinks all.
func furtherConfiguration(t *testing.T, socket, natsURL, broker string) *config.Config {
	t.Helper()
	text := configurationText(filepath.Join(t.TempDir(), "archive"), "http://127.0.0.1:1/hook", rhythmFor(true).retry) + furtherSinks(socket, natsURL, broker)
	parsed, err := parseConfiguration(text, newSecret(), &console{})
	require.NoError(t, err)
	return parsed
}

// deliver has each sink deliver the demo's results, and waits until the collector has read its own.
func (s *counterpartStage) deliver(t *testing.T) []consign.Result {
	t.Helper()
	results, err := detections()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for name, sink := range s.sinks {
		var batch []sinks.Delivery
		for _, result := range results {
			batch = append(batch, sinks.Delivery{ID: consign.DeliveryID(result.Source, result.ID, name), Result: result})
		}
		for _, err := range sink.Deliver(ctx, batch) {
			require.NoError(t, err, name)
		}
	}
	s.delivered += len(results)
	require.Eventually(t, func() bool {
		held, err := s.read(ctx, collectorSink, held{})
		return err == nil && len(held) == s.delivered
	}, time.Minute, pollPause)
	return results
}

// evidence is what the counterparts hold, and that all else went well.
func (s *counterpartStage) evidence(t *testing.T, submitted []consign.Result) evidence {
	t.Helper()
	there, err := s.settled(t.Context(), submitted)
	require.NoError(t, err)
	return evidence{submitted: submitted, kept: there.kept, parked: 1, replayed: 1}
}

func cutFirstLine(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	_, rest, found := bytes.Cut(text, []byte("\n"))
	require.True(t, found)
	require.NoError(t, os.WriteFile(path, rest, 0o600))
}

func deleteFirstMessage(t *testing.T, address string) {
	t.Helper()
	conn, err := nats.Connect(address)
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), streamName)
	require.NoError(t, err)
	require.NoError(t, stream.DeleteMsg(t.Context(), 1))
}

func deleteFirstRecord(t *testing.T, broker string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	require.NoError(t, err)
	defer client.Close()
	partition := kmsg.NewDeleteRecordsRequestTopicPartition()
	partition.Offset = 1 // the first that stays
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic, topic.Partitions = topicName, []kmsg.DeleteRecordsRequestTopicPartition{partition}
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.Topics = []kmsg.DeleteRecordsRequestTopic{topic}
	response, err := request.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode))
}

// shortDir is a directory whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "demo") //nolint:usetesting // t.TempDir has the name of the test in it
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
