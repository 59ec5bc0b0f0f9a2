package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/consign-dev/consign/sinks"
)

// TLS says whom to trust and how to be known.
type TLS struct {
	// CA is the path of a PEM file with certificates of authorities that are trusted beside those of
	// the system. Default: the system's alone.
	CA string `yaml:"ca"`
	// ClientCert is the path of a PEM file with the client certificate to present, and its chain. It and client_key
	// are read again at each new connection, so that a renewed one needs no restart; while they cannot be read, the one
	// from before serves. Default: none.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the path of a PEM file with the private key of client_cert, without a passphrase.
	ClientKey string `yaml:"client_key"`
	// ServerName is what the receiver's certificate has to be for, and what is asked for by SNI.
	// Default: the host of the URL.
	ServerName string `yaml:"server_name"`
	// MinVersion is the least version of TLS that is spoken: "1.2" or "1.3". Default 1.2.
	MinVersion string `yaml:"min_version"`
}

// Files are those that it names.
func (t TLS) Files() []string { return []string{t.CA, t.ClientCert, t.ClientKey} }

// config reads the files and returns what [crypto/tls] needs, and reports what is wrong by field.
func (t TLS) config(report func(field, problem string)) *tls.Config {
	files := sinks.TLS{CA: t.CA, ClientCert: t.ClientCert, ClientKey: t.ClientKey, ServerName: t.ServerName}
	files.Validate(report)
	c, err := files.Config()
	if err != nil {
		c = new(tls.Config) // it is reported
	}
	switch t.MinVersion {
	case "", "1.2":
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		report("tls.min_version", fmt.Sprintf("unknown version %q: there are 1.2 and 1.3, the older ones are broken", t.MinVersion))
	}
	return c
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
