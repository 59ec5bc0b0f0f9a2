package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/status"
)

// broker is a NATS server in this process with the stream DETECTIONS, which can go away and come back.
type broker struct {
	*testing.T
	options natsserver.Options
	running *natsserver.Server
	js      jetstream.JetStream
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	b := &broker{T: t, options: natsserver.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true, MaxPayload: 4 << 20,
	}}
	b.start()
	t.Cleanup(b.stop)
	conn, err := natsgo.Connect(b.url(), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(50*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	b.js, err = jetstream.New(conn)
	require.NoError(t, err)
	_, err = b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DETECTIONS", Subjects: []string{"detections.>"}})
	require.NoError(t, err)
	return b
}

func (b *broker) start() {
	b.Helper()
	options := b.options // the server changes what it is given
	running, err := natsserver.NewServer(&options)
	require.NoError(b, err)
	running.Start()
	require.True(b, running.ReadyForConnections(time.Minute))
	b.running = running
}

func (b *broker) stop() {
	if b.running != nil {
		b.running.Shutdown()
		b.running.WaitForShutdown()
		b.running = nil
	}
}

func (b *broker) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", b.options.Port) }

// publish stores a message, with headers by name and value.
func (b *broker) publish(body string, headers ...string) {
	b.Helper()
	message := &natsgo.Msg{Subject: "detections.edr", Data: []byte(body), Header: natsgo.Header{}}
	for i := 0; i < len(headers); i += 2 {
		message.Header[headers[i]] = []string{headers[i+1]}
	}
	_, err := b.js.PublishMsg(b.Context(), message)
	require.NoError(b, err)
}

// state is what the server knows of the consumer "consign", which may not be there yet.
func (b *broker) state() jetstream.ConsumerInfo {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	consumer, err := b.js.Consumer(ctx, "DETECTIONS", "consign")
	if err != nil {
		return jetstream.ConsumerInfo{}
	}
	return *consumer.CachedInfo()
}

// advised counts what the server says of the consumer: "MSG_TERMINATED", for one.
func (b *broker) advised(what string) func() int {
	b.Helper()
	var count atomic.Int64
	_, err := b.js.Conn().Subscribe("$JS.EVENT.ADVISORY.CONSUMER."+what+".DETECTIONS.consign", func(*natsgo.Msg) { count.Add(1) })
	require.NoError(b, err)
	require.NoError(b, b.js.Conn().Flush())
	return func() int { return int(count.Load()) }
}

// reads is a configuration that reads from the broker, with more settings of the source, and sinks.
func (b *broker) reads(settings, rest string) string {
	return fmt.Sprintf("sources: {edr: {nats: {url: %q, stream: DETECTIONS%s}}}\n%s", b.url(), settings, rest)
}

func (s *stage) acked(b *broker, floor uint64) {
	s.Helper()
	s.eventually(func() bool { return b.state().AckFloor.Stream >= floor }, "the messages are acked")
	state := b.state()
	require.Equal(s, floor, state.AckFloor.Stream)
	require.Zero(s, state.NumAckPending)
}

// counted requires that so many messages of the source "edr" had an outcome, and that none is held any more.
func (s *stage) counted(outcome string, want int) {
	s.Helper()
	value := func(metric string, label ...string) int {
		families, err := s.worker.Registry().Gather()
		require.NoError(s, err)
		for _, family := range families {
			for _, one := range family.GetMetric() {
				values := []string{}
				for _, pair := range one.GetLabel() {
					values = append(values, pair.GetValue())
				}
				if family.GetName() == metric && slices.Equal(values, label) {
					return int(one.GetCounter().GetValue() + one.GetGauge().GetValue())
				}
			}
		}
		return -1
	}
	require.Equal(s, want, value("consign_nats_messages_total", outcome, "edr"), outcome)
	s.eventually(func() bool { return value("consign_nats_held", "edr") == 0 }, "no message is held")
}

// letters waits until there are so many dead letters, and returns what they hold, by their ids.
func (s *stage) letters(n int) []consign.Record {
	s.Helper()
	s.listed(n)
	page, err := s.temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000, Query: "WorkflowType = 'DeadLetter'"})
	require.NoError(s, err)
	var records []consign.Record
	for _, found := range page.GetExecutions() {
		records = append(records, s.record(found.GetExecution().GetWorkflowId()))
	}
	slices.SortFunc(records, func(a, b consign.Record) int { return strings.Compare(a.ID, b.ID) })
	return records
}

func TestNATS_EveryFormOfMessage_IsDeliveredAndAcked(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.publish(`{"a": 1}`)
	b.publish(`{"a":2}`, "Nats-Msg-Id", "two")
	b.publish(`{"source":"s","id":"three","type":"t","data":{"a":3}}`)
	b.publish(`{"specversion":"1.0","source":"s","id":"four","type":"t","data":4,"subject":"x"}`, "Content-Type", "application/cloudevents+json")
	b.publish(`{"data":5,"source":"not mine"}`, "ce-specversion", "1.0", "ce-id", "f%20ive", "ce-source", "s", "ce-type", "consign.result", "ce-time", "2026-03-01T12:30:00Z")
	b.publish(`"six"`, "Nats-Msg-Id", "six")
	s := perform(t, b.reads(", type: detection", twoSinks))
	s.acked(b, 6)
	got := map[string]consign.Result{}
	for _, d := range s.sinks["one"].took() {
		id := d.Result.ID
		if strings.HasPrefix(id, "DETECTIONS-1-") {
			id, d.Result.ID = "one", ""
		}
		got[id] = d.Result
	}
	require.Equal(t, map[string]consign.Result{
		"one":   {Source: "DETECTIONS", Type: "detection", Data: []byte(`{"a":1}`)},
		"two":   {Source: "DETECTIONS", ID: "two", Type: "detection", Data: []byte(`{"a":2}`)},
		"three": {Source: "s", ID: "three", Type: "t", Data: []byte(`{"a":3}`)},
		"four":  {Source: "s", ID: "four", Type: "t", Data: []byte(`4`), Subject: "x"},
		"f ive": {Source: "s", ID: "f ive", Type: "detection", Data: []byte(`{"data":5,"source":"not mine"}`), Time: time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)},
		"six":   {Source: "DETECTIONS", ID: "six", Type: "detection", Data: []byte(`"six"`)},
	}, got)
	require.Len(t, s.sinks["two"].took(), 6)
	s.counted("stored", 6)
}

func TestNATS_AMessage_IsAckedOnlyOnceEverySinkHasItAndIsNotDeliveredAgainMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	down := &script{}
	down.answers(func(int, sinks.Delivery) error { return errors.New("down") })
	s.sinks["two"] = down
	s.start(b.reads(", ack_wait: 6s", `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 1000, backoff: 500ms, max_backoff: 500ms}, circuit: {failures: -1}}}`))
	b.publish(`{}`)
	b.publish(`{}`)
	s.eventually(func() bool { return len(s.sinks["one"].took()) == 2 }, "the first sink has both")
	// Without signs of life, both would come again twice in the 12 s and more that 30 attempts take.
	s.eventually(func() bool { return len(down.tries()) >= 60 }, "many attempts at the second")
	state := b.state()
	require.Zero(t, state.AckFloor.Stream)
	require.Equal(t, 2, state.NumAckPending)
	require.Zero(t, state.NumRedelivered)
	down.answers(nil)
	s.acked(b, 2)
	require.Len(t, s.sinks["one"].took(), 2)
	require.Len(t, down.took(), 2)
}

func TestNATS_ProcessThatEndsBeforeTheAck_LeavesItToTheNext_WhichDeliversNothingTwice(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	down := &script{}
	down.answers(func(int, sinks.Delivery) error { return errors.New("down") })
	s.sinks["two"] = down
	yaml := b.reads(", ack_wait: 1s", `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}, circuit: {failures: -1}}}`)
	s.start(yaml)
	b.publish(`{"n":1}`)
	s.eventually(func() bool { return len(s.sinks["one"].took()) == 1 && len(down.tries()) > 2 }, "the first sink has it")
	s.stop()
	require.Equal(t, 1, b.state().NumAckPending)
	s.start(yaml)
	s.eventually(func() bool { return b.state().NumRedelivered == 1 }, "it comes again")
	down.answers(nil)
	s.acked(b, 1)
	require.Len(t, s.sinks["one"].took(), 1)
	require.Len(t, down.took(), 1)
	require.Len(t, s.workflows(1), 1)
}

func TestNATS_MessageThatComesAgainAfterItsWorkflowHasClosed_IsAcked(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	// The result is there before the source is read: as if its ack had been lost for good.
	b.publish(`{"n":1}`, "Nats-Msg-Id", "one")
	s.start(twoSinks)
	handle, err := s.client.Submit(s.ctx, consign.Result{Source: "DETECTIONS", ID: "one", Data: []byte(`{"n":1}`)})
	require.NoError(t, err)
	s.wait(handle)
	s.stop()
	s.start(b.reads("", twoSinks))
	s.acked(b, 1)
	require.Len(t, s.sinks["one"].took(), 1)
	s.counted("duplicate", 1)
}

func TestNATS_WorkerThatDiesBeforeTheAck_HasItSentByAnother(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	down := &script{}
	down.answers(func(int, sinks.Delivery) error { return errors.New("down") })
	s.sinks["two"] = down
	rest := `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}, circuit: {failures: -1}}}
acks: {retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}}`
	// So long that only the workflow can ack.
	source := b.reads(", ack_wait: 1h", rest)
	s.start(source)
	b.publish(`{"n":1}`)
	s.eventually(func() bool { return len(down.tries()) > 2 }, "attempts")
	s.stop()
	// A worker that lacks the source commits, and cannot ack.
	down.answers(nil)
	s.start(rest)
	s.eventually(func() bool { return len(down.took()) == 1 }, "it is committed")
	require.Equal(t, 1, b.state().NumAckPending)
	s.stop()
	s.start(source)
	s.acked(b, 1)
}

func TestNATS_WhatCannotBeSubmitted_IsParkedWholeAndThenTerminated(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	s.start(twoSinks)
	handle, err := s.client.Submit(s.ctx, consign.Result{Source: "s", ID: "taken", Data: []byte(`1`)})
	require.NoError(t, err)
	s.wait(handle)
	s.stop()
	large := `"` + strings.Repeat("x", 3<<19) + `"`
	b.publish("no JSON", "X-From", "probe")
	b.publish("\xff\xfe")
	b.publish(large)
	b.publish(`{"source":"s","id":"taken","data":2}`)
	b.publish(`{"good":true}`)
	terminated := b.advised("MSG_TERMINATED")
	s.start(b.reads("", twoSinks))
	s.acked(b, 5)
	s.eventually(func() bool { return terminated() == 4 }, "four are terminated")
	require.Len(t, s.sinks["one"].took(), 2)
	letters := s.letters(8)
	found := map[string]int{}
	var parts []byte
	for _, record := range letters {
		found[record.Label]++
		held := struct {
			Subject string        `json:"subject"`
			Headers natsgo.Header `json:"headers"`
			Text    *string       `json:"text"`
			Base64  []byte        `json:"base64"`
			Part    int           `json:"part"`
			Parts   int           `json:"parts"`
		}{}
		require.NoError(t, json.Unmarshal(record.Results[0].Data, &held))
		require.Equal(t, "detections.edr", held.Subject)
		switch {
		case held.Parts > 0:
			require.Equal(t, 5, held.Parts) // 1.5 MiB and two quotes
			parts = append(parts, held.Base64...)
		case held.Base64 != nil:
			require.Equal(t, []byte("\xff\xfe"), held.Base64)
		case strings.HasPrefix(*held.Text, "no"):
			require.Equal(t, "no JSON", *held.Text)
			require.Equal(t, "probe", held.Headers["X-From"][0])
		default:
			require.JSONEq(t, `{"source":"s","id":"taken","data":2}`, *held.Text)
		}
	}
	require.Equal(t, map[string]int{"unreadable": 2, "too large": 5, "conflict": 1}, found)
	s.counted("parked", 4)
	require.Len(t, parts, len(large))
}

func TestNATS_ResultThatIsRejected_HasItsMessageTerminated(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	terminated := b.advised("MSG_TERMINATED")
	b.publish(`{"wanted":false}`)
	b.publish(`{"wanted":true}`)
	s := perform(t, b.reads("", "unmatched: reject\nsinks: {one: {script: {}, when: data.wanted == true}}"))
	s.acked(b, 2)
	s.eventually(func() bool { return terminated() == 1 }, "one is terminated")
	require.Len(t, s.sinks["one"].took(), 1)
}

func TestNATS_WhereToBegin_CountsWhenTheConsumerIsMade(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		deliver func(b *broker, third time.Time) string
		first   string
	}{
		"all":      {func(*broker, time.Time) string { return "all" }, "1"},
		"new":      {func(*broker, time.Time) string { return "new" }, "5"},
		"sequence": {func(*broker, time.Time) string { return "sequence 2" }, "2"},
		"time": {func(_ *broker, third time.Time) string {
			return "time " + third.Format(time.RFC3339Nano)
		}, "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t)
			for n := range 4 {
				b.publish(fmt.Sprintf(`{"n":%d}`, n+1))
			}
			stream, err := b.js.Stream(t.Context(), "DETECTIONS")
			require.NoError(t, err)
			third, err := stream.GetMsg(t.Context(), 3)
			require.NoError(t, err)
			yaml := b.reads(fmt.Sprintf(", deliver: %q", test.deliver(b, third.Time)), `sinks: {one: {script: {}}}`)
			s := perform(t, yaml)
			s.eventually(func() bool { return b.state().Name != "" }, "the consumer is made")
			b.publish(`{"n":5}`)
			s.acked(b, 5)
			s.stop()
			b.publish(`{"n":6}`)
			s.start(yaml)
			s.acked(b, 6)
			var first []string
			for _, d := range s.sinks["one"].took() {
				first = append(first, string(d.Result.Data))
			}
			slices.Sort(first)
			require.Equal(t, fmt.Sprintf(`{"n":%s}`, test.first), first[0])
			require.Equal(t, `{"n":6}`, first[len(first)-1])
		})
	}
}

func TestNATS_BrokerThatGoesAwayAndComesBack_LosesNothingAndHasAllAcked(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	down := &script{}
	down.answers(func(int, sinks.Delivery) error { return errors.New("down") })
	s.sinks["two"] = down
	s.start(b.reads(", ack_wait: 1s", `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}, circuit: {failures: -1}}}
acks: {retry: {max: 1000, backoff: 100ms, max_backoff: 100ms}}`))
	for n := range 20 {
		b.publish(fmt.Sprintf(`{"n":%d}`, n))
	}
	s.eventually(func() bool { return len(s.sinks["one"].took()) == 20 }, "the first sink has all")
	b.stop()
	down.answers(nil)
	s.eventually(func() bool { return len(down.took()) == 20 }, "all is committed, and cannot be acked")
	b.start()
	s.acked(b, 20)
	b.publish(`{"n":"after"}`)
	s.acked(b, 21)
	require.Len(t, s.sinks["one"].took(), 21)
	require.Len(t, down.took(), 21)
}

func TestNATS_SeveralProcesses_ShareTheMessagesOfOneConsumer(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	yaml := b.reads(", max_open: 300, ack_wait: 1h", `sinks: {one: {script: {}}}`)
	s := perform(t, yaml)
	other := &stage{T: t, ctx: s.ctx, namespace: s.namespace, temporal: s.temporal, client: s.client, sinks: map[string]*script{}}
	other.start(yaml)
	for n := range 100 {
		b.publish(fmt.Sprintf(`{"n":%d}`, n))
	}
	s.acked(b, 100)
	deliveries := map[string]bool{} // on a busy machine an attempt may be repeated
	for _, d := range append(s.sinks["one"].took(), other.sinks["one"].took()...) {
		deliveries[d.ID] = true
	}
	require.Len(t, deliveries, 100)
	require.Equal(t, 300, b.state().Config.MaxAckPending)
}

func TestNATS_MessageThatComesAgainAndAgainAndCannotBeAcked_HasOneAckTriedAtATime(t *testing.T) {
	t.Parallel()
	s := perform(t, twoSinks) // no source: the ack waits for another worker
	result := consign.Result{Source: "s", ID: "one", Data: []byte(`1`)}
	handle, err := s.client.Submit(s.ctx, result)
	require.NoError(t, err)
	s.wait(handle)
	for delivered := range 3 {
		_, err := s.client.Submit(s.ctx, result, consign.AckByNATS("edr", fmt.Sprintf("$JS.ACK.DETECTIONS.consign.%d.7.%d.1764113914123456789.0", delivered+1, delivered+7)))
		require.NoError(t, err)
	}
	_, err = s.client.Submit(s.ctx, result, consign.AckByNATS("edr", "$JS.ACK.DETECTIONS.consign.1.8.20.1764113914123456789.0"))
	require.NoError(t, err)
	s.eventually(func() bool {
		count, err := s.temporal.CountActivities(s.ctx, client.CountActivitiesOptions{Query: "ActivityType = 'ack'"})
		require.NoError(t, err)
		return count.Count >= 2
	}, "an ack for each message")
	count, err := s.temporal.CountActivities(s.ctx, client.CountActivitiesOptions{Query: "ActivityType = 'ack'"})
	require.NoError(t, err)
	require.EqualValues(t, 2, count.Count)
}

func TestNATS_Standing_TellsThatASourceReads_IsFull_AndIsStalled(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	s := newStage(t)
	s.sinks["one"] = &script{}
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return errors.New("down") })
	s.start(b.reads(", max_open: 2", `sinks: {one: {script: {}, retry: {max: 1000, backoff: 500ms, max_backoff: 500ms}, circuit: {failures: -1}}}`))
	one := func() status.Source { return s.sources.Standing()[0] }
	require.Equal(t, status.SourceReading, one().State)
	for range 3 {
		b.publish(`{}`)
	}
	s.eventually(func() bool { return one().State == status.SourceFull }, "two are open, and no more may be")
	require.EqualValues(t, 2, one().Open)
	require.EqualValues(t, 2, one().Limit)
	s.eventually(func() bool { return one().Taken == 2 }, "they are stored")

	s.sinks["one"].answers(nil)
	s.acked(b, 3)
	s.eventually(func() bool { return one().State == status.SourceReading }, "there is room again")
	b.stop()
	s.eventually(func() bool { return one().State == status.SourceStalled }, "the broker is away")
	require.NotEmpty(t, one().LastError.Cause)
	b.start()
	s.eventually(func() bool { return one().State == status.SourceReading }, "it is back")
}
