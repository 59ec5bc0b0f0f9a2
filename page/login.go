package page

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/consign-dev/consign/status"
)

const (
	// cookie names a session. No cookie ever holds the token itself.
	cookie = "consign_page"
	// sessionAge is how long a login holds, and less if its token is taken away.
	sessionAge = 12 * time.Hour
	// maxSessions bounds those that are kept: the oldest gives way.
	maxSessions = 1000
	// maxName is the longest name that a person may give, in bytes.
	maxName = 64
	// maxForm bounds the body of a form, in bytes: the ids of some thousand dead letters.
	maxForm = 1 << 20
)

// session is a person who has logged in.
type session struct {
	token, name string
	began       time.Time
}

// sessions by their random ids. They live in this process: after a restart one logs in again.
type sessions struct {
	mu  sync.Mutex
	all map[string]session
}

func (s *sessions) begin(token, name string) (id string) {
	id = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]session{}
	}
	if len(s.all) >= maxSessions {
		oldest := ""
		for other, one := range s.all {
			if oldest == "" || one.began.Before(s.all[oldest].began) {
				oldest = other
			}
		}
		delete(s.all, oldest)
	}
	s.all[id] = session{token: token, name: name, began: time.Now()}
	return id
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, id)
}

func (s *sessions) find(id string) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[id]
	if ok && time.Since(found.began) > sessionAge {
		delete(s.all, id)
		return session{}, false
	}
	return found, ok
}

// known lets those through who have logged in, where that is asked for.
func (p *Page) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if p.Token == nil {
			next.ServeHTTP(w, r)
			return
		}
		if c, err := r.Cookie(cookie); err == nil {
			// The token is looked at each time: it may have been taken away.
			if s, ok := p.sessions.find(c.Value); ok && p.Token(s.token) {
				next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sessionKey{}, s)))
				return
			}
		}
		if r.Method != http.MethodGet {
			p.show(w, r, http.StatusUnauthorized, "login", view{Title: "Log in", Data: login{Failed: "You are not logged in any more. Nothing was done."}})
			return
		}
		p.show(w, r, http.StatusUnauthorized, "login", view{Title: "Log in", Data: login{To: r.URL.RequestURI()}})
	})
}

type sessionKey struct{}

// who is logged in; empty: nobody has to be.
func (p *Page) who(r *http.Request) string {
	s, _ := r.Context().Value(sessionKey{}).(session)
	return s.name
}

// by is who gives an order.
func (p *Page) by(r *http.Request) string {
	if name := p.who(r); name != "" {
		return name + " (page)"
	}
	return p.By + " (page)"
}

// login is what the form shows.
type login struct {
	// To is where to go on, and Failed why not.
	To, Failed string
}

func (p *Page) loginForm(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, "login", view{Title: "Log in", Data: login{}})
}

func (p *Page) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	token, name, next := r.PostFormValue("token"), strings.TrimSpace(r.PostFormValue("name")), r.PostFormValue("to")
	if p.Token == nil {
		http.Redirect(w, r, Prefix+"/", http.StatusSeeOther)
		return
	}
	failed := ""
	switch {
	case !p.Token(token):
		failed = "This is no token that is taken here: see http.page_tokens of the configuration."
	case name == "" || len(name) > maxName || status.Printable(name) != name:
		failed = "Give your name, in at most 64 bytes: it is kept with what you order."
	}
	if failed != "" {
		p.show(w, r, http.StatusUnauthorized, "login", view{Title: "Log in", Data: login{To: next, Failed: failed}})
		return
	}
	setCookie(w, r, p.sessions.begin(token, name), int(sessionAge.Seconds()))
	if !strings.HasPrefix(next, Prefix+"/") || strings.HasPrefix(next, Prefix+"/login") {
		next = Prefix + "/"
	}
	http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // to a page of this server, as was just seen to
}

func (p *Page) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookie); err == nil {
		p.sessions.end(c.Value)
	}
	setCookie(w, r, "", -1)
	http.Redirect(w, r, Prefix+"/", http.StatusSeeOther)
}

// setCookie has a browser keep the id of a session for so many seconds; -1: forget it. Strict: no other site can have it
// brought along.
func setCookie(w http.ResponseWriter, r *http.Request, id string, seconds int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // in clear only where nobody else reaches it, or somebody has allowed it
		Name: cookie, Value: id, Path: Prefix, MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}
