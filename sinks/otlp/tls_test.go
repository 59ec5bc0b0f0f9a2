package otlp_test

import (
	"crypto/tls"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

// secured starts a receiver that listens with TLS.
func secured(t *testing.T, scheme string, security *tls.Config) *counterpart {
	t.Helper()
	return serve(t, scheme+"s", func(c *counterpart) { c.security = security })
}

func with(settings *sinks.TLS) func(*otlp.Config) {
	return func(c *otlp.Config) { c.TLS = settings }
}

func TestDeliver_MutualTLS_ShowsTheCertificateAndSaysWhenItIsMissing(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		of := sinktest.NewCertificates(t)
		c := secured(t, scheme, of.Server)
		batch := sinktest.Deliveries("mutual", 2)
		for _, err := range deliver(t, c.open(t, with(&sinks.TLS{CA: of.CA})), batch) {
			got := requireFailed(t, err)
			require.False(t, got.Permanent)
			require.Contains(t, []string{"client certificate", "connection reset"}, got.Label, got.Message)
			require.Contains(t, got.Message, "tls.client_cert and tls.client_key")
		}
		requireDelivered(t, c.open(t, with(&sinks.TLS{CA: of.CA, ClientCert: of.ClientCert, ClientKey: of.ClientKey})), batch)
		require.Len(t, c.received(t), 2)
	})
}

func TestDeliver_ACertificateThatIsNotTrusted_IsTransientAndSaysWhy(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		of := sinktest.NewCertificates(t)
		of.Server.ClientAuth = tls.NoClientCert
		c := secured(t, scheme, of.Server)
		for says, settings := range map[string]*sinks.TLS{
			"certificate signed by unknown authority": {CA: sinktest.NewCertificates(t).CA},
			"not collector.internal":                  {CA: of.CA, ServerName: "collector.internal"},
		} {
			got := requireFailed(t, deliver(t, c.open(t, with(settings)), sinktest.Deliveries("bad", 1))[0])
			require.False(t, got.Permanent)
			require.Equal(t, "bad certificate", got.Label, got.Message)
			require.Contains(t, got.Message, says)
			require.Contains(t, got.Message, "check tls.ca and tls.server_name")
		}
		got := requireFailed(t, deliver(t, c.open(t), sinktest.Deliveries("bad", 1))[0])
		require.Equal(t, "bad certificate", got.Label, "without tls, the system's authorities count")
		requireDelivered(t, c.open(t, with(&sinks.TLS{CA: of.CA})), sinktest.Deliveries("good", 1))
	})
}

func TestDeliver_AnExpiredCertificate_IsTransientUntilItIsRenewed(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		of := sinktest.NewCertificates(t)
		var shown atomic.Pointer[tls.Certificate]
		shown.Store(&of.Expired)
		renewed := of.Server.Certificates[0]
		c := secured(t, scheme, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return shown.Load(), nil },
		})
		sink := c.open(t, with(&sinks.TLS{CA: of.CA}))
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("expired", 1))[0])
		require.False(t, got.Permanent)
		require.Equal(t, "bad certificate", got.Label)
		require.Contains(t, got.Message, "expired")
		shown.Store(&renewed)
		deliverAtLast(t, sink, sinktest.Deliveries("renewed", 1))
	})
}

func TestDeliver_ServerName_IsWhatIsAskedForAndVerified(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		of := sinktest.NewCertificates(t)
		asked := make(chan string, 100)
		security := of.Server.Clone()
		security.ClientAuth = tls.NoClientCert
		security.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked <- hello.ServerName
			return &of.Server.Certificates[0], nil
		}
		security.Certificates = nil
		c := secured(t, scheme, security)
		requireDelivered(t, c.open(t, with(&sinks.TLS{CA: of.CA, ServerName: "localhost"})), sinktest.Deliveries("sni", 1))
		require.Equal(t, "localhost", <-asked)
	})
}

func TestDeliver_TLSToAReceiverThatSpeaksInClear_IsTransientAndSaysSo(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		sink := c.open(t, func(settings *otlp.Config) { settings.URL = scheme + "s://" + c.address })
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("clear", 1))[0])
		require.False(t, got.Permanent)
		require.Equal(t, "no tls", got.Label, got.Message)
	})
}
