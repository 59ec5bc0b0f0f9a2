package s3_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/s3"
	"github.com/consign-dev/consign/sinks/sinktest"
)

const (
	bucket    = "detections"
	accessKey = "AKIAC0NS1GN7EXAMPLE1"
	secretKey = "s3cr3t/k3y+0f/th3/t3st"
)

// store is an S3 server with one bucket, whose answers a test can take over.
type store struct {
	*s3mem.Backend
	server *httptest.Server
	clock  gofakes3.TimeSource

	mu     sync.Mutex
	fault  http.HandlerFunc
	lifted chan struct{}
	puts   []string
}

func newStore(t *testing.T, start func(*httptest.Server)) *store {
	t.Helper()
	s := &store{Backend: s3mem.New(), lifted: make(chan struct{})}
	s.clock = gofakes3.DefaultTimeSource()
	require.NoError(t, s.CreateBucket(bucket))
	inner := gofakes3.New(s.Backend, gofakes3.WithTimeSource(s), gofakes3.WithIntegrityCheck(true)).Server()
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		fault := s.fault
		if r.Method == http.MethodPut {
			s.puts = append(s.puts, r.URL.Path)
		}
		s.mu.Unlock()
		if fault != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			fault(w, r)
			return
		}
		// Go's server would stamp the answer with the true time, whatever the store's clock says.
		w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
		inner.ServeHTTP(w, r)
	}))
	start(s.server)
	t.Cleanup(func() { s.heal(); s.server.Close() })
	return s
}

// Now and Since are the clock of the store.
func (s *store) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.Now()
}

func (s *store) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

func (s *store) setClock(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = gofakes3.FixedTimeSource(at)
}

// answer takes over every answer from now on.
func (s *store) answer(fault http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// refuse answers as S3 does.
func (s *store) refuse(status int, code, message string, headers ...string) {
	s.answer(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>`+message+`</Message></Error>`)
	})
}

// hang neither takes nor refuses.
func (s *store) hang() {
	s.mu.Lock()
	lifted := s.lifted
	s.mu.Unlock()
	s.answer(func(http.ResponseWriter, *http.Request) { <-lifted })
}

func (s *store) heal() {
	s.answer(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.lifted)
	s.lifted = make(chan struct{})
}

func (s *store) settings() *s3.Config {
	return &s3.Config{
		Bucket: bucket, Prefix: "consign", Endpoint: s.server.URL,
		AccessKey: config.NewSecret(accessKey), SecretKey: config.NewSecret(secretKey),
	}
}

func (s *store) open(t *testing.T, change ...func(*s3.Config)) sinks.Sink {
	t.Helper()
	settings := s.settings()
	for _, one := range change {
		one(settings)
	}
	settings.SetDefaults()
	sink, err := settings.Open(t.Context(), "lake")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(context.Background())) })
	return sink
}

// object is what the bucket holds under one key.
type object struct {
	key, contentType string
	content          []byte
}

func (s *store) objects(t *testing.T) []object {
	t.Helper()
	list, err := s.ListBucket(bucket, &gofakes3.Prefix{}, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	require.False(t, list.IsTruncated)
	var objects []object
	for _, entry := range list.Contents {
		found, err := s.GetObject(bucket, entry.Key, nil)
		require.NoError(t, err)
		content, err := io.ReadAll(found.Contents)
		require.NoError(t, err)
		objects = append(objects, object{entry.Key, found.Metadata["Content-Type"], expand(t, entry.Key, content)})
	}
	return objects
}

// received is every line of every object.
func (s *store) received(t *testing.T) []sinktest.Received {
	t.Helper()
	var received []sinktest.Received
	for _, one := range s.objects(t) {
		require.True(t, strings.HasPrefix(one.key, "consign/"), one.key)
		for text := range bytes.Lines(one.content) {
			require.True(t, bytes.HasSuffix(text, []byte("\n")), "half line in %s", one.key)
			var held struct {
				DeliveryID string `json:"delivery_id"`
				consign.Result
			}
			require.NoError(t, json.Unmarshal(text, &held), one.key)
			require.NotEmpty(t, held.DeliveryID)
			received = append(received, sinktest.Received{DeliveryID: held.DeliveryID, Result: held.Result})
		}
	}
	return received
}

func expand(t *testing.T, key string, content []byte) []byte {
	t.Helper()
	switch {
	case strings.HasSuffix(key, ".ndjson.gz"):
		reader, err := gzip.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		content, err = io.ReadAll(reader)
		require.NoError(t, err)
	case strings.HasSuffix(key, ".ndjson.zst"):
		reader, err := zstd.NewReader(bytes.NewReader(content))
		require.NoError(t, err)
		defer reader.Close()
		content, err = io.ReadAll(reader)
		require.NoError(t, err)
	default:
		require.True(t, strings.HasSuffix(key, ".ndjson"), key)
	}
	return content
}

func requireNone(t *testing.T, errs []error) {
	t.Helper()
	require.NoError(t, errors.Join(errs...))
}

// requireFailed checks that all of a batch failed alike and showed no secret.
func requireFailed(t *testing.T, batch []sinks.Delivery, errs []error) sinks.Failure {
	t.Helper()
	require.Len(t, errs, len(batch))
	var failure sinks.Failure
	for _, err := range errs {
		require.Error(t, err)
		failure = sinks.Classify(err)
		require.NotContains(t, err.Error(), secretKey)
		require.NotContains(t, err.Error(), accessKey)
	}
	return failure
}
