package nats

import (
	"sync/atomic"

	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/status"
)

// facts are what is told of a source.
type facts struct {
	taken   activities.Recent
	trouble atomic.Pointer[status.Failure] // why it cannot be read; nil: it can
	full    atomic.Bool                    // Temporal takes no new results
	waiting atomic.Int64                   // in the stream, as of the last look
}

// Standing is what [status.Standing] tells of these sources.
func (s *Sources) Standing() []status.Source {
	told := make([]status.Source, 0, len(s.all))
	for _, own := range s.all {
		one := status.Source{
			Name: own.name, Kind: "nats", State: status.SourceReading, Address: own.settings.Stream,
			Open: int64(own.held.count()), Limit: int64(own.settings.MaxOpen), Waiting: own.facts.waiting.Load(),
		}
		if trouble := own.facts.trouble.Load(); trouble != nil {
			one.LastError = new(*trouble) // who asks may redact it
		}
		one.Taken, one.Rate = own.facts.taken.Read()
		switch {
		case one.LastError != nil:
			one.State = status.SourceStalled
		case one.Open >= one.Limit, own.facts.full.Load():
			one.State = status.SourceFull
		}
		told = append(told, one)
	}
	return told
}
