package nats

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// Server is how a NATS server is reached, for sinks and sources.
type Server struct {
	// URL of the servers, with scheme nats or tls, several of one cluster separated by commas.
	// Required.
	URL string `yaml:"url"`
	// InboxPrefix begins the subject that acknowledgements come to, for users who may not subscribe
	// below _INBOX. Default _INBOX.
	InboxPrefix string `yaml:"inbox_prefix"`

	// Credentials are the content of a credentials file (nsc generate creds), as in {file: user.creds}.
	// At most one of credentials, token, user and nkey may be set.
	Credentials config.Secret `yaml:"credentials"`
	// Token by which the server knows Consign.
	Token config.Secret `yaml:"token"`
	// User by which the server knows Consign, with Password.
	User string `yaml:"user"`
	// Password of User.
	Password config.Secret `yaml:"password"`
	// NKey is the seed of a user's NKey, "SU…".
	NKey config.Secret `yaml:"nkey"`

	// TLS secures the connection. Default: as the scheme and the server ask, with the system's
	// certificate authorities.
	TLS *sinks.TLS `yaml:"tls"`
}

// SetDefaults fills in what is left out.
func (s *Server) SetDefaults() {
	if s.InboxPrefix == "" {
		s.InboxPrefix = nats.InboxPrefix[:len(nats.InboxPrefix)-1] // without its dot
	}
}

// Validate reports what is wrong, and shows no secret in doing so. It reads the files of tls.
func (s *Server) Validate(report func(field, problem string)) {
	if err := checkURL(s.URL); err != nil {
		report("url", err.Error())
	}
	if err := checkSubject(s.InboxPrefix); err != nil {
		report("inbox_prefix", err.Error())
	}
	s.checkLogin(report)
	s.TLS.Validate(report)
}

// checkURL shows none of the URL but a mistaken scheme, since the rest may hold a password.
func checkURL(addresses string) error {
	if addresses == "" {
		return errors.New("is missing: say where the servers are, such as nats://nats.example.com:4222")
	}
	for address := range strings.SplitSeq(addresses, ",") {
		target, err := url.Parse(strings.TrimSpace(address))
		switch {
		case err != nil:
			return errors.New("is not a URL: look for blanks, quotes, a stray % or a port that is no number")
		case target.Scheme == "" || target.Opaque != "":
			return errors.New("has no scheme: begin each server with nats:// or tls://")
		case target.Scheme != "nats" && target.Scheme != "tls":
			return fmt.Errorf("unknown scheme %q: NATS is spoken to by nats:// and tls://", target.Scheme)
		case target.Hostname() == "":
			return fmt.Errorf("names no host: write %s://HOST:PORT", target.Scheme)
		case target.User != nil:
			return errors.New("holds a user name, password or token, which would be shown: take it out and set user and password, or token")
		case strings.Trim(target.Path, "/") != "" || target.RawQuery != "":
			return errors.New("goes on after the port: a URL names the server alone, the subject has a field of its own")
		}
		if port := target.Port(); port != "" {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return fmt.Errorf("has the port %s: ports are 1 to 65535", port)
			}
		}
	}
	return nil
}

func (s *Server) checkLogin(report func(field, problem string)) {
	var used []string
	for _, way := range []struct {
		field string
		set   bool
	}{
		{"credentials", !s.Credentials.IsZero()}, {"token", !s.Token.IsZero()}, {"user", s.User != ""}, {"nkey", !s.NKey.IsZero()},
	} {
		if way.set {
			used = append(used, way.field)
		}
	}
	if len(used) > 1 {
		report(used[1], fmt.Sprintf("is a second way to log in, beside %s: keep one", used[0]))
	}
	if s.User == "" && !s.Password.IsZero() {
		report("user", "is missing: say whose password it is")
	}
	if s.User != "" && s.Password.IsZero() {
		report("password", "is missing: say what the password of user is")
	}
	if _, err := s.login(); err != nil {
		report(err.field, err.problem)
	}
}

// fieldError is a problem of one field.
type fieldError struct{ field, problem string }

// login returns how Consign proves who it is.
func (s *Server) login() ([]nats.Option, *fieldError) {
	switch {
	case !s.Credentials.IsZero():
		content := []byte(s.Credentials.Reveal())
		if _, err := nkeys.ParseDecoratedJWT(content); err != nil || !strings.Contains(string(content), "BEGIN NATS USER JWT") {
			return nil, &fieldError{"credentials", `is not what a credentials file holds: name the file as in {file: /run/secrets/user.creds}`}
		}
		if _, err := nkeys.ParseDecoratedUserNKey(content); err != nil {
			return nil, &fieldError{"credentials", "holds no user's key beside the JWT: make it with nsc generate creds"}
		}
		return []nats.Option{nats.UserCredentialBytes(content)}, nil
	case !s.NKey.IsZero():
		pair, err := nkeys.FromSeed([]byte(s.NKey.Reveal()))
		if err != nil {
			return nil, &fieldError{"nkey", "is not the seed of an NKey, which begins with SU: make one with nsc generate nkey --user"}
		}
		public, err := pair.PublicKey()
		if err != nil || !nkeys.IsValidPublicUserKey(public) {
			return nil, &fieldError{"nkey", "is a key, but not a user's, whose seed begins with SU: make one with nsc generate nkey --user"}
		}
		return []nats.Option{nats.Nkey(public, pair.Sign)}, nil
	case !s.Token.IsZero():
		return []nats.Option{nats.Token(s.Token.Reveal())}, nil
	case s.User != "":
		return []nats.Option{nats.UserInfo(s.User, s.Password.Reveal())}, nil
	}
	return nil, nil
}

// Connection with these settings. Nothing is connected to before its first use.
func (s *Server) Connection() (*Connection, error) {
	options, wrong := s.login()
	if wrong != nil {
		return nil, fmt.Errorf("%s: %s", wrong.field, wrong.problem)
	}
	options = append(options, nats.CustomInboxPrefix(s.InboxPrefix))
	secure, err := s.TLS.Config()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	return newConnection(s.URL, options), nil
}
