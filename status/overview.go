package status

import (
	"time"

	"github.com/consign-dev/consign"
)

// Overview is how an installation stands.
type Overview struct {
	// At is when it was read.
	At time.Time `json:"at"`
	// Attention lists what is wrong, the gravest first; empty: all is well.
	Attention []Attention `json:"attention"`
	// Sinks by name, of all that any worker knows.
	Sinks []Sink `json:"sinks"`
	// Workers by identity.
	Workers []Worker `json:"workers"`
	// Orphans are sinks that no worker knows and that something waits for.
	Orphans []Orphan `json:"orphans"`
	// Engine is the Temporal beneath.
	Engine Engine `json:"engine"`
	// Missing says what could not be found out, and why.
	Missing []string `json:"missing,omitempty"`
}

// Attention is one thing that a person should look at.
type Attention struct {
	// About is what it concerns: "sink slack", "worker host/1/ab12".
	About string `json:"about"`
	// What is wrong, and Do what can be done about it.
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// States of a sink.
const (
	StateOpen        = "open"
	StatePaused      = "paused"
	StateRateLimited = "rate-limited"
	// StateUnattended: no worker asks for its queued attempts.
	StateUnattended  = "unattended"
	StateCircuitOpen = "circuit open"
	// StateDraining: no worker's configuration has it any more, and what waits for it is delivered.
	StateDraining = "draining"
)

// Sink is a sink over all workers.
type Sink struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Aliases are earlier names; what waits under them is counted here.
	Aliases []string `json:"aliases,omitempty"`
	// External sinks are served by a worker of another kind.
	External bool `json:"external,omitempty"`
	// State is open, paused, rate-limited, unattended, circuit open or draining: the gravest that is true.
	State string `json:"state"`
	// Draining counts workers that deliver only what waits for it, since their configuration has it no more.
	Draining int `json:"draining,omitempty"`
	// Hold is what Temporal holds it back by, and how much waits. Its rate stands in RateLimit.
	consign.Hold
	// RateLimit in attempts a second over all workers; 0: none.
	RateLimit float64 `json:"rate_limit,omitempty"`
	// Circuits by worker.
	Circuits map[string]string `json:"circuits,omitempty"`
	// CircuitsOpen counts workers whose circuit is not closed.
	CircuitsOpen int `json:"circuits_open"`
	// InFlight counts attempts under way.
	InFlight int `json:"in_flight"`
	// Rate and Failing are results a second over the last 10 seconds: delivered, and handed over in vain.
	Rate    float64 `json:"rate"`
	Failing float64 `json:"failing"`
	// DeliveredByMinute and FailedByMinute count the same results in each of the last 30 minutes of the clock, the oldest
	// first.
	DeliveredByMinute []int64 `json:"delivered_by_minute,omitempty"`
	FailedByMinute    []int64 `json:"failed_by_minute,omitempty"`
	// LastDelivered is when it last took a result.
	LastDelivered time.Time `json:"last_delivered,omitzero"`
	// Retrying counts deliveries that are retried and wait for this sink, among those that were looked into: at most 30.
	// [Engine] says how many there are.
	Retrying int64 `json:"retrying"`
	// DeadLetters counts the open ones.
	DeadLetters int64 `json:"dead_letters"`
	// P95 is the longest of the workers'.
	P95 consign.Milliseconds `json:"p95_ms,omitempty"`
	// LastError is the latest of the workers'.
	LastError *Failure `json:"last_error,omitempty"`
}

// Worker is a worker that has asked Temporal for work within the last 5 minutes.
type Worker struct {
	Identity string `json:"identity"`
	// LastSeen is when it last asked for work.
	LastSeen time.Time `json:"last_seen"`
	// Answered tells whether it has told of itself, and Silence why not.
	Answered bool   `json:"answered"`
	Silence  string `json:"silence,omitempty"`
	// Standing is what it has told; nil if it has not answered.
	Standing *Standing `json:"standing,omitempty"`
}

// Orphan is a sink that no worker knows and that something waits for.
type Orphan struct {
	Sink string `json:"sink"`
	// DeliveriesWait: at least one open delivery waits in its queue.
	DeliveriesWait bool  `json:"deliveries_wait"`
	DeadLetters    int64 `json:"dead_letters"`
}

// Engine is the Temporal beneath.
type Engine struct {
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace"`
	// Version of the server.
	Version string `json:"version,omitempty"`
	// Retention is how long closed deliveries are kept.
	Retention consign.Milliseconds `json:"retention_ms,omitempty"`
	// OpenDeliveries counts deliveries under way, of which Retrying wait for a sink to be tried again.
	OpenDeliveries int64 `json:"open_deliveries"`
	Retrying       int64 `json:"retrying"`
	// Sampled is how many of those that are retrying were looked into, to tell for which sinks.
	Sampled int64 `json:"sampled"`
	// DeadLetters counts the open ones.
	DeadLetters int64 `json:"dead_letters"`
	// Unwanted counts those among them that no sink has wanted, or that a source could not read.
	Unwanted int64 `json:"unwanted,omitempty"`
	// Disk is there when the Temporal is embedded in a worker's process.
	Disk *Disk `json:"disk,omitempty"`
}
