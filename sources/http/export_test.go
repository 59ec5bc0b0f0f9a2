package http

import "net/http"

// Drain is the first part of Stop, during which connections are still served.
func (s *Server) Drain() { s.drain() }

// Fill takes all the memory that is set aside for requests, once it is free.
func (s *Server) Fill() (release func()) {
	all := memoryFor(s.options.Config)
	_ = s.memory.Acquire(s.draining, all)
	return func() { s.memory.Release(all) }
}

// Titles of problems by their slugs.
func Titles() map[string]string { return titles() }

// Memory is what is set aside for requests, in bytes.
func (s *Server) Memory() int64 { return memoryFor(s.options.Config) }

// Room tells whether n bytes of it are free.
func (s *Server) Room(n int64) bool {
	free := s.memory.TryAcquire(n)
	if free {
		s.memory.Release(n)
	}
	return free
}

// Turns is how many results are with the Submitter at once.
func (s *Server) Turns() int { return int(turnsFor(s.options.Config)) }

// Handler of all paths.
func (s *Server) Handler() http.Handler { return s.server.Handler }
