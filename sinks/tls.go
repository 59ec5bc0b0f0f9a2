package sinks

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// TLS secures the connections of a sink, under the key "tls" of kinds that have one. Empty settings
// ask for TLS with the system's certificate authorities.
type TLS struct {
	// CA is a PEM file of certificate authorities that are trusted beside the system's. Default: none.
	CA string `yaml:"ca"`
	// ClientCert is a PEM file with the certificate, and what leads up to its authority, by which
	// Consign proves who it is. It is read anew for each connection, so it may be renewed at any
	// time; while it cannot be read, the one from before serves. Default: none.
	ClientCert string `yaml:"client_cert"`
	// ClientKey is the PEM file of the key to ClientCert. Required with it.
	ClientKey string `yaml:"client_key"`
	// ServerName is what the server's certificate has to be made out to, where that is another name
	// than the one that is connected to. Default: the latter.
	ServerName string `yaml:"server_name"`
}

// Validate reads the files, and reports what is wrong by the fields "tls.ca", "tls.client_cert" and
// "tls.client_key". Settings that are nil are right.
func (t *TLS) Validate(report func(field, problem string)) {
	if t == nil {
		return
	}
	if _, err := Authorities(t.CA); err != nil {
		report("tls.ca", err.Error())
	}
	switch {
	case t.ClientCert == "" && t.ClientKey == "":
	case t.ClientKey == "":
		report("tls.client_key", "is missing: name the file with the key to client_cert")
	case t.ClientCert == "":
		report("tls.client_cert", "is missing: name the file with the certificate that client_key belongs to")
	default:
		if _, err := t.certificate(); err != nil {
			field := "tls.client_cert"
			if missing, found := errors.AsType[*os.PathError](err); found && missing.Path == t.ClientKey {
				field = "tls.client_key"
			}
			report(field, err.Error())
		}
	}
}

// Files are those that it names. Settings that are nil name none.
func (t *TLS) Files() []string {
	if t == nil {
		return nil
	}
	return []string{t.CA, t.ClientCert, t.ClientKey}
}

// Config returns what crypto/tls needs; nil for settings that are nil.
func (t *TLS) Config() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	authorities, err := Authorities(t.CA)
	if err != nil {
		return nil, fmt.Errorf("tls.ca: %w", err)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: authorities, ServerName: t.ServerName}
	if t.ClientCert == "" {
		return settings, nil
	}
	pair, err := t.certificate()
	if err != nil {
		return nil, fmt.Errorf("tls.client_cert: %w", err)
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(pair)
	settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		// While the files are being replaced they may not fit.
		if renewed, err := t.certificate(); err == nil {
			last.Store(renewed)
		}
		return last.Load(), nil
	}
	return settings, nil
}

// Authorities are the system's certificate authorities and those of a PEM file; nil, which means the
// system's, for no file.
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authorities: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----", file)
	}
	return pool, nil
}

func (t *TLS) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.ClientCert, t.ClientKey)
	if err != nil {
		if _, missing := errors.AsType[*os.PathError](err); missing {
			return nil, fmt.Errorf("read the client certificate and its key: %w", err)
		}
		return nil, fmt.Errorf("%s and %s are no certificate with its key: %w", t.ClientCert, t.ClientKey, err)
	}
	return &pair, nil
}
