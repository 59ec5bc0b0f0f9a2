package http

import "net/http"

// Show serves the page for people at /page. It asks for a token by itself where [Server.PageToken] is not nil.
func (s *Server) Show(page http.Handler) { s.page.Store(&page) }

// PageToken tells whether a token lets people in to the page; nil where none is needed.
func (s *Server) PageToken() func(token string) bool {
	if s.people == nil {
		return nil
	}
	return s.people.hold
}

// Shown tells whether there is anybody who may see the page.
func (s *Server) Shown() bool { return s.people != nil || s.tokens == nil && s.loopback }

// guardPage lets requests through to the page. Without tokens of its own it is for this machine alone; and those of
// producers, who may hand over results and nothing else, do not open it.
func (s *Server) guardPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var p *problem
		switch {
		case s.people != nil: // the page asks for them
		case !s.Shown():
			p = forbidden("the page is for people with a token of their own: set http.page_tokens")
		default:
			p = s.misaddressed(r, "http.page_tokens")
		}
		if p != nil {
			s.fail(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	page := s.page.Load()
	if page == nil {
		s.fail(w, unavailable("the worker has not started yet: it waits for Temporal"))
		return
	}
	(*page).ServeHTTP(w, r)
}
