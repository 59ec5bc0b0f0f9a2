package status

import (
	"fmt"
	"time"

	"github.com/consign-dev/consign"
)

// Standing is what a worker tells of itself: the answer of the activity "standing", which takes no argument.
type Standing struct {
	// Identity of the worker, HOST/PID/XXXX, by which Temporal knows it too.
	Identity string `json:"identity"`
	// Release of Consign that it runs.
	Release string `json:"release,omitempty"`
	// Since is when it started, and At when it answered, both by its own clock.
	Since time.Time `json:"since"`
	At    time.Time `json:"at"`
	// Ahead is how far its clock is ahead of Temporal's, as far as this answer shows it.
	Ahead consign.Milliseconds `json:"ahead_ms,omitempty"`
	// Config is its configuration.
	Config Config `json:"config"`
	// Refused are the mistakes of a later configuration, which it does not go by, one text for each.
	Refused []string `json:"refused,omitempty"`
	// Results counts what it has routed since it started, and Unmatched those that no sink wanted.
	Results   int64 `json:"results"`
	Unmatched int64 `json:"unmatched,omitempty"`
	// Rate is how many results a second it has routed over the last 10 seconds.
	Rate float64 `json:"rate"`
	// Sinks in the order of the configuration.
	Sinks []WorkerSink `json:"sinks"`
	// Sources that it reads, or that it takes results over.
	Sources []Source `json:"sources,omitempty"`
	// Disk is there when the Temporal is embedded in the worker's process.
	Disk *Disk `json:"disk,omitempty"`
}

// Refusal says that a worker goes by the configuration from before, and why; empty: it goes by the one that it has read
// last.
func (s *Standing) Refusal() string {
	if len(s.Refused) == 0 {
		return ""
	}
	text := "its configuration has changed and is refused, so the one from before is in force: " + s.Refused[0]
	if more := len(s.Refused) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Config tells one configuration from another. It holds nothing of what is secret.
type Config struct {
	// Path of the file; empty for the configuration that Consign brings along.
	Path string `json:"path,omitempty"`
	// Digest begins the SHA-256 of what "consign config show --json" prints, in which secrets are hidden: 12
	// hexadecimal digits.
	Digest string `json:"digest"`
}

// Circuits of a sink in a worker.
const (
	CircuitClosed   = "closed"
	CircuitHalfOpen = "half-open"
	CircuitOpen     = "open"
)

// WorkerSink is a sink as one worker sees it.
type WorkerSink struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Aliases are earlier names, under which something may wait.
	Aliases []string `json:"aliases,omitempty"`
	// External sinks are served by a worker of another kind.
	External bool `json:"external,omitempty"`
	// Draining sinks are not in the configuration any more: they get nothing new, and what waits for them is delivered.
	Draining bool `json:"draining,omitempty"`
	// Paused as the worker has read it last, from Temporal.
	Paused bool `json:"paused,omitempty"`
	// Circuit is closed, half-open or open, and Reopens when an open one lets the next attempt through.
	Circuit string    `json:"circuit"`
	Reopens time.Time `json:"reopens,omitzero"`
	// LeftAloneUntil is how long the sink has asked to be left alone for.
	LeftAloneUntil time.Time `json:"left_alone_until,omitzero"`
	// InFlight counts attempts under way.
	InFlight int `json:"in_flight"`
	// Delivered and Failed count results handed over since the worker started, by what the sink said.
	Delivered int64 `json:"delivered"`
	Failed    int64 `json:"failed"`
	// Rate is how many results a second were delivered over the last 10 seconds, and Failing how many were
	// handed over in vain.
	Rate    float64 `json:"rate"`
	Failing float64 `json:"failing,omitempty"`
	// DeliveredByMinute and FailedByMinute count results in each of the last 30 minutes of the clock, the oldest first.
	DeliveredByMinute []int64 `json:"delivered_by_minute,omitempty"`
	FailedByMinute    []int64 `json:"failed_by_minute,omitempty"`
	// LastDelivered is when the sink last took a result from this worker.
	LastDelivered time.Time `json:"last_delivered,omitzero"`
	// P95 is the 95th percentile of how long the last attempts took; 0: there were none.
	P95 consign.Milliseconds `json:"p95_ms,omitempty"`
	// LastError is what the sink failed with last.
	LastError *Failure `json:"last_error,omitempty"`
}

// Failure is what a sink failed with.
type Failure struct {
	At time.Time `json:"at"`
	// Label is a short name of the failure, and Cause its text, without secrets.
	Label string `json:"label"`
	Cause string `json:"cause"`
	// Result that it was about, as SOURCE/ID, where that is known.
	Result string `json:"result,omitempty"`
}

// States of a source.
const (
	SourceReading = "reading"
	// SourceStalled: it cannot be read, and is tried again and again.
	SourceStalled = "stalled"
	// SourceFull: as much as may be open is, so no more is read.
	SourceFull = "full"
)

// Source is where a worker has results from.
type Source struct {
	Name string `json:"name"`
	// Kind is "http" or "nats".
	Kind string `json:"kind"`
	// State is reading, stalled or full.
	State string `json:"state"`
	// Address that it listens on, or the stream that it reads.
	Address string `json:"address,omitempty"`
	// Rate is how many results a second came over the last 10 seconds.
	Rate float64 `json:"rate"`
	// Taken counts results since the worker started.
	Taken int64 `json:"taken"`
	// Open counts what is taken and not yet acked, of which Limit may be; 0: no limit.
	Open  int64 `json:"open"`
	Limit int64 `json:"limit,omitempty"`
	// Waiting counts what the upstream holds for this source, where that is known.
	Waiting int64 `json:"waiting,omitempty"`
	// LastError is why it is stalled.
	LastError *Failure `json:"last_error,omitempty"`
}

// Disk is what an embedded Temporal takes of its disk, in bytes.
type Disk struct {
	// Dir is the data directory.
	Dir string `json:"dir"`
	// Used by the database, of which Limit may be; 0: no limit.
	Used  int64 `json:"used"`
	Limit int64 `json:"limit,omitempty"`
	// Room is how much more the disk has, of which MinFree is left free.
	Room    int64 `json:"room"`
	MinFree int64 `json:"min_free,omitempty"`
	// Full says why no new results are taken; empty while they are.
	Full string `json:"full,omitempty"`
}
