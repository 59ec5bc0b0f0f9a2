package nats

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// Validate reports what is wrong, and shows no secret in doing so. It reads the files of tls.
func (c *Config) Validate(report func(field, problem string)) {
	if err := checkURL(c.URL); err != nil {
		report("url", err.Error())
	}
	for _, field := range []struct{ name, value string }{
		{"subject", c.Subject}, {"incident_subject", c.IncidentSubject}, {"inbox_prefix", c.InboxPrefix},
	} {
		if field.name == "incident_subject" && c.IncidentSubject == c.Subject {
			continue // reported once
		}
		if err := checkSubject(field.value); err != nil {
			report(field.name, err.Error())
		}
	}
	c.Format.Validate(report)
	c.checkLogin(report)
	c.TLS.Validate(report)
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

func checkSubject(subject string) error {
	if subject == "" {
		return errors.New("is missing: name the subject to publish to, such as detections.edr")
	}
	if strings.ContainsAny(subject, " \t\r\n\f") {
		return fmt.Errorf("%q holds a blank, which a subject must not", subject)
	}
	for token := range strings.SplitSeq(subject, ".") {
		switch token {
		case "":
			return fmt.Errorf("%q has an empty part: dots stand between parts only", subject)
		case "*", ">":
			return fmt.Errorf("%q holds the wildcard %s: name one subject", subject, token)
		}
	}
	return nil
}

func (c *Config) checkLogin(report func(field, problem string)) {
	var used []string
	for _, way := range []struct {
		field string
		set   bool
	}{
		{"credentials", !c.Credentials.IsZero()}, {"token", !c.Token.IsZero()}, {"user", c.User != ""}, {"nkey", !c.NKey.IsZero()},
	} {
		if way.set {
			used = append(used, way.field)
		}
	}
	if len(used) > 1 {
		report(used[1], fmt.Sprintf("is a second way to log in, beside %s: keep one", used[0]))
	}
	if c.User == "" && !c.Password.IsZero() {
		report("user", "is missing: say whose password it is")
	}
	if c.User != "" && c.Password.IsZero() {
		report("password", "is missing: say what the password of user is")
	}
	if _, err := c.login(); err != nil {
		report(err.field, err.problem)
	}
}

// fieldError is a problem of one field.
type fieldError struct{ field, problem string }

// login returns how Consign proves who it is.
func (c *Config) login() ([]nats.Option, *fieldError) {
	switch {
	case !c.Credentials.IsZero():
		content := []byte(c.Credentials.Reveal())
		if _, err := nkeys.ParseDecoratedJWT(content); err != nil || !strings.Contains(string(content), "BEGIN NATS USER JWT") {
			return nil, &fieldError{"credentials", `is not what a credentials file holds: name the file as in {file: /run/secrets/user.creds}`}
		}
		if _, err := nkeys.ParseDecoratedUserNKey(content); err != nil {
			return nil, &fieldError{"credentials", "holds no user's key beside the JWT: make it with nsc generate creds"}
		}
		return []nats.Option{nats.UserCredentialBytes(content)}, nil
	case !c.NKey.IsZero():
		pair, err := nkeys.FromSeed([]byte(c.NKey.Reveal()))
		if err != nil {
			return nil, &fieldError{"nkey", "is not the seed of an NKey, which begins with SU: make one with nsc generate nkey --user"}
		}
		public, err := pair.PublicKey()
		if err != nil || !nkeys.IsValidPublicUserKey(public) {
			return nil, &fieldError{"nkey", "is a key, but not a user's, whose seed begins with SU: make one with nsc generate nkey --user"}
		}
		return []nats.Option{nats.Nkey(public, pair.Sign)}, nil
	case !c.Token.IsZero():
		return []nats.Option{nats.Token(c.Token.Reveal())}, nil
	case c.User != "":
		return []nats.Option{nats.UserInfo(c.User, c.Password.Reveal())}, nil
	}
	return nil, nil
}

// options are those of the settings. How the connection is kept is up to connection.
func (c *Config) options() ([]nats.Option, error) {
	options, wrong := c.login()
	if wrong != nil {
		return nil, fmt.Errorf("%s: %s", wrong.field, wrong.problem)
	}
	options = append(options, nats.CustomInboxPrefix(c.InboxPrefix))
	secure, err := c.TLS.Config()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, nats.Secure(secure))
	}
	return options, nil
}
