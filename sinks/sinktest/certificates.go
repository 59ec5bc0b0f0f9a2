package sinktest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Certificates are those of a private authority, for a counterpart that speaks TLS.
type Certificates struct {
	// CA, ClientCert and ClientKey are the names of PEM files.
	CA, ClientCert, ClientKey string
	// Server is what the counterpart listens with: its certificate is made out to 127.0.0.1 and
	// localhost, and it wants a client's of the same authority.
	Server *tls.Config
	// Expired is a certificate like the counterpart's that was good until a minute ago.
	Expired tls.Certificate
}

// NewCertificates makes a private authority, and a server's and a client's certificate of it.
func NewCertificates(t *testing.T) Certificates {
	t.Helper()
	directory := t.TempDir()
	authority, key := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	ofServer := x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	server, serverKey := certificate(t, &ofServer, authority, key)
	ofServer.NotAfter = time.Now().Add(-time.Minute)
	expired, expiredKey := certificate(t, &ofServer, authority, key)
	client, clientKey := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "consign"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, authority, key)
	encoded, err := x509.MarshalPKCS8PrivateKey(clientKey)
	require.NoError(t, err)
	clients := x509.NewCertPool()
	clients.AddCert(authority)
	return Certificates{
		CA:         writePEM(t, directory, "ca.pem", "CERTIFICATE", authority.Raw),
		ClientCert: writePEM(t, directory, "client.pem", "CERTIFICATE", client.Raw),
		ClientKey:  writePEM(t, directory, "client.key", "PRIVATE KEY", encoded),
		Server: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: clients,
		},
		Expired: tls.Certificate{Certificate: [][]byte{expired.Raw}, PrivateKey: expiredKey},
	}
}

// certificate signs template by the authority, or by itself without one. Unless the template says
// otherwise, it is good for an hour.
func certificate(t *testing.T, template, authority *x509.Certificate, authorityKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if authority == nil {
		authority, authorityKey = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	require.NoError(t, err)
	signed, err := x509.ParseCertificate(raw)
	require.NoError(t, err)
	return signed, key
}

func writePEM(t *testing.T, directory, name, kind string, raw []byte) string {
	t.Helper()
	path := filepath.Join(directory, name)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600))
	return path
}
