package sinks_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestTLS_Nil_IsRightAndAsksForNothing(t *testing.T) {
	t.Parallel()
	var settings *sinks.TLS
	settings.Validate(func(field, problem string) { require.Fail(t, field+problem) })
	config, err := settings.Config()
	require.NoError(t, err)
	require.Nil(t, config)
}

func TestTLS_Empty_AsksForTLSByTheSystemsAuthorities(t *testing.T) {
	t.Parallel()
	config, err := new(sinks.TLS).Config()
	require.NoError(t, err)
	require.Nil(t, config.RootCAs)
	require.Empty(t, config.ServerName)
	require.GreaterOrEqual(t, config.MinVersion, uint16(tls.VersionTLS12))
}

func TestTLS_AClientCertificateThatIsRenewed_IsShownByTheNextConnection(t *testing.T) {
	t.Parallel()
	first, second := sinktest.NewCertificates(t), sinktest.NewCertificates(t)
	// The server knows both authorities, so what is shown is up to the client.
	server := first.Server.Clone()
	pem, err := os.ReadFile(second.CA)
	require.NoError(t, err)
	require.True(t, server.ClientCAs.AppendCertsFromPEM(pem))
	settings := sinks.TLS{CA: first.CA, ClientCert: first.ClientCert, ClientKey: first.ClientKey}
	config, err := settings.Config()
	require.NoError(t, err)

	before := shown(t, server, config)
	for from, to := range map[string]string{second.ClientCert: first.ClientCert, second.ClientKey: first.ClientKey} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, content, 0o600))
	}
	after := shown(t, server, config)
	require.False(t, before.Equal(after))
	require.Equal(t, "consign", after.Subject.CommonName)
	require.NoError(t, os.Remove(first.ClientKey)) // half replaced
	require.True(t, after.Equal(shown(t, server, config)), "the one from before serves")
}

// shown makes one connection and returns the certificate that the server was shown.
func shown(t *testing.T, server, client *tls.Config) *x509.Certificate {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", server)
	require.NoError(t, err)
	defer listener.Close()
	seen := make(chan *x509.Certificate, 1)
	go func() {
		defer close(seen)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if secure := conn.(*tls.Conn); secure.Handshake() == nil {
			seen <- secure.ConnectionState().PeerCertificates[0]
		}
	}()
	var dialer net.Dialer
	plain, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	defer plain.Close()
	config := client.Clone()
	config.ServerName = "localhost"
	require.NoError(t, tls.Client(plain, config).HandshakeContext(t.Context()))
	certificate := <-seen
	require.NotNil(t, certificate)
	return certificate
}
