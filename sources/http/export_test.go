package http

// Drain is the first part of Stop, during which connections are still served.
func (s *Server) Drain() { s.drain() }

// Fill takes all the memory that is set aside for requests, once it is free.
func (s *Server) Fill() (release func()) {
	all := int64(max(maxHeld, s.options.Config.MaxBody))
	_ = s.held.Acquire(s.draining, all)
	return func() { s.held.Release(all) }
}

// Titles of problems by their slugs.
func Titles() map[string]string { return titles() }
