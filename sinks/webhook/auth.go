package webhook

import (
	"encoding/base64"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/consign-dev/consign/config"
)

// Auth says how requests are authorized, in the header Authorization. One of its fields at most is set.
type Auth struct {
	// Basic sends a user name and a password. Default: neither.
	Basic *Basic `yaml:"basic"`
	// Bearer is a token that does not change. Default: none.
	Bearer config.Secret `yaml:"bearer"`
	// OAuth2 gets tokens by the client credentials grant (RFC 6749, section 4.4). Default: none.
	OAuth2 *OAuth2 `yaml:"oauth2"`
}

// Basic is a user name with its password.
type Basic struct {
	// Username must hold no colon. Required.
	Username string `yaml:"username"`
	// Password may be empty: some receivers take a key for a user name.
	Password config.Secret `yaml:"password"`
}

// OAuth2 says where tokens come from. A token is kept until shortly before its time is over, and a new
// one is asked for once when the receiver answers 401.
type OAuth2 struct {
	// TokenURL is where tokens are asked for. Addresses that are refused to the URL are refused here
	// too, and redirects are not followed. Required.
	TokenURL string `yaml:"token_url"`
	// ClientID of this client. Required.
	ClientID string `yaml:"client_id"`
	// ClientSecret of this client. Required, unless it shows a client certificate.
	ClientSecret config.Secret `yaml:"client_secret"`
	// Scopes to ask for. Default: none.
	Scopes []string `yaml:"scopes"`
	// Parameters are sent with the request for a token, such as audience or resource. Default: none.
	Parameters map[string]config.Secret `yaml:"parameters"`
	// Credentials says where id and secret stand: "header", as RFC 6749 prefers, or "body". Default
	// header.
	Credentials string `yaml:"credentials"`
}

// check reports what is wrong, by field.
func (a Auth) check(headers map[string]config.Secret, guard Guard, report func(field, problem string)) {
	ways := 0
	if a.Basic != nil {
		ways++
		a.Basic.check(report)
	}
	if !a.Bearer.IsZero() {
		ways++
		if token := a.Bearer.Reveal(); !httpguts.ValidHeaderFieldValue(token) || strings.ContainsAny(token, " \t") {
			report("auth.bearer", "is no token: it holds a blank, line break or control character")
		}
	}
	if a.OAuth2 != nil {
		ways++
		a.OAuth2.check(guard, report)
	}
	if ways > 1 {
		report("auth", "has more than one of basic, bearer and oauth2: keep one")
	}
	for name := range headers {
		if ways > 0 && strings.EqualFold(name, "Authorization") {
			report("headers."+name, "is set by auth: take it out")
		}
	}
}

func (b *Basic) check(report func(field, problem string)) {
	switch {
	case b.Username == "":
		report("auth.basic.username", "is missing")
	case strings.Contains(b.Username, ":"):
		report("auth.basic.username", "holds a colon, after which receivers take the rest for the password")
	}
}

func (o *OAuth2) check(guard Guard, report func(field, problem string)) {
	target, err := endpoint(o.TokenURL)
	if err == nil {
		err = guard.checkHost(target.Hostname())
	}
	if err != nil {
		report("auth.oauth2.token_url", err.Error())
	}
	if o.ClientID == "" {
		report("auth.oauth2.client_id", "is missing")
	}
	switch o.Credentials {
	case "", inHeader, inBody:
	default:
		report("auth.oauth2.credentials", "is neither header nor body")
	}
	for name := range o.Parameters {
		switch name {
		case "grant_type", "scope", "client_id", "client_secret":
			report("auth.oauth2.parameters."+name, "is set by Consign itself: take it out")
		}
	}
}

// fixed is the value of the header Authorization that does not change; empty if there is none.
func (a Auth) fixed() string {
	switch {
	case a.Basic != nil:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Basic.Username+":"+a.Basic.Password.Reveal()))
	case !a.Bearer.IsZero():
		return "Bearer " + a.Bearer.Reveal()
	}
	return ""
}
