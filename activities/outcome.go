package activities

import (
	"errors"
	"strings"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// Outcome is what an attempt came to. Results that Failures does not name were delivered.
type Outcome struct {
	Failures []Failed `json:"failures,omitempty"`
	// Made counts the attempts that this activity made, and Free those among them that use up no retry.
	Made int `json:"made"`
	Free int `json:"free,omitempty"`
	// Lost says that the last attempt's worker was lost. Only the workflow can tell.
	Lost bool `json:"-"`
	// Attempts is the log of those that failed.
	Attempts []consign.Attempt `json:"attempts,omitempty"`
	// After is how long to wait before what failed transiently is tried again.
	After consign.Milliseconds `json:"after_ms,omitempty"`
	// Skipped says why no attempt was made now: nothing was delivered and no retry is used up.
	Skipped string `json:"skipped,omitempty"`
	// Dropped says that a best-effort sink had no room.
	Dropped bool `json:"dropped,omitempty"`
}

// Failed is a result that was not delivered.
type Failed struct {
	Index     int    `json:"index"`
	Permanent bool   `json:"permanent,omitempty"`
	Label     string `json:"label"`
	Cause     string `json:"cause"`
}

// LastAttempts is what is kept of a log of attempts: the last 100.
func LastAttempts(log []consign.Attempt) []consign.Attempt { return log[max(len(log)-100, 0):] }

// LabelBrokenOff is that of an inline attempt whose limit has passed.
const LabelBrokenOff = "broken off"

// maxCause is the most that is kept of a failure's text, in bytes.
const maxCause = 1 << 10

// outcomeOf reads a sink's reports, and the longest time that it asked to be left alone for.
func outcomeOf(errs []error, redact func(string) string) (outcome Outcome, asked time.Duration) {
	charged := false
	for i, err := range errs {
		if err == nil {
			continue
		}
		failure := sinks.Classify(err)
		free := errors.Is(err, errBrokenOff)
		charged = charged || !free && !failure.Permanent
		if free {
			failure.Label = LabelBrokenOff
		}
		asked = max(asked, failure.After)
		outcome.Failures = append(outcome.Failures, Failed{Index: i, Permanent: failure.Permanent, Label: failure.Label, Cause: Clip(redact(failure.Message), maxCause)})
	}
	if len(outcome.Failures) > 0 && !charged {
		outcome.Free = 1
	}
	return outcome, asked
}

// maxCauses is about the most that the causes in one outcome may take: 64 KiB. The outcomes of all legs
// may leave in one message, of which Temporal takes 4 MiB, and terminates the workflow otherwise. One
// cause stands in full in the attempt log.
const maxCauses = 64 << 10

func (o *Outcome) bound() {
	limit := max(maxCauses/len(o.Failures), 64)
	for i := range o.Failures {
		o.Failures[i].Cause = Clip(o.Failures[i].Cause, limit)
	}
}

// Clip cuts a text to that many bytes of valid UTF-8.
func Clip(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}

// all marks every result as not delivered.
func all(in DeliverInput) []Failed {
	failures := make([]Failed, len(in.Batch))
	for i := range failures {
		failures[i].Index = i
	}
	return failures
}
