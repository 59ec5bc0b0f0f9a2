package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/consign-dev/consign/activities"
)

// grace is how long a process that was held, or a worker whose server was away, may still work off what
// it had begun before: the limit of an inline attempt.
const grace = activities.InlineLimit

// made tells whether the delivery was made by a time, or while the archive was of a size.
func (t take) made(at, archive int64) bool {
	if t.end > 0 {
		return t.end <= archive
	}
	return t.at <= at
}

// recorded is when Temporal came to know of a delivery: the first outcome at that sink that stands in the
// history after it. Of a line of the archive nobody knows when it was written, and a stream may be read when the
// outcome stands there already. Then it is the last: those before it are of inline attempts that were left to the queue.
func (s *story) recorded(sink string, t take) int64 {
	records := s.records[sink]
	if i := slices.IndexFunc(records, func(at int64) bool { return at >= t.at }); i >= 0 && t.end == 0 {
		return records[i]
	}
	if (t.seen || t.end > 0) && len(records) > 0 {
		return records[len(records)-1]
	}
	return math.MaxInt64
}

// lag is how long after a connection broke a receiver may take what it had been sent before, on a machine that is busy: the
// bytes lie in its socket.
const lag = 500 * time.Millisecond

// cutOff tells whether a connection to the sink broke between a delivery and its record in one of the
// workflows that may have made it.
func (e *evidence) cutOff(of []*story, sink string, t take) bool {
	for _, s := range of {
		if s.records == nil {
			continue
		}
		recorded := s.recorded(sink, t)
		if slices.ContainsFunc(e.cuts[sink], func(c span) bool { return c.to+int64(lag) >= t.at && c.from <= recorded }) {
			return true
		}
	}
	return false
}

// wentUnheard tells whether one of the workflows that may have made a delivery was told nothing of it in time. A
// receiver may take a request just after its client has given up.
func wentUnheard(of []*story, sink string, t take) bool {
	for _, s := range of {
		if slices.ContainsFunc(s.silent[sink], func(c span) bool { return t.at >= c.from && t.at <= c.to+int64(grace) }) {
			return true
		}
	}
	return false
}

// taskLost tells whether a workflow task was lost between a delivery and its record.
func taskLost(of []*story, sink string, t take) bool {
	for _, s := range of {
		if slices.ContainsFunc(s.lost, func(at int64) bool { return at >= t.at && at <= s.recorded(sink, t) }) {
			return true
		}
	}
	return false
}

// unrecorded names what happened to a process that took part in a delivery between it and its record in one of
// the workflows that may have made it. Empty: nothing did.
func (e *evidence) unrecorded(of []*story, sink string, t take) string {
	for _, s := range of {
		if s.records == nil {
			continue
		}
		recorded := s.recorded(sink, t)
		for i, h := range e.happened {
			if recorded > h.From && h.concerns(sink, t) {
				return h.name(i)
			}
		}
	}
	return ""
}

// concerns tells whether the process took part in a delivery, which was made before it was there again.
func (h happening) concerns(sink string, t take) bool {
	until, archive := h.To+int64(grace), h.ArchiveTo
	killed := h.Signal == sigkill
	switch h.Process {
	case serverName:
	case worker1Name, worker2Name:
		switch {
		case t.by != 0 && t.by != h.Pid:
			return false
		case t.by != 0 && killed:
			until = math.MaxInt64 // what it had sent may lie in the socket of a receiver that is held
		}
	case sink:
		if killed {
			until = h.From
		}
	default:
		return false
	}
	return t.made(until, archive)
}

// late names the stop of the worker that made a delivery just after it: it had been begun before, and
// Temporal had given it to another meanwhile. Empty: there is none.
func (e *evidence) late(t take) string {
	for i, h := range e.happened {
		held := h.Signal == sigstop && (h.Process == worker1Name || h.Process == worker2Name)
		if held && (t.by == 0 || t.by == h.Pid) && !t.made(h.From, h.ArchiveFrom) && t.made(h.To+int64(grace), h.ArchiveTo) {
			return h.name(i)
		}
	}
	return ""
}

func (h happening) name(i int) string { return fmt.Sprintf("%s of %s (%d)", h.Signal, h.Process, i+1) }
