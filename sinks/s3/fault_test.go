package s3_test

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/s3"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_EachRefusal_IsOfItsClassAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	batch := sinktest.Deliveries("refused", 2)
	for _, test := range []struct {
		status    int
		code      string
		headers   []string
		want      sinks.Failure
		mentioned string
	}{
		{503, "SlowDown", []string{"Retry-After", "7"}, sinks.Failure{Label: "s3 SlowDown", Busy: true, After: 7 * time.Second}, "answered 503 SlowDown"},
		{503, "ServiceUnavailable", nil, sinks.Failure{Label: "s3 ServiceUnavailable", Busy: true}, ""},
		{503, "SlowDown", []string{"Retry-After", "-1"}, sinks.Failure{Label: "s3 SlowDown", Busy: true}, ""},
		{503, "SlowDown", []string{"Retry-After", "9000000000000000000"}, sinks.Failure{Label: "s3 SlowDown", Busy: true, After: 7 * 24 * time.Hour}, ""},
		{429, "TooManyRequests", nil, sinks.Failure{Label: "s3 TooManyRequests", Busy: true}, ""},
		{500, "InternalError", nil, sinks.Failure{Label: "s3 InternalError"}, ""},
		{501, "NotImplemented", nil, sinks.Failure{Label: "s3 NotImplemented"}, ""},
		{507, "not a code", nil, sinks.Failure{Label: "http 507"}, "answered 507"},
		{403, "AccessDenied", nil, sinks.Failure{Label: "s3 AccessDenied"}, "allow s3:PutObject"},
		{403, "InvalidAccessKeyId", nil, sinks.Failure{Label: "s3 InvalidAccessKeyId"}, "check access_key and secret_key"},
		{403, "SignatureDoesNotMatch", nil, sinks.Failure{Label: "s3 SignatureDoesNotMatch"}, "check access_key and secret_key"},
		{404, "NoSuchBucket", nil, sinks.Failure{Label: "s3 NoSuchBucket"}, "create the bucket"},
		{400, "ExpiredToken", nil, sinks.Failure{Label: "s3 ExpiredToken"}, ""},
		{400, "RequestTimeout", nil, sinks.Failure{Label: "s3 RequestTimeout"}, ""},
		{400, "BadDigest", nil, sinks.Failure{Label: "s3 BadDigest"}, ""},
		{301, "PermanentRedirect", []string{"X-Amz-Bucket-Region", "eu-west-3", "Location", "http://127.0.0.1:1/"}, sinks.Failure{Label: "s3 PermanentRedirect"}, `set region to "eu-west-3"`},
		{307, "TemporaryRedirect", []string{"Location", "http://127.0.0.1:1/"}, sinks.Failure{Label: "s3 TemporaryRedirect"}, ""},
		{400, "AuthorizationHeaderMalformed", nil, sinks.Failure{Label: "s3 AuthorizationHeaderMalformed"}, "set region, or endpoint"},
		{400, "InvalidRequest", nil, sinks.Failure{Label: "s3 InvalidRequest", Permanent: true}, ""},
		{400, "EntityTooLarge", nil, sinks.Failure{Label: "s3 EntityTooLarge", Permanent: true}, ""},
		{405, "MethodNotAllowed", nil, sinks.Failure{Label: "s3 MethodNotAllowed", Permanent: true}, ""},
	} {
		s.refuse(test.status, test.code, "of "+secretKey+strings.Repeat(" and more", 1000), test.headers...)
		got := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
		require.Contains(t, got.Message, "PUT s3://detections/consign/", test.code)
		require.Contains(t, got.Message, test.mentioned, test.code)
		got.Message, test.want.Code = "", test.status
		require.Equal(t, test.want, got, test.code)
	}
	s.heal()
	requireNone(t, sink.Deliver(t.Context(), batch))
}

func TestDeliver_BucketThatIsGone_IsTransientAndHeals(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	require.NoError(t, s.DeleteBucket(bucket))
	batch := sinktest.Deliveries("gone", 2)
	failure := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "s3 NoSuchBucket", failure.Label)
	require.False(t, failure.Permanent)
	require.NoError(t, s.CreateBucket(bucket))
	requireNone(t, sink.Deliver(t.Context(), batch))
}

func TestDeliver_ClockThatIsWrong_IsAllowedForByTheNextAttempt(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	s.setClock(time.Now().Add(-3 * time.Hour))
	batch := sinktest.Deliveries("skewed", 2)
	failure := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "s3 RequestTimeTooSkewed", failure.Label)
	require.False(t, failure.Permanent)
	require.Contains(t, failure.Message, "set the clock of this machine")
	requireNone(t, sink.Deliver(t.Context(), batch))
}

func TestDeliver_StoreThatIsNone_IsTransient(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	batch := sinktest.Deliveries("none", 2)
	const endless = 64 << 20 // far more than fits into socket buffers
	sent := make(chan int, 1)
	for name, fault := range map[string]http.HandlerFunc{
		"speaks no XML": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>502", http.StatusBadGateway) },
		"endless answer": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			written, block := 0, make([]byte, 32<<10)
			for written < endless {
				n, err := w.Write(block)
				written += n
				if err != nil {
					break
				}
			}
			sent <- written
		},
	} {
		s.answer(fault)
		failure := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
		require.False(t, failure.Permanent, name)
		require.True(t, failure.Busy, name)
		require.Equal(t, "http 502", failure.Label, name)
	}
	require.Less(t, <-sent, endless, "it is hung up on")

	s.answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Welcome") })
	failure := requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "no store", failure.Label)
	require.Contains(t, failure.Message, "check endpoint")
	s.server.Close()
	_ = sink.Deliver(t.Context(), batch) // perhaps by a connection that was kept, and is reset
	failure = requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "connection refused", failure.Label)
}

func TestDeliver_StoreThatNeverAnswers_TimesOut(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	sink := s.open(t)
	s.hang()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	batch := sinktest.Deliveries("hangs", 2)
	failure := requireFailed(t, batch, sink.Deliver(ctx, batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "timeout", failure.Label)
	require.Contains(t, failure.Message, "no answer in time")
}

func TestDeliver_CertificateOfAPrivateCA_IsTrustedByTheSettingOnly(t *testing.T) {
	t.Parallel()
	s := newStore(t, func(server *httptest.Server) {
		server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake
		server.StartTLS()
	})
	batch := sinktest.Deliveries("tls", 2)
	failure := requireFailed(t, batch, s.open(t).Deliver(t.Context(), batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "bad certificate", failure.Label)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}), 0o600))
	requireNone(t, s.open(t, func(c *s3.Config) { c.CA = ca }).Deliver(t.Context(), batch))
	require.Len(t, s.received(t), 2)
}

func TestOpen_BucketThatIsNotThere_IsRefused(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	settings := s.settings()
	settings.Bucket = "nowhere"
	settings.SetDefaults()
	_, err := settings.Open(t.Context(), "lake")
	require.ErrorContains(t, err, "HEAD s3://nowhere: there is no such bucket")

	s.refuse(http.StatusMovedPermanently, "PermanentRedirect", "", "X-Amz-Bucket-Region", "eu-west-3")
	_, err = settings.Open(t.Context(), "lake")
	require.ErrorContains(t, err, `the bucket is elsewhere: set region to "eu-west-3"`)
}

func TestOpen_StoreThatIsAwayOrDoesNotSay_StartsAllTheSame(t *testing.T) {
	t.Parallel()
	s := newStore(t, (*httptest.Server).Start)
	// Whoever may put objects need not be allowed to look at the bucket.
	s.refuse(http.StatusForbidden, "AccessDenied", "")
	sink := s.open(t)
	s.heal()
	requireNone(t, sink.Deliver(t.Context(), sinktest.Deliveries("allowed", 1)))

	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	settings := s.settings()
	settings.Endpoint = "http://" + listener.Addr().String()
	settings.SetDefaults()
	look, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	silent, err := settings.Open(look, "lake")
	require.NoError(t, err)
	require.NoError(t, silent.Close(t.Context()))
}

// The keys that the AWS SDK finds by itself; not parallel, since they are in the environment.
func TestDeliver_KeysOfTheEnvironment_AreUsedAndMissedByName(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	s := newStore(t, (*httptest.Server).Start)
	keyless := func(c *s3.Config) { c.AccessKey, c.SecretKey = config.Secret{}, config.Secret{} }
	batch := sinktest.Deliveries("keyless", 2)

	failure := requireFailed(t, batch, s.open(t, keyless).Deliver(t.Context(), batch))
	require.False(t, failure.Permanent)
	require.Equal(t, "s3 credentials", failure.Label)
	require.Contains(t, failure.Message, "set access_key and secret_key")

	_, err := s3.New(t.Context(), s3.Config{Bucket: bucket})
	require.ErrorContains(t, err, "s3.region: is missing")

	t.Setenv("AWS_ACCESS_KEY_ID", accessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	requireNone(t, s.open(t, keyless).Deliver(t.Context(), batch))
}
