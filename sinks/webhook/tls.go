package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/consign-dev/consign/sinks"
)

// TLS says whom to trust and how to be known.
type TLS struct {
	// CA is the path of a PEM file with certificates of authorities that are trusted beside those of
	// the system. Default: the system's alone.
	CA string `yaml:"ca"`
	// ClientCert is the path of a PEM file with the client certificate to present, and its chain. It and client_key
	// are read again at each new connection, so that a renewed one needs no restart. Default: none.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the path of a PEM file with the private key of client_cert, without a passphrase.
	ClientKey string `yaml:"client_key"`
	// ServerName is what the receiver's certificate has to be for, and what is asked for by SNI.
	// Default: the host of the URL.
	ServerName string `yaml:"server_name"`
	// MinVersion is the least version of TLS that is spoken: "1.2" or "1.3". Default 1.2.
	MinVersion string `yaml:"min_version"`
}

// config reads the files and returns what [crypto/tls] needs, and reports what is wrong by field.
func (t TLS) config(report func(field, problem string)) *tls.Config {
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	switch t.MinVersion {
	case "", "1.2":
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		report("tls.min_version", fmt.Sprintf("unknown version %q: there are 1.2 and 1.3, the older ones are broken", t.MinVersion))
	}
	authorities, err := sinks.Authorities(t.CA)
	if err != nil {
		report("tls.ca", err.Error())
	}
	c.RootCAs = authorities
	switch {
	case t.ClientCert == "" && t.ClientKey == "":
	case t.ClientCert == "":
		report("tls.client_cert", "is missing: tls.client_key needs the certificate it belongs to")
	case t.ClientKey == "":
		report("tls.client_key", "is missing: tls.client_cert needs the private key it was made for")
	default:
		t.present(c, report)
	}
	return c
}

// present makes a connection show the client certificate.
func (t TLS) present(c *tls.Config, report func(field, problem string)) {
	for field, path := range map[string]string{"tls.client_cert": t.ClientCert, "tls.client_key": t.ClientKey} {
		if _, err := os.ReadFile(path); err != nil {
			report(field, unreadable(path, err).Error())
			return
		}
	}
	last, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey)
	if err != nil {
		report("tls.client_cert", fmt.Sprintf("%s and %s are no certificate and its key in PEM form: %s", t.ClientCert, t.ClientKey, err))
		return
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		// While the files are being replaced they may not fit: the one that was there at start will do.
		if renewed, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey); err == nil {
			return &renewed, nil
		}
		return &last, nil
	}
}

// unreadable says why a file cannot be read, without naming it twice.
func unreadable(path string, err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("%s cannot be read: %w", path, err)
}

// handshakeLabel names the causes for which a TLS connection does not come about; "" if err is none of
// them.
func handshakeLabel(err error) string {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate expired"
	case errors.As(err, &name):
		return "certificate name"
	case errors.As(err, &authority):
		return "unknown authority"
	case errors.As(err, &verification), errors.As(err, &invalid):
		return "bad certificate"
	case errors.As(err, &record):
		return "no tls"
	}
	return alertLabel(err.Error())
}

// alertLabel reads what package tls has no types for: what the two sides tell each other.
func alertLabel(text string) string {
	if strings.Contains(text, "tls: protocol version not supported") || strings.Contains(text, "tls: server selected unsupported protocol version") {
		return "tls version"
	}
	_, alert, remote := strings.Cut(text, "remote error: tls: ")
	if remote && strings.Contains(alert, "certificate") {
		return "client certificate"
	}
	return ""
}
