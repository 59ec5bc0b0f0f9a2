package http

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/consign-dev/consign/config"
)

// guard lets requests through that bring a token, or without tokens those that are addressed to this machine
// itself: a page whose name was made to lead here (DNS rebinding) would name itself.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := s.refusal(r); p != nil {
			s.fail(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) refusal(r *http.Request) *problem {
	if s.tokens != nil {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case r.Header.Get("Authorization") == "":
			return unauthorized(`Bearer realm="consign"`, "a bearer token is needed: Authorization: Bearer TOKEN")
		case !strings.EqualFold(scheme, "Bearer") || !s.tokens.hold(strings.TrimSpace(token)):
			return unauthorized(`Bearer realm="consign", error="invalid_token"`, "this is no bearer token that is taken here")
		}
		return nil
	}
	return s.misaddressed(r, "http.tokens")
}

// misaddressed refuses what is addressed to another name than this machine's own, where nothing else guards.
func (s *Server) misaddressed(r *http.Request, setting string) *problem {
	if host := hostname(r.Host); s.loopback && !config.Loopback(host) {
		return forbidden(fmt.Sprintf("without tokens, requests are taken that are addressed to localhost, 127.0.0.1 or [::1], not to %q: set %s to be called by another name", host, setting))
	}
	return nil
}

func forbidden(detail string) *problem {
	return &problem{slug: "forbidden", Status: http.StatusForbidden, Detail: detail}
}

func unauthorized(challenge, detail string) *problem {
	return &problem{slug: "unauthorized", Status: http.StatusUnauthorized, Detail: detail, header: http.Header{"WWW-Authenticate": {challenge}}}
}

// hostname is a Host header without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// sameOrigin refuses what a browser sends for a page of another origin.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.fail(w, forbidden("a browser sent this for a page of another origin, from which nothing is taken"))
	}))
	return protection.Handler(next)
}
