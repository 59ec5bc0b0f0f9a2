package s3_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/s3"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSink(t *testing.T) {
	for _, compression := range []string{"gzip", "zstd", "none"} {
		t.Run(compression, func(t *testing.T) {
			sinktest.Run(t, sinktest.Subject{
				Open: func(t *testing.T) sinktest.Instance {
					s := newStore(t, (*httptest.Server).Start)
					return sinktest.Instance{
						Sink:         s.open(t, func(c *s3.Config) { c.Compression = compression }),
						Received:     func() []sinktest.Received { return s.received(t) },
						Break:        func() { s.refuse(http.StatusInternalServerError, "InternalError", "for "+secretKey) },
						BreakForGood: func() { s.refuse(http.StatusBadRequest, "InvalidRequest", "for "+accessKey) },
						Hang:         s.hang,
						Heal:         s.heal,
						Secrets:      []string{accessKey, secretKey},
					}
				},
			})
		})
	}
}

func TestDeliver_ABatch_IsOneObjectAsDocumented(t *testing.T) {
	t.Parallel()
	for compression, contentType := range map[string]string{"gzip": "application/gzip", "zstd": "application/zstd", "none": "application/x-ndjson"} {
		s := newStore(t, (*httptest.Server).Start)
		sink := s.open(t, func(c *s3.Config) { c.Compression = compression })
		batch := sinktest.Deliveries("batch", 3)
		for i := range batch { // the last is the earliest, and in UTC it is the next day
			batch[i].First = time.Date(2026, 11, 25, 23, 30-i, 0, 0, time.FixedZone("", -2*60*60)).Add(time.Duration(2-i) * 24 * time.Hour)
		}

		requireNone(t, sink.Deliver(t.Context(), batch))

		objects := s.objects(t)
		require.Len(t, objects, 1)
		require.Regexp(t, `^consign/2026/11/26/[0-9a-f]{32}\.ndjson`, objects[0].key)
		require.Equal(t, contentType, objects[0].contentType)
		lines := strings.SplitAfter(string(objects[0].content), "\n")
		require.Len(t, lines, 4)
		require.Equal(t, `{"delivery_id":"`+batch[0].ID+`","source":"sinktest/<source>","id":"batch-0000","type":"detection","time":"2026-03-01T12:30:00.123456789Z","subject":"host & user","data":{"prefix":"batch","number":0}}`+"\n", lines[0])
	}
}

func TestDeliver_EachFormat_IsWhatReadersFindByteForByte(t *testing.T) {
	t.Parallel()
	batch := append(sinktest.RealResults(t), sinktest.Deliveries("plain", 2)...)
	var keys []string
	for _, format := range []formats.Format{"", formats.NDJSON, formats.OCSF, formats.CloudEvents} {
		s := newStore(t, (*httptest.Server).Start)
		requireNone(t, s.open(t, func(c *s3.Config) { c.Format = format }).Deliver(t.Context(), batch))
		var want strings.Builder
		for _, delivery := range batch {
			line, err := format.Encode(delivery)
			require.NoError(t, err)
			if format == "" || format == formats.NDJSON { // which has no delivery id
				line = slices.Concat([]byte(`{"delivery_id":"`+delivery.ID+`",`), line[1:])
			}
			want.WriteString(string(line) + "\n")
		}
		objects := s.objects(t)
		require.Len(t, objects, 1)
		require.Equal(t, want.String(), string(objects[0].content), format)
		require.Equal(t, "application/gzip", objects[0].contentType)
		keys = append(keys, objects[0].key)
	}
	require.Len(t, slices.Compact(keys), 1, "the format is not in the key")
}

func TestPreview_IsTheObjectOfThisDeliveryAlone(t *testing.T) {
	t.Parallel()
	delivery := sinktest.Delivery("shown", []byte(`{"a":"<"}`))
	for _, format := range []formats.Format{formats.NDJSON, formats.OCSF, formats.CloudEvents} {
		s := newStore(t, (*httptest.Server).Start)
		settings := s.settings()
		settings.Format = format
		settings.SetDefaults()
		shown, err := settings.Preview(delivery)
		require.NoError(t, err)
		requireNone(t, s.open(t, func(c *s3.Config) { c.Format = format }).Deliver(t.Context(), []sinks.Delivery{delivery}))
		object := s.objects(t)[0]
		require.Equal(t, "PUT s3://detections/"+object.key+"\n"+strings.TrimSuffix(string(object.content), "\n"), shown)
	}
}

func TestDeliver_TheSameBatchAgain_OverwritesItself(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	batch := sinktest.Deliveries("again", 4)
	requireNone(t, sink.Deliver(t.Context(), batch))
	before := s.objects(t)
	retried := slices.Concat(batch[2:], batch[:2]) // the order of a batch is not its identity
	for i := range retried {
		retried[i].First = batch[0].First
		retried[i].Attempt = 2
		retried[i].At = retried[i].At.Add(time.Hour)
	}

	requireNone(t, sink.Deliver(t.Context(), retried))

	after := s.objects(t)
	require.Len(t, after, 1)
	require.Equal(t, before[0].key, after[0].key)

	// Fewer of them are another object, whose lines hold the same ids.
	requireNone(t, sink.Deliver(t.Context(), batch[:2]))
	require.Len(t, s.objects(t), 2)
	seen := map[string]bool{}
	for _, received := range s.received(t) {
		seen[received.DeliveryID] = true
	}
	require.Len(t, seen, 4)
}

func TestDeliver_AnswerThatIsLost_LeavesOneObjectInTheEnd(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	batch := sinktest.Deliveries("lost", 2)
	requireNone(t, sink.Deliver(t.Context(), batch))
	s.answer(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	failure := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "connection reset", failure.Label)
	s.heal()
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, s.received(t), 2)
}

func TestDeliver_ATimeThatJSONCannotTell_FailsPermanentlyAndAlone(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	batch := sinktest.Deliveries("json", 3)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.NoError(t, errs[2])
	require.Len(t, s.received(t), 2)

	s.refuse(http.StatusForbidden, "AccessDenied", "no")
	errs = sink.Deliver(t.Context(), batch)
	require.False(t, sinks.Classify(errs[0]).Permanent)
	require.True(t, sinks.Classify(errs[1]).Permanent)
}

func TestDeliver_OneFailure_IsOneRequest(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	s.refuse(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	batch := sinktest.Deliveries("slow", 2)
	requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.puts, 1, "the SDK does not retry behind Consign's back")
}
