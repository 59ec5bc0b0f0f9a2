package activities

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// Policy is what a workflow knows of a sink's settings. It is recorded in history, so that a later
// edit of the configuration does not touch a running delivery.
type Policy struct {
	Timeout    consign.Milliseconds `json:"timeout_ms"`
	RetryMax   int                  `json:"retry_max"`
	Backoff    consign.Milliseconds `json:"backoff_ms"`
	MaxBackoff consign.Milliseconds `json:"max_backoff_ms"`
	// Schedule lists the wait before each retry, in place of Backoff and MaxBackoff.
	Schedule      []consign.Milliseconds `json:"schedule_ms,omitempty"`
	Jitter        float64                `json:"jitter,omitempty"`
	MaxRetryAfter consign.Milliseconds   `json:"max_retry_after_ms,omitempty"`
	// MaxAge is how long after its first attempt was due a leg is given up. 0: never.
	MaxAge   consign.Milliseconds `json:"max_age_ms,omitempty"`
	BatchMax int                  `json:"batch_max"`
	// Inline allows the first attempt to be made as a local activity.
	Inline bool `json:"inline"`
	// BestEffort is on_full: drop.
	BestEffort bool `json:"best_effort,omitempty"`
}

// LongestDelay is the longest that a leg to a sink waits between two attempts, unless the sink asks for more.
func LongestDelay(s config.Sink) time.Duration {
	if len(s.Retry.Schedule) > 0 {
		return slices.Max(s.Retry.Schedule)
	}
	return s.Retry.MaxBackoff
}

func policyOf(s config.Sink) Policy {
	p := retries(s.Timeout, s.Retry)
	p.BatchMax = s.BatchMax
	p.Inline = *s.Inline
	p.MaxAge = consign.Millis(s.MaxAge)
	p.BestEffort = s.OnFull == config.Drop
	return p
}

func retries(timeout time.Duration, r config.Retry) Policy {
	p := Policy{
		Timeout:       consign.Millis(timeout),
		RetryMax:      *r.Max,
		Backoff:       consign.Millis(r.Backoff),
		MaxBackoff:    consign.Millis(r.MaxBackoff),
		Jitter:        *r.Jitter,
		MaxRetryAfter: consign.Millis(r.MaxRetryAfter),
	}
	for _, wait := range r.Schedule {
		p.Schedule = append(p.Schedule, consign.Millis(wait))
	}
	return p
}

// whole is the timeout of an attempt at that many results: the sink has Timeout for each BatchMax.
func (p Policy) whole(results int) time.Duration {
	size := max(p.BatchMax, 1)
	parts := int64(max((results-1)/size+1, 1))
	// The bounds are for what a stranger put into a task.
	return time.Duration(parts * min(max(int64(p.Timeout.Duration()), 0), int64(longestAttempt)/parts))
}

// longestAttempt is more than any sink may take.
const longestAttempt = 365 * 24 * time.Hour

// TooOld tells whether a leg that was due at first is older than MaxAge at that time.
func (p Policy) TooOld(first, at time.Time) bool {
	return p.MaxAge > 0 && at.Sub(first) > p.MaxAge.Duration()
}

// Delay is the wait after the n-th failed attempt: that of Schedule, the last one for all beyond it; else
// Backoff doubled n-1 times, capped at MaxBackoff.
func (p Policy) Delay(n int) time.Duration {
	if count := len(p.Schedule); count > 0 {
		return p.Schedule[min(max(n, 1), count)-1].Duration()
	}
	delay, limit := p.Backoff.Duration(), p.MaxBackoff.Duration()
	for ; n > 1 && delay < limit; n-- {
		delay *= 2
	}
	return min(delay, limit)
}

// next is the wait after the n-th failed attempt as it is really made: what the destination asked
// for within MaxRetryAfter, else Delay, spread by Jitter.
func (p Policy) next(n int, asked time.Duration) time.Duration {
	if asked > 0 {
		if limit := p.MaxRetryAfter.Duration(); limit > 0 {
			asked = min(asked, limit)
		}
		return asked
	}
	delay := p.Delay(n)
	spread := 1 + p.Jitter*(2*rand.Float64()-1)
	// Temporal reads a delay of 0 as "not set".
	return max(time.Duration(float64(delay)*spread), time.Millisecond)
}
