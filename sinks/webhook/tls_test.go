package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	path string // of its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{cert: cert, key: key, path: filepath.Join(t.TempDir(), "ca.pem")}
	require.NoError(t, os.WriteFile(a.path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return a
}

// sign returns a certificate for a name or address that is good until then.
func (a *authority) sign(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// write puts a certificate and its key into files.
func write(t *testing.T, certificate tls.Certificate, cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
}

// serve starts a TLS server that keeps the names in the client certificates it was shown.
func serve(t *testing.T, settings *tls.Config, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = settings
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func soonOver() time.Time { return time.Now().Add(12 * time.Hour) }

func TestDeliver_TLS_EachBadHandshake_HasItsLabel(t *testing.T) {
	t.Parallel()
	ca, other := newAuthority(t), newAuthority(t)
	good := ca.sign(t, "127.0.0.1", soonOver())
	for label, test := range map[string]struct {
		server *tls.Config
		client TLS
		text   string
	}{
		"certificate expired": {&tls.Config{Certificates: []tls.Certificate{ca.sign(t, "127.0.0.1", time.Now().Add(-time.Hour))}}, TLS{CA: ca.path}, "expired"},
		"certificate name":    {&tls.Config{Certificates: []tls.Certificate{ca.sign(t, "hooks.example", soonOver())}}, TLS{CA: ca.path}, "127.0.0.1"},
		"unknown authority":   {&tls.Config{Certificates: []tls.Certificate{good}}, TLS{CA: other.path}, "unknown authority"},
		"tls version":         {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, TLS{CA: ca.path}, "protocol version"},
		"client certificate":  {&tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert}, TLS{CA: ca.path}, "certificate required"},
	} {
		server := serve(t, test.server, func(http.ResponseWriter, *http.Request) {})
		failure := refused(t, attempt(t, build(t, Config{URL: server.URL + "/" + password, TLS: test.client}), delivery(`{}`)))
		require.Equal(t, label, failure.Label, failure.Message)
		require.False(t, failure.Permanent, "someone will renew it")
		require.Contains(t, failure.Message, test.text)
	}
	// The least version can be raised.
	server := serve(t, &tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12}, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, attempt(t, build(t, Config{URL: server.URL, TLS: TLS{CA: ca.path}}), delivery(`{}`)))
	failure := refused(t, attempt(t, build(t, Config{URL: server.URL, TLS: TLS{CA: ca.path, MinVersion: "1.3"}}), delivery(`{}`)))
	require.Equal(t, "tls version", failure.Label)
	// And a receiver without TLS says so.
	failure = refused(t, attempt(t, build(t, Config{URL: "https" + receive(t, nil).URL[len("http"):]}), delivery(`{}`)))
	require.Equal(t, "no tls", failure.Label)
}

func TestDeliver_MutualTLS_ShowsTheCertificateAlsoWhenItIsRenewed(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	shown := make(chan string, 1)
	server := serve(t, &tls.Config{
		Certificates: []tls.Certificate{ca.sign(t, "hooks.example", soonOver())}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, NextProtos: []string{"h2", "http/1.1"},
	}, func(_ http.ResponseWriter, r *http.Request) { shown <- r.TLS.PeerCertificates[0].Subject.CommonName })
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, ca.sign(t, "first", soonOver()), cert, key)
	sink := build(t, Config{URL: server.URL, TLS: TLS{CA: ca.path, ClientCert: cert, ClientKey: key, ServerName: "hooks.example"}})
	becomes := func(name string) {
		require.Eventually(t, func() bool {
			sink.sender.network.close() // a connection that just became idle is closed the next time
			require.NoError(t, attempt(t, sink, delivery(`{}`)))
			return <-shown == name
		}, 10*time.Second, 5*time.Millisecond, name)
	}
	becomes("first")
	write(t, ca.sign(t, "second", soonOver()), cert, key)
	becomes("second")
	require.NoError(t, os.Remove(key)) // half replaced
	becomes("second")
}

func TestTLS_EachMistake_NamesItsField(t *testing.T) {
	t.Parallel()
	ca, dir := newAuthority(t), t.TempDir()
	cert, key, junk := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "junk")
	write(t, ca.sign(t, "x", soonOver()), cert, key)
	require.NoError(t, os.WriteFile(junk, []byte(password), 0o600))
	for _, test := range []struct {
		tls           TLS
		field, remedy string
	}{
		{TLS{CA: filepath.Join(dir, "none")}, "tls.ca", "no such file"},
		{TLS{CA: junk}, "tls.ca", "BEGIN CERTIFICATE"},
		{TLS{ClientCert: cert}, "tls.client_key", "is missing"},
		{TLS{ClientKey: key}, "tls.client_cert", "is missing"},
		{TLS{ClientCert: cert, ClientKey: filepath.Join(dir, "none")}, "tls.client_key", "no such file"},
		{TLS{ClientCert: filepath.Join(dir, "none"), ClientKey: key}, "tls.client_cert", "no such file"},
		{TLS{ClientCert: ca.path, ClientKey: key}, "tls.client_cert", "no certificate with its key"},
		{TLS{ClientCert: junk, ClientKey: key}, "tls.client_cert", "PEM"},
		{TLS{MinVersion: "1.1"}, "tls.min_version", "1.2 and 1.3"},
	} {
		var fields []string
		(&Config{URL: "https://example.com/", TLS: test.tls}).Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, password)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
	}
	(&Config{URL: "http://example.com/", TLS: TLS{ServerName: "x"}}).Validate(func(field, problem string) {
		require.Equal(t, "tls", field)
		require.Contains(t, problem, "https://")
	})
	for _, guard := range []Guard{"", GuardDefault, GuardStrict, GuardPermissive, "lax"} {
		_, err := New(Config{URL: "https://example.com/", Egress: guard, Secret: config.NewSecret(key32())})
		require.Equal(t, guard == "lax", err != nil)
	}
}

func key32() string { return "whsec_" + seed }

// serveHTTP2 starts a server for 127.0.0.1 and returns its address.
func serveHTTP2(t *testing.T, ca *authority, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.sign(t, "127.0.0.1", soonOver())}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}
