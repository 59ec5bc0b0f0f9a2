package config

import "time"

// Config is a whole configuration, checked and with its defaults filled in.
type Config struct { //nolint:recvcheck // it is printed as a value too, and then must hide its secrets
	// Path of the file it was read from. Empty: the built-in default.
	Path string `yaml:"-"`
	// Read is when.
	Read time.Time `yaml:"-"`
	// Notes are remarks on the file that stop nothing, such as a setting without effect.
	Notes []Problem `yaml:"-"`
	// Defaults are the delivery settings that the file gives for all sinks, as written there: what it
	// leaves out is zero. Each sink's own [Delivery] has them filled in already.
	Defaults Delivery `yaml:"defaults"`
	// Sinks in the order of the file.
	Sinks []Sink `yaml:"sinks"`
	// Sources that workers read results from, in the order of the file.
	Sources []Source `yaml:"sources"`
	// Unmatched says what becomes of a result that no sink wants. Default: ack.
	Unmatched Unmatched `yaml:"unmatched"`
	// DeadLetters says who is told of a dead letter.
	DeadLetters DeadLetters `yaml:"dead_letters"`
	// Acks says how acks are sent to the upstream.
	Acks Acks `yaml:"acks"`
	// HTTP says how results are taken over HTTP. Default: they are not.
	HTTP HTTP `yaml:"http"`

	// origins remembers how values were written. A pointer, so that no print follows it.
	origins *origins
}

// Sink is one named destination.
type Sink struct {
	// Name is the sink's key in the file: lower-case letters, digits and dashes, at most 63. It is
	// part of delivery ids and of a task queue's name.
	Name string
	// Aliases are names that the sink had before. What waits in Temporal under one of them, and dead
	// letters of it, are delivered by this sink, with the delivery ids that they had. Default: none.
	Aliases []string
	// Kind is the name of the kind, such as "webhook".
	Kind string
	// External means that a worker other than Consign's own makes the attempts, so none is inline.
	External bool
	// Settings are the kind's own settings.
	Settings Settings
	// Delivery holds the settings that every sink has.
	Delivery
}

// Delivery holds the settings that every sink has. What a sink leaves out is taken from the file's
// "defaults", then from its kind, then from the defaults named here.
type Delivery struct {
	// When is the condition under which the sink gets a result, in CEL (https://cel.dev), such as
	// `data.severity >= 3 && type == "detection"`. It knows source, id, type, subject and time of the
	// result (texts and a timestamp; what the result does not have is "", and the year 1), and its data. A
	// field that the data do not have is an error, which parks the result for this sink, unless
	// has(data.x) has asked before. Default: every result.
	When string `yaml:"when"`
	// Timeout of one attempt. Default 10s.
	Timeout time.Duration `yaml:"timeout"`
	// Retry says how often and how soon to try again.
	Retry Retry `yaml:"retry"`
	// MaxAge is how old a delivery may become, counted from when the result was submitted, whatever holds it
	// up; a replay counts anew. An older one is not worth its while: it is parked as "expired", and already
	// when its next attempt would come too late. Default 0s, which is no limit.
	MaxAge time.Duration `yaml:"max_age"`
	// Permanent lists failures that no retry heals, which are parked at once, whatever the kind says of
	// them; transient lists those that are tried again. An entry is a status (410), a range (400-499), or a
	// pattern in the failure's text (/invalid_auth/, by https://golang.org/s/re2syntax). Where several fit,
	// the narrowest decides: a pattern before a status, a status before a range, a smaller range before a
	// larger one; among equals transient. Default: as the kind says.
	Permanent []string `yaml:"permanent"`
	// Transient lists failures that are tried again, whatever the kind says of them: see permanent.
	Transient []string `yaml:"transient"`
	// Concurrency is the most attempts under way at once in each worker. Default 16.
	Concurrency int `yaml:"concurrency"`
	// BatchMax is the most results of one consignment that are handed to the sink at once. It
	// splits a consignment and never joins several. Default 64.
	BatchMax int `yaml:"batch_max"`
	// BatchFlush is accepted for configurations of the system that Consign takes over, where it was
	// the wait for a batch to fill (50ms). No batch waits here, so it has no effect.
	BatchFlush time.Duration `yaml:"batch_flush"`
	// QueueDepth is how many legs may be open in each worker beyond the ones under way, before
	// on_full decides. Default 1024.
	QueueDepth int `yaml:"queue_depth"`
	// OnFull says what happens when queue_depth is reached. Default: block.
	OnFull OnFull `yaml:"on_full"`
	// Inline allows the first attempt to be made in the worker that starts the result, without a
	// queue. Default true, and false with a rate_limit.
	Inline *bool `yaml:"inline"`
	// RateLimit is how many attempts may start at the sink over all workers, kept by Temporal: "50/s",
	// "600/m" or "9000/h", at least one a second. Up to one second's worth may start at once. A sink with a
	// limit gets each result in an attempt of its own, and none inline. Default: no limit.
	RateLimit Rate `yaml:"rate_limit"`
	// Incidents makes the sink take results of type "incident" too. Default false.
	Incidents bool `yaml:"incidents"`
	// Circuit says when to stop trying a sink that fails every time.
	Circuit Circuit `yaml:"circuit"`

	// when is When, compiled. Nil: every result.
	when *condition
	// rules are Permanent and Transient.
	rules []rule
}

// Retry says how often and how soon a failed delivery is tried again.
type Retry struct {
	// Max counts retries after the first attempt; 0 parks after the first failure. Default 3, and 12
	// for kinds that cross a network.
	Max *int `yaml:"max"`
	// Backoff is the wait before the first retry; it doubles with each further one. Default 100ms,
	// and 1s for kinds that cross a network.
	Backoff time.Duration `yaml:"backoff"`
	// MaxBackoff caps the wait. Default 5s, and 5m for kinds that cross a network.
	MaxBackoff time.Duration `yaml:"max_backoff"`
	// Schedule lists the wait before each retry, such as [5s, 5m, 30m, 2h, 5h, 10h, 14h]: as many retries as
	// waits. It stands in place of max, backoff and max_backoff. Default: none.
	Schedule []time.Duration `yaml:"schedule"`
	// Jitter spreads each wait at random by this fraction of it, up and down: 0 to 1. Default 0.2.
	Jitter *float64 `yaml:"jitter"`
	// MaxRetryAfter caps the wait that a destination may ask for. Default 1h.
	MaxRetryAfter time.Duration `yaml:"max_retry_after"`
}

// Circuit says when a worker stops trying a sink. An open circuit burns no retries.
type Circuit struct {
	// Failures in a row that open the circuit. Default 5. -1 never opens it.
	Failures int `yaml:"failures"`
	// Open is how long the circuit stays open before one delivery probes the sink. Default 5s.
	Open time.Duration `yaml:"open"`
}

// DeadLetters says who is told of a dead letter.
type DeadLetters struct {
	// AlsoTo names sinks that get the record of each dead letter as well. A failure there is counted
	// and shown, never parked. None of them may have the format ocsf: a dead letter is no finding.
	AlsoTo []string `yaml:"also_to"`
}

// Acks says how acks are sent over HTTP.
type Acks struct {
	// Secret signs HTTP acks by the Standard Webhooks scheme. Empty: they are not signed.
	Secret Secret `yaml:"secret"`
	// Secrets are further ones whose signatures stand beside that of secret, in this order, while an
	// upstream changes from one to another. Default: none.
	Secrets []Secret `yaml:"secrets"`
	// Timeout of one try. Default 10s.
	Timeout time.Duration `yaml:"timeout"`
	// Retry of acks that fail. Defaults as for a kind that crosses a network.
	Retry Retry `yaml:"retry"`
	// Private allows HTTP acks to loopback and private addresses. Link-local and cloud metadata
	// addresses are refused in any case. Default true.
	Private *bool `yaml:"private"`
}

// OnFull says what happens to a result when a sink's gate is full.
type OnFull string

const (
	// Block lets it wait in Temporal.
	Block OnFull = "block"
	// Drop makes the sink best-effort: the result is dropped for this sink, and counted.
	Drop OnFull = "drop"
)

// Values are all of them.
func (OnFull) Values() []string { return []string{string(Block), string(Drop)} }

// Unmatched says what becomes of a result that no sink wants.
type Unmatched string

const (
	// UnmatchedAck commits it.
	UnmatchedAck Unmatched = "ack"
	// UnmatchedPark holds it as a dead letter under the sink name [NoSink].
	UnmatchedPark Unmatched = "park"
	// UnmatchedReject says in receipt and ack that it was refused.
	UnmatchedReject Unmatched = "reject"
)

// Values are all of them.
func (Unmatched) Values() []string {
	return []string{string(UnmatchedAck), string(UnmatchedPark), string(UnmatchedReject)}
}

// Names that stand where a sink's name does. A sink's own name never begins with an underscore.
const (
	// NoSink is the sink name of dead letters that no sink wanted.
	NoSink = "_none"
	// AckSink is what the delivery id of an HTTP ack is made with.
	AckSink = "_ack"
)
