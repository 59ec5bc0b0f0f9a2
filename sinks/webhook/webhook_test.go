package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Open: func(t *testing.T) sinktest.Instance {
		c := newCounterpart(t)
		c.Start()
		t.Cleanup(c.Close)
		return c.instance(open(t, c.address()))
	}})
}

// Everything that can be between a result and its receiver: a template, two secrets, a token, a client
// certificate, a proxy and the guard.
func TestSink_EverythingOn(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{Open: func(t *testing.T) sinktest.Instance {
		ca, dir, c := newAuthority(t), t.TempDir(), newCounterpart(t)
		clients := x509.NewCertPool()
		clients.AddCert(ca.cert)
		c.EnableHTTP2 = true
		c.TLS = &tls.Config{
			Certificates: []tls.Certificate{ca.sign(t, "hooks.test", soonOver())}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		}
		c.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that their client gave up
		c.StartTLS()
		t.Cleanup(c.Close)
		proxy := &relay{receiver: c.Listener.Addr().String()}
		proxy.start(t, listen(t), proxy.http)
		cert, private := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
		write(t, ca.sign(t, "consign", soonOver()), cert, private)
		sink := build(t, Config{
			URL: "https://hooks.test/services/" + password, Body: "{{ json .result }}", Egress: GuardStrict,
			Headers: map[string]config.Secret{"X-Id": config.NewSecret("{{ .delivery_id }}")},
			Secret:  config.NewSecret("whsk_" + seed), Secrets: []config.Secret{config.NewSecret(key)},
			Auth:  Auth{Bearer: config.NewSecret(bearer)},
			TLS:   TLS{CA: ca.path, ClientCert: cert, ClientKey: private},
			Proxy: config.NewSecret("http://" + proxy.address),
		})
		leadsTo := &atomic.Value{}
		leadsTo.Store(netip.MustParseAddr("203.0.114.7"))
		resolving(t, sink, leadsTo)
		return c.instance(sink)
	}})
}

// counterpart is a receiver that fails as the suite wants it to.
type counterpart struct {
	*receiver
	mode     atomic.Int64 // the status to answer with; 0: never
	unwanted atomic.Value
	healed   sync.WaitGroup
}

func newCounterpart(t *testing.T) *counterpart {
	t.Helper()
	c := &counterpart{}
	c.mode.Store(http.StatusOK)
	c.receiver = newReceiver(t, func(w http.ResponseWriter, _ *http.Request, result consign.Result) {
		status := int(c.mode.Load())
		switch {
		case status == 0:
			c.healed.Wait()
			w.WriteHeader(http.StatusGone)
		case result.ID == c.unwanted.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(status)
		}
	})
	return c
}

func (c *counterpart) instance(sink *Sink) sinktest.Instance {
	return sinktest.Instance{
		Sink: sink,
		Received: func() []sinktest.Received {
			c.mu.Lock()
			defer c.mu.Unlock()
			return slices.Clone(c.taken)
		},
		Break:        func() { c.mode.Store(http.StatusInternalServerError) },
		BreakForGood: func() { c.mode.Store(http.StatusBadRequest) },
		Hang:         func() { c.healed.Add(1); c.mode.Store(0) },
		Heal: func() {
			if c.mode.Swap(http.StatusOK) == 0 {
				c.healed.Done()
			}
		},
		Refuse:  func(id string) { c.unwanted.Store(id) },
		Secrets: []string{password, bearer, key, seed},
	}
}

func TestDeliver_OneResult_IsASignedPostOfTheEnvelope(t *testing.T) {
	t.Parallel()
	r := receive(t, nil) // it refuses what the library does not verify
	d := delivery("{\"html\":\"<a href='x'>&amp;\u2028\",\"n\":1.00,\"n\":2}")
	require.NoError(t, attempt(t, open(t, r.address()), d))

	request := r.got()[0]
	want, err := d.Result.Encode()
	require.NoError(t, err)
	require.Equal(t, string(want), string(request.body))
	require.Contains(t, string(request.body), string(d.Result.Data))
	require.Equal(t, "application/json", request.header.Get("Content-Type"))
	require.Regexp(t, `^consign/\S+$`, request.header.Get("User-Agent"))
	require.Equal(t, d.ID, request.header.Get("webhook-id"))
	require.Equal(t, fmt.Sprint(d.First.Unix()), request.header.Get("webhook-timestamp"))
	require.Regexp(t, `^v1,`, request.header.Get("webhook-signature"))
	require.Equal(t, "Bearer "+bearer, request.header.Get("Authorization"))
}

func TestDeliver_NoSecret_SendsIdAndTimestampUnsigned(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	sink, err := New(Config{URL: r.URL})
	require.NoError(t, err)
	d := delivery(`1`)
	require.NoError(t, attempt(t, sink, d))
	require.NoError(t, sink.Close(t.Context()))
	header := r.got()[0].header
	require.Equal(t, d.ID, header.Get("webhook-id"))
	require.NotEmpty(t, header.Get("webhook-timestamp"))
	require.NotContains(t, header, "Webhook-Signature")
}

func TestDeliver_RetryWithinFourMinutes_RepeatsEveryByte_LaterIsStampedAnew(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	sink := open(t, r.address())
	d := delivery(`{"a":1}`)
	d.First = time.Now().Add(-2 * time.Minute) // far enough from now for the library's own check at both ends
	for _, age := range []time.Duration{0, 4*time.Minute - time.Millisecond, 4 * time.Minute, 10 * time.Minute, -5 * time.Minute} {
		d.At = d.First.Add(age)
		err := attempt(t, sink, d)
		if age < 5*time.Minute && age > -5*time.Minute {
			require.NoError(t, err)
		} else {
			require.Equal(t, "http 418", sinks.Classify(err).Label, "stamped %s after the first attempt, which the receiver is far from", age)
		}
	}
	d.At = time.Time{} // now
	d.First = time.Now().Add(-72 * time.Hour)
	require.NoError(t, attempt(t, sink, d), "a replay days later is stamped anew")

	got := r.got()
	require.Len(t, got, 4)
	first := got[0].header
	require.Equal(t, first, got[1].header, "just under 4 minutes")
	require.Equal(t, got[0].body, got[1].body)
	for _, later := range got[2:] {
		require.Equal(t, first.Get("webhook-id"), later.header.Get("webhook-id"))
		require.NotEqual(t, first.Get("webhook-timestamp"), later.header.Get("webhook-timestamp"))
		require.NotEqual(t, first.Get("webhook-signature"), later.header.Get("webhook-signature"))
	}
}

func TestDeliver_PlainTextSecret_SignsWithItsBytes(t *testing.T) {
	t.Parallel()
	const text = "correct horse battery staple"
	sign, err := standardSignature(text)
	require.NoError(t, err)
	first := time.Unix(1_700_000_000, 0)
	signature, err := sign("msg_1", first, []byte(`{}`))
	require.NoError(t, err)
	// printf 'msg_1.1700000000.{}' | openssl dgst -sha256 -hmac 'correct horse battery staple' -binary | base64
	require.Equal(t, "v1,vrzFWeN9OE6b3o6TRZsnScLgxdGTPOzrkNHT8OLXnWI=", signature)
}

func TestDeliver_ThirtyTwoAtOnce_AllArriveOnce(t *testing.T) {
	t.Parallel()
	r := receive(t, nil)
	sink := open(t, r.address())
	var group sync.WaitGroup
	for i := range 32 {
		group.Go(func() {
			errs := sink.Deliver(t.Context(), sinktest.Deliveries(fmt.Sprintf("at-once-%d", i), 10))
			for _, err := range errs {
				require.NoError(t, err)
			}
		})
	}
	group.Wait()
	seen := map[string]bool{}
	for _, request := range r.got() {
		seen[request.header.Get("webhook-id")] = true
	}
	require.Len(t, seen, 320)
	require.Len(t, r.got(), 320)
}

func TestDeliver_ABatch_HasAtMostEightRequestsUnderWay(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 64), make(chan struct{})
	r := receive(t, func(http.ResponseWriter, *http.Request, consign.Result) {
		arrived <- struct{}{}
		<-release
	})
	sink := open(t, r.address())
	done := make(chan []error)
	go func() { done <- sink.Deliver(t.Context(), sinktest.Deliveries("bounded", 64)) }()
	for range sideBySide {
		<-arrived
	}
	select {
	case <-arrived:
		t.Error("a ninth request is under way")
	case <-time.After(200 * time.Millisecond):
	}
	close(release)
	for _, err := range <-done {
		require.NoError(t, err)
	}
	require.Len(t, r.got(), 64)
}
