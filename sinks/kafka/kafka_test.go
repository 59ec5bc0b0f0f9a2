package kafka_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{KeepsOrder: true, Open: func(t *testing.T) sinktest.Instance {
		// One partition, as order is kept within each.
		c := serve(t, 1, []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", "consign", password)},
			kgo.SASL(scram.Auth{User: "consign", Pass: password}.AsSha256Mechanism()))
		var fault *kfake.FaultHandle
		return sinktest.Instance{
			Sink: open(t, c, func(s *kafka.Config) {
				s.SASL = &kafka.SASL{Mechanism: "scram-sha-256", User: "consign", Password: config.NewSecret(password)}
			}),
			Received: func() []sinktest.Received { return c.received(t) },
			Break:    c.stop,
			BreakForGood: func() {
				fault = c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidRecord, Count: -1})
			},
			Hang: c.pause,
			Heal: func() {
				c.resume()
				c.start(t)
				if fault != nil {
					fault.Remove()
				}
			},
			Secrets: []string{password},
		}
	}})
}

func TestDeliver_OneResult_IsItsDataUnderTheAttributesOfACloudEvent(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, nil)
	odd := sinktest.Delivery("a\r\nb ", []byte("{\"html\":\"<a>&amp;\u2028\",\"n\":1.00,\"n\":2}"))
	odd.Result.Source = ` "100%" é`
	bare := sinks.Delivery{ID: "msg_bare", Result: consign.Result{Source: "s", ID: "i", Data: []byte("1")}}
	for _, err := range deliver(t, sink, []sinks.Delivery{odd, bare}) {
		require.NoError(t, err)
	}
	held := c.records(t, topic)
	require.Len(t, held, 2)
	require.Equal(t, string(odd.Result.Data), string(held[0].Value))
	require.Nil(t, held[0].Key)
	require.Equal(t, map[string]string{
		"ce_specversion": "1.0", "ce_id": "a\r\nb ", "ce_source": ` "100%" é`, "ce_type": "detection",
		"ce_time": "2026-03-01T12:30:00.123456789Z", "ce_subject": "host & user", "ce_deliveryid": odd.ID, "content-type": "application/json",
	}, headers(held[0]))
	require.Equal(t, map[string]string{
		"ce_specversion": "1.0", "ce_id": "i", "ce_source": "s", "ce_type": "consign.result", "ce_deliveryid": "msg_bare", "content-type": "application/json",
	}, headers(held[1]))
}

func TestDeliver_EachFormat_IsWhatConsumersReadByteForByte(t *testing.T) {
	t.Parallel()
	for format, contentType := range map[formats.Format]string{
		formats.NDJSON: "application/json", formats.OCSF: "application/json", formats.CloudEvents: "application/cloudevents+json",
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			batch := append(sinktest.RealResults(t), sinktest.Deliveries("plain", 2)...)
			c := serve(t, 1, nil)
			sink := open(t, c, func(s *kafka.Config) { s.Format, s.IncidentTopic = format, topic })
			for _, err := range deliver(t, sink, batch) {
				require.NoError(t, err)
			}
			held := c.records(t, topic)
			require.Len(t, held, len(batch))
			for i, record := range held {
				want, err := format.Encode(batch[i])
				require.NoError(t, err)
				require.Equal(t, string(want), string(record.Value))
				require.Equal(t, map[string]string{"content-type": contentType, "ce_deliveryid": batch[i].ID}, headers(record))
			}
		})
	}
}

func headers(record *kgo.Record) map[string]string {
	values := map[string]string{}
	for _, header := range record.Headers {
		values[header.Key] = string(header.Value)
	}
	return values
}

func TestDeliver_AnIncident_GoesToItsOwnTopic(t *testing.T) {
	t.Parallel()
	c := serve(t, 3, nil)
	batch := sinktest.Deliveries("mixed", 3)
	batch[1].Result.Type = consign.IncidentType
	for _, err := range deliver(t, open(t, c, nil), batch) {
		require.NoError(t, err)
	}
	require.Len(t, c.records(t, topic), 2)
	require.Len(t, c.records(t, incidents), 1)
}

func TestDeliver_AKey_KeepsWhatBelongsTogetherInOnePartition(t *testing.T) {
	t.Parallel()
	for key, of := range map[string]func(sinks.Delivery) string{
		"source":                 func(d sinks.Delivery) string { return d.Result.Source },
		"id":                     func(d sinks.Delivery) string { return d.Result.ID },
		"subject":                func(d sinks.Delivery) string { return d.Result.Subject },
		"type":                   func(d sinks.Delivery) string { return d.Result.Type },
		"delivery_id":            func(d sinks.Delivery) string { return d.ID },
		"data.prefix":            func(sinks.Delivery) string { return "keyed" },
		`subject + "/" + source`: func(d sinks.Delivery) string { return d.Result.Subject + "/" + d.Result.Source },
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			c := serve(t, 8, nil)
			batch := sinktest.Deliveries("keyed", 20)
			want := map[string]string{}
			for i := range batch {
				batch[i].Result.Subject = []string{"a", "b", ""}[i%3]
				want[batch[i].ID] = of(batch[i])
			}
			for _, err := range deliver(t, open(t, c, func(s *kafka.Config) { s.Key = key }), batch) {
				require.NoError(t, err)
			}
			partitions := map[string]int32{}
			for _, record := range c.records(t, topic) {
				require.Equal(t, want[headers(record)["ce_deliveryid"]], string(record.Key))
				if want[headers(record)["ce_deliveryid"]] == "" {
					require.Nil(t, record.Key, "an empty key would gather these in one partition")
					continue
				}
				if at, known := partitions[string(record.Key)]; known {
					require.Equal(t, at, record.Partition)
				}
				partitions[string(record.Key)] = record.Partition
			}
		})
	}
}

func TestDeliver_AResultWhoseKeyCannotBeTold_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, 3, nil)
	batch := sinktest.Deliveries("keyed", 4)
	batch[1].Result.Data = []byte(`{"number":1}`)
	batch[2].Result.Data = []byte(`{"prefix":7}`)
	errs := deliver(t, open(t, c, func(s *kafka.Config) { s.Key = "data.prefix" }), batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[3])
	for i, cause := range map[int]string{
		1: `key of result sinktest/<source>/keyed-0001: no such key: prefix: ask first, as in "has(data.x) ? data.x : source"`,
		2: `key of result sinktest/<source>/keyed-0002: it is of type int, not a text: make one of it, as in "string(data.port)"`,
	} {
		failure := sinks.Classify(errs[i])
		require.True(t, failure.Permanent)
		require.Equal(t, "no key", failure.Label)
		require.Equal(t, cause, failure.Message)
	}
	require.Len(t, c.records(t, topic), 2)
}

func TestDeliver_AContextThatEndsWithinAKey_IsTransient(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, func(s *kafka.Config) { s.Key = `data.exists(x, x > 1) ? "a" : "b"` })
	batch := sinktest.Deliveries("long", 1)
	batch[0].Result.Data = []byte("[" + strings.Repeat("1,", 1000) + "1]")
	require.NoError(t, deliver(t, sink, batch)[0])
	ctx, cancel := context.WithCancel(t.Context())
	failure := sinks.Classify(sink.Deliver(endsWhenWatched{ctx, cancel}, batch)[0])
	require.False(t, failure.Permanent)
	require.Contains(t, failure.Message, context.Canceled.Error())
}

// endsWhenWatched is a context that ends as soon as someone waits for its end.
type endsWhenWatched struct {
	context.Context
	cancel context.CancelFunc
}

func (e endsWhenWatched) Done() <-chan struct{} {
	e.cancel()
	return e.Context.Done()
}

func TestDeliver_EachCompression_IsReadBack(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	var want []sinks.Delivery
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		batch := sinktest.Deliveries(name, 2)
		batch[0].Result.Data = []byte(`"` + strings.Repeat(name, 10_000) + `"`)
		for _, err := range deliver(t, open(t, c, func(s *kafka.Config) { s.Compression = name }), batch) {
			require.NoError(t, err)
		}
		want = append(want, batch...)
	}
	for i, received := range c.received(t) {
		require.Equal(t, string(want[i].Result.Data), string(received.Result.Data))
	}
}

func TestDeliver_TooLarge_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]struct {
		sink  int32
		topic string
	}{
		"for the sink":  {20_000, "2000000"},
		"for the topic": {2_000_000, "20000"}, // which refuses the batch that they all stand in
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, 1, []kfake.Opt{kfake.BrokerConfigs(map[string]string{"message.max.bytes": limits.topic})})
			sink := open(t, c, func(s *kafka.Config) { s.MaxMessageBytes = limits.sink })
			require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
			batch := sinktest.Deliveries("size", 5)
			batch[2].Result.Data = []byte(`"` + strings.Repeat("x", 20_000) + `"`)
			errs := deliver(t, sink, batch)
			for i, err := range errs {
				if i != 2 {
					require.NoError(t, err)
				}
			}
			failure := sinks.Classify(errs[2])
			require.True(t, failure.Permanent)
			require.Equal(t, "too large", failure.Label)
			require.Contains(t, failure.Message, "raise max.message.bytes of the topic and max_message_bytes, which is "+fmt.Sprint(limits.sink))
			require.Len(t, c.records(t, topic), 5)
		})
	}
}

func TestDeliver_ARecordWithoutAKeyForACompactedTopic_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, func(s *kafka.Config) { s.Key = "subject" })
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
	c.cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		c.cluster.KeepControl()
		produce := request.(*kmsg.ProduceRequest)
		var batch kmsg.RecordBatch
		require.NoError(t, batch.ReadFrom(produce.Topics[0].Partitions[0].Records))
		// Kafka refuses a batch whole, by the answer to all of it, if one of its records has no key.
		for rest := batch.Records; len(rest) > 0; {
			length, size := binary.Varint(rest)
			var record kmsg.Record
			require.NoError(t, record.ReadFrom(rest[:size+int(length)]))
			rest = rest[size+int(length):]
			if len(record.Key) > 0 {
				continue
			}
			response := produce.ResponseKind().(*kmsg.ProduceResponse)
			response.Topics = []kmsg.ProduceResponseTopic{{
				Topic: produce.Topics[0].Topic, TopicID: produce.Topics[0].TopicID,
				Partitions: []kmsg.ProduceResponseTopicPartition{{Partition: produce.Topics[0].Partitions[0].Partition, ErrorCode: kerr.InvalidRecord.Code}},
			}}
			return response, nil, true
		}
		return nil, nil, false
	})
	batch := sinktest.Deliveries("compacted", 16)
	batch[8].Result.Subject = ""
	errs := deliver(t, sink, batch)
	for i, err := range errs {
		if i != 8 {
			require.NoError(t, err)
		}
	}
	failure := sinks.Classify(errs[8])
	require.True(t, failure.Permanent)
	require.Equal(t, "invalid record", failure.Label)
	require.Len(t, c.records(t, topic), 16)
}

func TestDeliver_DataThatIsNoJSON_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	batch := sinktest.Deliveries("odd", 3)
	batch[1].Result.Data = []byte("{")
	errs := deliver(t, open(t, c, nil), batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.ErrorContains(t, errs[1], "encode result sinktest/<source>/odd-0001: the data is not JSON")
	require.Len(t, c.records(t, topic), 2)
}

func TestDeliver_AnUnknownTopic_IsTransientAtItsIndicesUntilSomeoneCreatesIt(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, func(s *kafka.Config) { s.IncidentTopic = "later" })
	batch := sinktest.Deliveries("early", 3)
	batch[1].Result.Type = consign.IncidentType
	errs := deliver(t, sink, batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	failure := sinks.Classify(errs[1])
	require.False(t, failure.Permanent)
	require.Equal(t, "unknown topic", failure.Label)
	require.Contains(t, failure.Message, "produce to later: ")
	require.NoError(t, c.cluster.CreateTopic("later", 1, nil))
	require.NoError(t, deliver(t, sink, batch[1:2])[0])
	require.Len(t, c.records(t, "later"), 1)
}

func TestDeliver_WhatTheClusterRefuses_IsLabelledByItsAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		answer    *kerr.Error
		label     string
		permanent bool
	}{
		{kerr.TopicAuthorizationFailed, "not authorized", false},
		{kerr.InvalidRecord, "invalid record", true},
		{kerr.NotEnoughReplicas, "kafka not enough replicas", false},
		{kerr.PolicyViolation, "kafka policy violation", false},
		{kerr.OutOfOrderSequenceNumber, "kafka put off", false},
	} {
		t.Run(test.label, func(t *testing.T) {
			t.Parallel()
			c := serve(t, 1, nil)
			sink := open(t, c, nil)
			fault := c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: test.answer, Count: -1})
			batch := sinktest.Deliveries("refused", 2)
			// No deadline: the answer tells, and not that time is over.
			for _, err := range sink.Deliver(t.Context(), batch) {
				failure := sinks.Classify(err)
				require.Equal(t, test.label, failure.Label, failure.Message)
				require.Equal(t, test.permanent, failure.Permanent)
			}
			fault.Remove()
			for _, err := range deliver(t, sink, batch) {
				require.NoError(t, err)
			}
			require.Len(t, c.records(t, topic), 2)
		})
	}
}

func TestDeliver_AProducerIDThatIsRefused_IsTransientAndFlowsOnceItIsGiven(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, nil)
	fault := c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ClusterAuthorizationFailed, Count: -1})
	batch := sinktest.Deliveries("id", 2)
	for range 2 {
		for _, err := range deliver(t, sink, batch) {
			failure := sinks.Classify(err)
			require.Equal(t, "not authorized", failure.Label, failure.Message)
			require.False(t, failure.Permanent)
		}
	}
	var beside sync.WaitGroup
	for range 4 {
		beside.Go(func() { _ = sink.Deliver(t.Context(), batch) })
	}
	beside.Wait()
	fault.Remove()
	_ = deliver(t, sink, batch) // by a client that was refused, perhaps
	for _, err := range deliver(t, sink, batch) {
		require.NoError(t, err)
	}
}

func TestDeliver_AClusterThatIsAwayAtFirst_IsFoundOnceItIsThere(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	c.stop()
	sink := open(t, c, nil) // which is no error
	batch := sinktest.Deliveries("away", 2)
	for range 2 {
		for _, err := range sink.Deliver(t.Context(), batch) {
			failure := sinks.Classify(err)
			require.False(t, failure.Permanent)
			require.Equal(t, "connection refused", failure.Label)
			require.Contains(t, failure.Message, "no connection to "+c.address())
		}
	}
	c.start(t)
	deliverAtLast(t, sink, batch)
	require.Len(t, c.records(t, topic), 2)
}

func TestDeliver_AnAnswerThatIsLost_IsAskedForAgainAndTheRecordStoredOnce(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, nil)
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
	// The broker stores the batch, and answers that it cannot tell.
	fault := c.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend})
	for _, err := range deliver(t, sink, sinktest.Deliveries("unsure", 5)) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, fault.Hits())
	require.Len(t, c.records(t, topic), 6)
}

func TestDeliver_AConnectionThatBreaksMidBatch_IsMadeAgainWithinTheAttempt(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, func(s *kafka.Config) { s.MaxMessageBytes = 20_000 }) // several batches, one after the other
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
	var requests atomic.Int64
	c.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.cluster.KeepControl()
		// The second request is cut off, and so is what follows it on the connection.
		return nil, errors.New("cut"), requests.Add(1) == 2
	})
	batch := sinktest.Deliveries("midway", 64)
	for i := range batch {
		batch[i].Result.Data = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 10_000))
	}
	for _, err := range deliver(t, sink, batch) {
		require.NoError(t, err)
	}
	require.Greater(t, requests.Load(), int64(2))
	require.Len(t, c.records(t, topic), 65, "idempotence keeps what is sent again within an attempt from being stored twice")
}

func TestDeliver_AClusterThatGoesAwayMidBatch_HoldsEveryResultAfterTheRetry(t *testing.T) {
	t.Parallel()
	c := serve(t, 1, nil)
	sink := open(t, c, func(s *kafka.Config) { s.MaxMessageBytes = 20_000 }) // several batches, one after the other
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
	batch := sinktest.Deliveries("midway", 64)
	for i := range batch {
		batch[i].Result.Data = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 10_000))
	}
	var requests atomic.Int64
	gone := make(chan struct{})
	c.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.cluster.KeepControl()
		if requests.Add(1) == 10 {
			go func() { c.stop(); close(gone) }()
		}
		return nil, errors.New("cut"), requests.Load() >= 10
	})
	errs := deliver(t, sink, batch)
	<-gone
	taken := 0
	for _, err := range errs {
		if err == nil {
			taken++
			continue
		}
		require.False(t, sinks.Classify(err).Permanent)
	}
	require.NotZero(t, taken)
	require.Less(t, taken, len(batch))

	c.start(t)
	held := map[string]bool{}
	for _, record := range c.records(t, topic) {
		held[headers(record)["ce_deliveryid"]] = true
	}
	for i, err := range errs {
		if err == nil {
			require.True(t, held[batch[i].ID], "what was reported as delivered outlives the broker")
		}
	}
	deliverAtLast(t, sink, batch)
	for _, record := range c.records(t, topic) {
		held[headers(record)["ce_deliveryid"]] = true
	}
	require.Len(t, held, 65)
}

func TestDeliver_ABrokerThatNeverAnswers_ReturnsWithTheContextAndLeavesNothing(t *testing.T) {
	for name, known := range map[string]bool{"from the start": false, "any more": true} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, 1, nil)
			before := goleak.IgnoreCurrent()
			sink, err := kafka.New(kafka.Config{Brokers: []string{c.address()}, Topic: topic})
			require.NoError(t, err)
			if known {
				require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])
			}
			c.pause()
			batch := sinktest.Deliveries("hanging", 64)
			for i := range batch { // more than the buffers of the sockets take
				batch[i].Result.Data = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 500_000))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			started := time.Now()
			for _, err := range sink.Deliver(ctx, batch) {
				require.Equal(t, sinks.LabelTimeout, sinks.Classify(err).Label, err)
			}
			require.Less(t, time.Since(started), 2*time.Second)
			require.NoError(t, sink.Close(t.Context()))
			c.resume()
			c.stop()
			goleak.VerifyNone(t, before)
		})
	}
}
