package config

import (
	"fmt"
	"time"
)

// Noter is a kind's settings that have remarks to make.
type Noter interface {
	// Notes reports what is allowed and may not be meant, by the name of the field as Validate does. It
	// runs where Validate has found nothing wrong.
	Notes(note func(field, message string))
}

// note remarks on a field where it is written, in the first of the layers that has it.
func (r *reader) note(field, message string, layers ...layer) {
	for _, l := range layers {
		if l.has(field) {
			at, _ := l.node.find(field)
			r.notes = append(r.notes, Problem{File: r.file, Line: at.line, Column: at.column, Path: join(l.path, field), Message: message})
			return
		}
	}
}

func (r *reader) noteBatchFlush(layers []layer) {
	for _, l := range layers {
		r.note("batch_flush", "has no effect: no batch waits to be filled, so this line may go", l)
	}
}

// checkInline leaves a sink with a rate no inline attempts, as Temporal keeps the rate in its queue alone.
func (r *reader) checkInline(d *Delivery, own layer) {
	if d.RateLimit == "" || !*d.Inline {
		return
	}
	d.Inline = new(false)
	r.note("inline", "has no effect beside rate_limit: each attempt is queued, so that none goes past the limit", own)
}

// noteMaxAge remarks on retries that come too late to be made.
func (r *reader) noteMaxAge(d *Delivery, layers []layer) {
	var all time.Duration
	for _, wait := range d.Retry.Schedule {
		all += wait
	}
	if d.MaxAge <= 0 || all <= d.MaxAge {
		return
	}
	message := fmt.Sprintf("waits %s in all, and max_age parks what is older than %s: the last retries are not made", formatDuration(all), formatDuration(d.MaxAge))
	for _, l := range layers {
		switch {
		case l.has("retry.schedule"):
			r.note("retry.schedule", message, l)
			return
		case l.has("max_age"):
			r.note("max_age", "retry.schedule "+message, l)
			return
		}
	}
}
