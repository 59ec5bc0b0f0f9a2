package otlp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc/codes"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	for _, scheme := range []string{overGRPC, overHTTP} {
		for _, compression := range []string{"gzip", "none"} {
			t.Run(scheme+" "+compression, func(t *testing.T) {
				sinktest.Run(t, sinktest.Subject{
					KeepsOrder: true,
					Open: func(t *testing.T) sinktest.Instance {
						c := serve(t, scheme)
						release := func() {}
						return sinktest.Instance{
							Sink:         c.open(t, func(settings *otlp.Config) { settings.Compression = compression }),
							Received:     func() []sinktest.Received { return c.received(t) },
							Break:        func() { c.refuse(codes.Unavailable, http.StatusServiceUnavailable, "for "+secret) },
							BreakForGood: func() { c.refuse(codes.InvalidArgument, http.StatusBadRequest, "for "+secret) },
							Hang:         func() { release = c.hang() },
							Heal:         func() { release(); c.answers(nil) },
							Secrets:      []string{secret},
						}
					},
				})
			})
		}
	}
}

func TestDeliver_ABatch_IsOneRequestOfRecordsAsDocumented(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t, func(settings *otlp.Config) {
			settings.Resource = map[string]string{"host.name": "edr-7", "deployment.environment.name": "test"}
		})
		first := time.Date(2026, 11, 25, 22, 30, 0, 7, time.FixedZone("", 3600))
		full := sinktest.Delivery("a\r\nb ", []byte("{\"level\":\"high\",\"html\":\"<a>&amp;\u2028\",\"n\":1.00,\"n\":2}"))
		full.First = first
		bare := sinks.Delivery{ID: "msg_bare", First: first, Result: consign.Result{Source: "s", ID: "i", Data: []byte("1")}}

		requireDelivered(t, sink, []sinks.Delivery{full, bare})

		require.Len(t, c.seen(), 1)
		logs := c.seen()[0].logs
		require.Equal(t, 1, logs.ResourceLogs().Len())
		require.Equal(t, map[string]any{
			"service.name": "consign", "host.name": "edr-7", "deployment.environment.name": "test",
		}, logs.ResourceLogs().At(0).Resource().Attributes().AsRaw())
		require.Equal(t, 1, logs.ResourceLogs().At(0).ScopeLogs().Len())
		scope := logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope()
		require.Equal(t, "github.com/consign-dev/consign", scope.Name())
		require.Empty(t, scope.Version())

		held := records(logs)
		require.Len(t, held, 2)
		require.Equal(t, map[string]any{
			"log.record.uid": full.ID, "cloudevents.event_id": "a\r\nb ", "cloudevents.event_source": "sinktest/<source>",
			"cloudevents.event_type": "detection", "cloudevents.event_subject": "host & user",
		}, held[0].Attributes().AsRaw())
		require.Equal(t, string(full.Result.Data), held[0].Body().Str())
		require.Equal(t, full.Result.Time, held[0].Timestamp().AsTime())
		require.Equal(t, first.UTC(), held[0].ObservedTimestamp().AsTime())
		require.Equal(t, plog.SeverityNumberError, held[0].SeverityNumber())
		require.Equal(t, "high", held[0].SeverityText())

		require.Equal(t, map[string]any{
			"log.record.uid": "msg_bare", "cloudevents.event_id": "i", "cloudevents.event_source": "s",
		}, held[1].Attributes().AsRaw())
		require.Zero(t, held[1].Timestamp())
		require.Equal(t, plog.SeverityNumberUnspecified, held[1].SeverityNumber())
		require.Empty(t, held[1].SeverityText())
	})
}

func TestDeliver_SeverityOfTheData_IsNumberedAsSyslogsIs(t *testing.T) {
	t.Parallel()
	c := serve(t, overGRPC)
	words := map[string]plog.SeverityNumber{
		"informational": plog.SeverityNumberInfo, "low": plog.SeverityNumberInfo2, "Medium": plog.SeverityNumberWarn,
		"high": plog.SeverityNumberError, "CRITICAL": plog.SeverityNumberError2, "Emergency": plog.SeverityNumberFatal,
	}
	var batch []sinks.Delivery
	for word := range words {
		batch = append(batch, sinktest.Delivery(word, []byte(`{"level":"`+word+`"}`)))
	}
	requireDelivered(t, c.open(t), batch)
	for _, record := range records(c.seen()[0].logs) {
		require.Equal(t, words[record.SeverityText()], record.SeverityNumber(), record.SeverityText())
	}
}

func TestDeliver_DataThatIsNoUTF8_ArrivesAsBytes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		odd := sinktest.Delivery("latin-1", []byte("{\"name\":\"caf\xe9\"}"))
		requireDelivered(t, c.open(t), []sinks.Delivery{odd, sinktest.Delivery("plain", []byte(`"café"`))})
		held := records(c.seen()[0].logs)
		require.Equal(t, []byte(odd.Result.Data), held[0].Body().Bytes().AsRaw())
		require.Equal(t, `"café"`, held[1].Body().Str())
	})
}

func TestDeliver_TimesThatDoNotFit_AreUnknown(t *testing.T) {
	t.Parallel()
	c := serve(t, overGRPC)
	for when, want := range map[time.Time]uint64{
		time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC):         0,
		time.Date(1970, 1, 1, 0, 0, 0, 1, time.UTC):              1,
		time.Date(2261, 1, 1, 0, 0, 0, 5, time.UTC):              9183110400_000000005,
		time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC):              0,
		time.Date(1386, 1, 1, 0, 0, 0, 0, time.UTC):              0,
		time.Date(9999, 12, 31, 23, 59, 59, 999_999, time.UTC):   0,
		time.Date(2026, 2, 3, 4, 5, 6, 7, time.FixedZone("", 1)): 1770091505_000000007,
	} {
		d := sinktest.Delivery("when", []byte(`1`))
		d.Result.Time = when
		requireDelivered(t, c.open(t), []sinks.Delivery{d})
		seen := c.seen()
		require.Equal(t, want, uint64(records(seen[len(seen)-1].logs)[0].Timestamp()), when)
	}
}

func TestDeliver_ARetry_SendsTheSameBytes(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		resource := map[string]string{}
		for name := range strings.SplitSeq("a b c d e f g h i j", " ") {
			resource[name] = name
		}
		batch := sinktest.Deliveries("again", 5)
		c.refuse(codes.Unavailable, http.StatusServiceUnavailable, "later")
		for attempt := range 3 { // by another worker each
			for i := range batch {
				batch[i].Attempt, batch[i].At = attempt+1, time.Now()
			}
			deliver(t, c.open(t, func(settings *otlp.Config) { settings.Resource = resource }), batch)
		}
		seen := c.seen()
		require.Len(t, seen, 3)
		for _, again := range seen[1:] {
			require.Equal(t, seen[0].wire, again.wire)
			require.Equal(t, encoded(t, seen[0]), encoded(t, again))
		}
	})
}

func encoded(t *testing.T, r request) []byte {
	t.Helper()
	content, err := plogotlp.NewExportRequestFromLogs(r.logs).MarshalProto()
	require.NoError(t, err)
	return content
}

func TestDeliver_HeadersAndCompression_AreSeenAtTheReceiver(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		for _, compression := range []string{"", "gzip", "none"} {
			requireDelivered(t, c.open(t, func(settings *otlp.Config) { settings.Compression = compression }), sinktest.Deliveries("seen", 2))
		}
		seen := c.seen()
		require.Len(t, seen, 3)
		for i, encoding := range []string{"gzip", "gzip", ""} {
			require.Equal(t, encoding, strings.TrimPrefix(seen[i].encoding, "identity"))
			headers := http.Header{}
			for name, values := range seen[i].headers {
				headers[http.CanonicalHeaderKey(name)] = values
			}
			require.Equal(t, secret, headers.Get("X-Api-Key"))
			require.Contains(t, headers.Get("User-Agent"), "consign")
		}
	})
}

func TestDeliver_OverHTTP_PostsBelowThePathOfTheURL(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	for path, want := range map[string]string{"": "/v1/logs", "/": "/v1/logs", "/otlp": "/otlp/v1/logs", "/a/b%20c/": "/a/b c/v1/logs"} {
		requireDelivered(t, c.open(t, func(settings *otlp.Config) { settings.URL += path }), sinktest.Deliveries("path", 1))
		seen := c.seen()
		require.Equal(t, want, seen[len(seen)-1].path)
	}
}

func TestDeliver_OneAfterAnother_UseOneConnection(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t)
		for range 5 {
			requireDelivered(t, sink, sinktest.Deliveries("kept", 2))
		}
		for _, r := range c.seen() {
			require.Equal(t, c.seen()[0].address, r.address)
		}
	})
}

func TestDeliver_AfterClose_SaysSo(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		sink := serve(t, scheme).open(t)
		require.NoError(t, sink.Close(t.Context()))
		for _, err := range deliver(t, sink, sinktest.Deliveries("late", 2)) {
			require.ErrorIs(t, err, sinks.ErrClosed)
		}
		require.NoError(t, sink.Close(context.Background()), "twice")
	})
}

func TestPreview_ShowsTheRequestInJSON_AndNoSecret(t *testing.T) {
	t.Parallel()
	for url, begins := range map[string]string{
		"otlps://collector.example.com":           "LogsService/Export of otlps://collector.example.com:4317\nx-api-key: ••••\n\n{\n  ",
		"otlphttps://collector.example.com/otlp/": "POST https://collector.example.com:4318/otlp/v1/logs\nx-api-key: ••••\n\n{\n  ",
	} {
		settings := otlp.Config{URL: url, Headers: map[string]config.Secret{"x-api-key": config.NewSecret(secret)}}
		settings.SetDefaults()
		d := sinktest.Delivery("shown", []byte(`{"level":"low","html":"<b>"}`))
		shown, err := settings.Preview(d)
		require.NoError(t, err)
		require.NotContains(t, shown, secret)
		require.True(t, strings.HasPrefix(shown, begins), shown)
		_, body, _ := strings.Cut(shown, "\n\n")
		read := plogotlp.NewExportRequest()
		require.NoError(t, read.UnmarshalJSON([]byte(body)), "it is what the collector takes for OTLP in JSON")
		require.Equal(t, string(d.Result.Data), records(read.Logs())[0].Body().Str())
		require.Equal(t, plog.SeverityNumberInfo2, records(read.Logs())[0].SeverityNumber())
	}
}
