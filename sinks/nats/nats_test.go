package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{KeepsOrder: true, Open: func(t *testing.T) sinktest.Instance {
		c := serve(t, server.Options{Username: "consign", Password: password}, natsgo.UserInfo("consign", password))
		c.stream(t, nil)
		p := between(t, c)
		smallest := int32(-1)
		return sinktest.Instance{
			Sink: open(t, p.address(), func(settings *nats.Config) {
				settings.User, settings.Password = "consign", config.NewSecret(password)
			}),
			Received: func() []sinktest.Received { return c.received(t) },
			Break:    func() { c.stop() },
			BreakForGood: func() {
				smallest = 1
				c.stream(t, func(s *jetstream.StreamConfig) { s.MaxMsgSize = smallest })
			},
			Hang: p.pause,
			Heal: func() {
				c.start(t)
				p.resume()
				if smallest != -1 {
					smallest = -1
					c.stream(t, nil)
				}
			},
			Secrets: []string{password},
		}
	}})
}

func TestDeliver_OneResult_IsItsDataUnderTheAttributesOfACloudEvent(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	sink := open(t, c.address(), nil)
	odd := sinktest.Delivery("a\r\nb ", []byte("{\"html\":\"<a>&amp;\u2028\",\"n\":1.00,\"n\":2}"))
	odd.Result.Source, odd.Result.Subject = ` "100%" é`, "\tx"
	bare := sinks.Delivery{ID: "msg_bare", Result: consign.Result{Source: "s", ID: "i", Data: []byte("1")}}
	for _, err := range deliver(t, sink, []sinks.Delivery{odd, bare}) {
		require.NoError(t, err)
	}

	held := c.messages(t)
	require.Len(t, held, 2)
	require.Equal(t, subject, held[0].Subject)
	require.Equal(t, string(odd.Result.Data), string(held[0].Data))
	require.Equal(t, natsgo.Header{
		"Nats-Msg-Id":        {odd.ID},
		"ce-specversion":     {"1.0"},
		"ce-id":              {"a%0D%0Ab%20"},
		"ce-source":          {"%20%22100%25%22%20%C3%A9"},
		"ce-type":            {"detection"},
		"ce-time":            {"2026-03-01T12:30:00.123456789Z"},
		"ce-subject":         {"%09x"},
		"ce-datacontenttype": {"application/json"},
	}, held[0].Header)
	require.Equal(t, odd.Result, read(t, held[0]).Result)
	require.Equal(t, natsgo.Header{
		"Nats-Msg-Id": {"msg_bare"}, "ce-specversion": {"1.0"}, "ce-id": {"i"}, "ce-source": {"s"}, "ce-type": {"consign.result"},
		"ce-datacontenttype": {"application/json"},
	}, held[1].Header)
}

func TestDeliver_EachFormat_IsWhatConsumersReadByteForByte(t *testing.T) {
	t.Parallel()
	for format, contentType := range map[formats.Format]string{
		formats.NDJSON: "application/json", formats.OCSF: "application/json", formats.CloudEvents: "application/cloudevents+json",
	} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			batch := append(sinktest.RealResults(t), sinktest.Deliveries("plain", 2)...)
			c := serve(t, server.Options{})
			c.stream(t, nil)
			sink := open(t, c.address(), func(s *nats.Config) { s.Format = format })
			for _, err := range deliver(t, sink, batch) {
				require.NoError(t, err)
			}
			held := c.messages(t)
			require.Len(t, held, len(batch))
			for i, message := range held {
				want, err := format.Encode(batch[i])
				require.NoError(t, err)
				require.Equal(t, string(want), string(message.Data))
				require.Equal(t, natsgo.Header{"Nats-Msg-Id": {batch[i].ID}, "Content-Type": {contentType}}, message.Header)
			}
		})
	}
}

func TestDeliver_AnIncident_GoesToItsOwnSubject(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	batch := sinktest.Deliveries("mixed", 3)
	batch[1].Result.Type = consign.IncidentType
	for _, err := range deliver(t, open(t, c.address(), nil), batch) {
		require.NoError(t, err)
	}
	held := c.messages(t)
	require.Len(t, held, 3)
	for i, want := range []string{subject, incidents, subject} {
		require.Equal(t, want, held[i].Subject)
	}
}

func TestDeliver_TheSameAgain_IsHeldOnceAndReportedDelivered(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	sink := open(t, c.address(), nil)
	batch := sinktest.Deliveries("again", 5)
	for range 3 {
		for _, err := range deliver(t, sink, batch) {
			require.NoError(t, err)
		}
	}
	require.Len(t, c.messages(t), 5)
}

func TestDeliver_DataThatIsNoJSON_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	batch := sinktest.Deliveries("odd", 3)
	batch[1].Result.Data = []byte("{")
	errs := deliver(t, open(t, c.address(), nil), batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.ErrorContains(t, errs[1], "encode result sinktest/<source>/odd-0001: the data is not JSON")
	require.Len(t, c.messages(t), 2)
}

func TestDeliver_NoStream_IsTransientUntilSomeoneCreatesIt(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	sink := open(t, c.address(), nil)
	batch := sinktest.Deliveries("early", 3)
	for _, err := range deliver(t, sink, batch) {
		failure := sinks.Classify(err)
		require.False(t, failure.Permanent)
		require.Equal(t, "no stream", failure.Label)
		require.Contains(t, failure.Message, "nats stream add --subjects "+subject)
	}
	c.stream(t, nil)
	for _, err := range deliver(t, sink, batch) {
		require.NoError(t, err)
	}
}

func TestDeliver_TooLarge_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		server server.Options
		stream int32
		advice string
	}{
		"for the server": {server.Options{MaxPayload: 20_000}, -1, "the server takes 20000: raise its max_payload"},
		"for the stream": {server.Options{}, 20_000, "raise the stream's maximum message size"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, test.server)
			c.stream(t, func(s *jetstream.StreamConfig) { s.MaxMsgSize = test.stream })
			batch := sinktest.Deliveries("size", 5)
			batch[2].Result.Data = []byte(`"` + strings.Repeat("x", 20_000) + `"`)
			errs := deliver(t, open(t, c.address(), nil), batch)
			for i, err := range errs {
				if i != 2 {
					require.NoError(t, err)
				}
			}
			failure := sinks.Classify(errs[2])
			require.True(t, failure.Permanent)
			require.Equal(t, "too large", failure.Label)
			require.Contains(t, failure.Message, "20002 bytes and the headers")
			require.Contains(t, failure.Message, test.advice)
			require.Len(t, c.messages(t), 4)
		})
	}
}

func TestDeliver_ASubjectThatNoHeaderHolds_IsPermanentAtItsIndexOnly(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	batch := sinktest.Deliveries("header", 3)
	batch[1].Result.Subject = strings.Repeat("x", 70_000)
	errs := deliver(t, open(t, c.address(), nil), batch)
	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	failure := sinks.Classify(errs[1])
	require.True(t, failure.Permanent)
	require.Equal(t, "too large", failure.Label)
	require.Contains(t, failure.Message, "shorten the subject")
}

func TestDeliver_AStreamThatIsFull_IsTransientAndNamesTheCode(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, func(s *jetstream.StreamConfig) { s.MaxMsgs, s.Discard = 2, jetstream.DiscardNew })
	errs := deliver(t, open(t, c.address(), nil), sinktest.Deliveries("full", 4))
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	for _, err := range errs[2:] {
		failure := sinks.Classify(err)
		require.False(t, failure.Permanent)
		require.Equal(t, "nats 10077", failure.Label)
		require.Contains(t, failure.Message, "maximum messages exceeded")
	}
}

func TestDeliver_WhatPermissionsForbid_IsKnownAtOnceAndFlowsOnceAllowed(t *testing.T) {
	t.Parallel()
	const user = "narrow"
	allow := func(publish string, inbox string) []*server.User {
		return []*server.User{
			{Username: "admin", Password: "admin"},
			{Username: user, Password: password, Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{publish}},
				Subscribe: &server.SubjectPermission{Allow: []string{inbox}},
			}},
		}
	}
	for name, users := range map[string][]*server.User{
		"publish": allow(incidents, "_INBOX_consign.>"), "inbox": allow("detections.>", "_INBOX.>"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, server.Options{Users: users}, natsgo.UserInfo("admin", "admin"))
			c.stream(t, nil)
			sink := open(t, c.address(), func(settings *nats.Config) {
				settings.User, settings.Password = user, config.NewSecret(password)
				settings.InboxPrefix = "_INBOX_consign"
			})
			batch := sinktest.Deliveries("forbidden", 3)
			batch[1].Result.Type = consign.IncidentType
			// No deadline: what tells is the server's refusal, and not that time is over.
			for i, err := range sink.Deliver(t.Context(), batch) {
				if name == "publish" && i == 1 {
					require.NoError(t, err, "the incident's subject is allowed")
					continue
				}
				failure := sinks.Classify(err)
				require.False(t, failure.Permanent)
				require.Equal(t, "permission denied", failure.Label)
				require.Contains(t, failure.Message, "inbox_prefix")
				require.NotContains(t, failure.Message, password)
			}

			c.stop()
			c.options.Users = allow("detections.>", "_INBOX_consign.>")
			c.start(t)
			deliverAtLast(t, sink, batch)
			require.Len(t, c.messages(t), 3)
		})
	}
}

func TestDeliver_AnInboxThatIsForbidden_IsNamedEachTimeAndHeardOnceAllowedByAReload(t *testing.T) {
	t.Parallel()
	allow := func(inbox string) []*server.User {
		return []*server.User{
			{Username: "admin", Password: "admin"},
			{Username: "narrow", Password: password, Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{inbox}}}},
		}
	}
	c := serve(t, server.Options{Users: allow("_INBOX_other.>")}, natsgo.UserInfo("admin", "admin"))
	c.stream(t, nil)
	sink := open(t, c.address(), func(settings *nats.Config) {
		settings.User, settings.Password = "narrow", config.NewSecret(password)
	})
	batch := sinktest.Deliveries("inbox", 2)
	for range 3 {
		for _, err := range deliver(t, sink, batch) {
			require.Equal(t, "permission denied", sinks.Classify(err).Label, err)
		}
	}
	reloaded := c.options
	reloaded.Users = allow("_INBOX.>")
	require.NoError(t, c.running.ReloadOptions(&reloaded))
	deliverAtLast(t, sink, batch)
	require.Len(t, c.messages(t), 2)
}

func TestDeliver_AServerThatIsAwayAtFirst_IsFoundOnceItIsThere(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	c.stop()
	sink := open(t, c.address(), nil) // which is no error
	batch := sinktest.Deliveries("away", 2)
	for range 2 {
		started := time.Now()
		for _, err := range deliver(t, sink, batch) {
			failure := sinks.Classify(err)
			require.False(t, failure.Permanent)
			require.Contains(t, []string{"no connection", "connection refused"}, failure.Label)
			require.Contains(t, failure.Message, c.address())
		}
		require.Less(t, time.Since(started), 5*time.Second)
	}
	c.start(t)
	deliverAtLast(t, sink, batch)
	require.Len(t, c.messages(t), 2)
}

func TestDeliver_AServerThatGoesAwayMidBatch_HoldsEachResultOnceAfterTheRetry(t *testing.T) {
	t.Parallel()
	c := serve(t, server.Options{})
	c.stream(t, nil)
	p := between(t, c)
	sink := open(t, p.address(), nil)
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])

	batch := sinktest.Deliveries("midway", 64)
	for i := range batch {
		batch[i].Result.Data = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 10_000))
	}
	p.left.Store(300_000) // about the half of it
	errs := deliver(t, sink, batch)
	c.stop()
	var failed int
	for _, err := range errs {
		if err != nil {
			failed++
			require.False(t, sinks.Classify(err).Permanent)
		}
	}
	require.NotZero(t, failed, "the connection was cut within the batch")
	for _, err := range deliver(t, sink, batch) {
		require.Error(t, err, "the server is away")
	}

	p.left.Store(endless)
	c.start(t)
	deliverAtLast(t, sink, batch)
	require.Len(t, c.messages(t), 65, "the stream drops by the delivery id what it had already")
}

func TestDeliver_AServerThatNeverAnswers_ReturnsWithTheContextAndLeavesNothing(t *testing.T) {
	c := serve(t, server.Options{})
	c.stream(t, nil)
	p := between(t, c)
	before := goleak.IgnoreCurrent()
	sink, err := nats.New(nats.Config{Server: nats.Server{URL: p.address()}, Subject: subject})
	require.NoError(t, err)
	require.NoError(t, deliver(t, sink, sinktest.Deliveries("first", 1))[0])

	p.pause()
	// More than the buffers of the sockets take, so that the write itself hangs.
	batch := sinktest.Deliveries("hanging", 64)
	for i := range batch {
		batch[i].Result.Data = fmt.Appendf(nil, `"%d %s"`, i, strings.Repeat("x", 1_000_000))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	started := time.Now()
	for _, err := range sink.Deliver(ctx, batch) {
		require.Equal(t, sinks.LabelTimeout, sinks.Classify(err).Label)
	}
	require.Less(t, time.Since(started), 2*time.Second)

	p.resume()
	require.NoError(t, sink.Close(t.Context()))
	p.cut()
	require.Eventually(t, func() bool { return goleak.Find(before) == nil }, 20*time.Second, 50*time.Millisecond)
	goleak.VerifyNone(t, before)
}

func TestDeliver_AServerThatNeverSaysHello_ReturnsWithTheContextAndCloses(t *testing.T) {
	t.Parallel()
	p := between(t, serve(t, server.Options{}))
	p.pause()
	sink := open(t, p.address(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, err := range sink.Deliver(ctx, sinktest.Deliveries("mute", 2)) {
		require.Equal(t, "no connection", sinks.Classify(err).Label)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoError(t, sink.Close(t.Context()))
}
