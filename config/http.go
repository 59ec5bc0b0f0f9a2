package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// HTTP says how results are taken over HTTP. Without Listen they are not.
type HTTP struct {
	// Listen is where to take results over HTTP, as host:port; a port alone is on 127.0.0.1. Any other
	// address than one of this machine's loopback needs tokens and tls. Default: nowhere.
	Listen string `yaml:"listen"`
	// Tokens are the bearer tokens of which each request has to bring one. Name the new one beside the old
	// one while producers change over. A {file: …} may hold several, one a line, and is read anew when it
	// changes. Default: none, and then requests have to be addressed to a loopback name.
	Tokens []Secret `yaml:"tokens"`
	// PageTokens are those with which people log in to the page at /page, who may replay, discard and pause; those of
	// producers do not let them in. Default: none, and then the page is there on loopback alone, and only where tokens are
	// not set either.
	PageTokens []Secret `yaml:"page_tokens"`
	// TLS has the server speak TLS, HTTP/2 too.
	TLS ServerTLS `yaml:"tls"`
	// Insecure allows an address that others reach without tokens or without tls. Default false.
	Insecure bool `yaml:"insecure"`
	// MaxBody is the most bytes of one request, before and after it is decompressed. Default 16777216 (16 MiB).
	MaxBody int `yaml:"max_body"`
	// MaxConnections is how many connections are served at once; others wait to be accepted, for which the one
	// that has been idle longest is closed. Default 512.
	MaxConnections int `yaml:"max_connections"`
	// ReadTimeout is how long one request may take to arrive. Default 30s.
	ReadTimeout time.Duration `yaml:"read_timeout"`
	// WaitTimeout is how long one request may wait for one more of its results to be stored in Temporal and,
	// with ?wait=committed, for them to be committed at every sink; ten times that in all. Default 30s.
	WaitTimeout time.Duration `yaml:"wait_timeout"`
	// BatchMax is the most results that may share a workflow when more come than are taken at once. What
	// shared one is delivered again when it is sent again. Default 1.
	BatchMax int `yaml:"batch_max"`
}

// ServerTLS is the certificate that a server shows.
type ServerTLS struct {
	// Cert is a PEM file with the server's certificate and what leads up to its authority. It is read anew
	// when it changes; while it cannot be read, the one from before serves. Default: none.
	Cert string `yaml:"cert"`
	// Key is the PEM file of the key to cert. Required with it.
	Key string `yaml:"key"`
}

func defaultHTTP() HTTP {
	return HTTP{MaxBody: 16 << 20, MaxConnections: 512, ReadTimeout: 30 * time.Second, WaitTimeout: 30 * time.Second, BatchMax: 1}
}

// Address is Listen with its host.
func (h HTTP) Address() string {
	if _, err := strconv.ParseUint(h.Listen, 10, 16); err == nil {
		return net.JoinHostPort("127.0.0.1", h.Listen)
	}
	return h.Listen
}

// CheckListen says why results may not be taken at Listen, if so.
func (h HTTP) CheckListen() error {
	host, port, err := net.SplitHostPort(h.Address())
	if err != nil {
		return errors.New("is not host:port, such as 127.0.0.1:8088, or a port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is not a number from 0 to 65535", port)
	}
	if h.Insecure || Loopback(host) {
		return nil
	}
	var missing string
	switch {
	case len(h.Tokens) == 0 && h.TLS.Cert == "":
		missing = "tokens and tls"
	case len(h.Tokens) == 0:
		missing = "tokens"
	case h.TLS.Cert == "":
		missing = "tls"
	default:
		return nil
	}
	return fmt.Errorf("others can reach this address, which needs %s: set them under http, or listen on 127.0.0.1, or allow it with insecure: true (--http-insecure)", missing)
}

// Loopback tells the hosts that only this machine reaches.
func Loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Files are those that it names.
func (t ServerTLS) Files() []string { return []string{t.Cert, t.Key} }

// Certificate reads the files.
func (t ServerTLS) Certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if _, missing := errors.AsType[*os.PathError](err); missing {
		return nil, fmt.Errorf("read the certificate and its key: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s and %s are no certificate with its key: %w", t.Cert, t.Key, err)
	}
	return &pair, nil
}

// BearerTokens are those in one entry of [HTTP.Tokens]: a file holds one in each line that is not blank. The error
// shows none of them.
func BearerTokens(entry Secret) ([]string, error) {
	if entry.File() == "" {
		return []string{entry.Reveal()}, checkBearer(entry.Reveal())
	}
	var all []string
	n := 0
	for line := range strings.Lines(entry.Reveal()) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := checkBearer(line); err != nil {
			return nil, fmt.Errorf("line %d of the file %w", n, err)
		}
		all = append(all, line)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no token: the file has blank lines only")
	}
	return all, nil
}

// checkBearer says why no request could bring a token, or every one does.
func checkBearer(token string) error {
	if token == "" {
		return errors.New("is empty: anybody could send it")
	}
	if strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return errors.New("can stand in no Authorization header: a token has letters, digits and other signs of ASCII, and no white space, not at its ends either")
	}
	return nil
}

func (r *reader) checkHTTP(n *node, h *HTTP) {
	report := r.among(layer{n, "http"})
	between(report, "max_body", h.MaxBody, 1<<10, 1<<30)
	between(report, "max_connections", h.MaxConnections, 1, 100_000)
	between(report, "batch_max", h.BatchMax, 1, 1024)
	positive(report, "read_timeout", h.ReadTimeout)
	positive(report, "wait_timeout", h.WaitTimeout)
	switch {
	case h.TLS.Cert == "" && h.TLS.Key == "":
	case h.TLS.Key == "":
		report("tls.key", "is missing: name the file with the key to cert")
	case h.TLS.Cert == "":
		report("tls.cert", "is missing: name the file with the certificate that key belongs to")
	}
	for _, setting := range []struct {
		name   string
		tokens []Secret
	}{{"tokens", h.Tokens}, {"page_tokens", h.PageTokens}} {
		for i, token := range setting.tokens {
			if _, err := BearerTokens(token); err != nil {
				report(fmt.Sprintf("%s[%d]", setting.name, i), err.Error())
			}
		}
	}
	if h.Listen == "" {
		return
	}
	if err := h.CheckListen(); err != nil {
		report("listen", err.Error())
	}
}
