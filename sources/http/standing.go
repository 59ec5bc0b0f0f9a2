package http

import (
	standings "github.com/consign-dev/consign/status"
)

// Standing is what [standings.Standing] tells of this server.
func (s *Server) Standing() standings.Source {
	source := standings.Source{Name: "http", Kind: "http", State: standings.SourceReading, Address: s.URL()}
	source.Taken, source.Rate = s.taken.Read()
	up := s.upstream.Load()
	if up == nil {
		source.State = standings.SourceStalled // Temporal is not there yet
		return source
	}
	if full := up.Full(); full != nil {
		source.State = standings.SourceFull
	}
	return source
}

// fresh counts the results that are new to Temporal.
func fresh(outcomes []outcome) (count int) {
	for _, one := range outcomes {
		if one.WorkflowID != "" && !one.Duplicate {
			count++
		}
	}
	return count
}
