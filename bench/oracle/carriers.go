package main

import (
	"fmt"
	"slices"
)

// carriers are the workflows that carry each result, in the order of their start. There is one, unless the
// result was handed in again and had shared a workflow.
func (e *evidence) carriers() map[int][]*story {
	found := map[int][]*story{}
	for _, s := range e.stories {
		for _, n := range s.results {
			found[n] = append(found[n], s)
		}
	}
	return found
}

// coming counts the results that were handed in at a time, and that no workflow carried then.
func (e *evidence) coming(carriers map[int][]*story, at int64) int {
	n := 0
	for _, u := range e.units {
		for result := u.first; result < u.first+u.count; result++ {
			handed := e.submitted[result] // to the stream
			if e.storedByAnswer() && len(e.handed[result]) > 0 {
				handed = e.handed[result][0]
			}
			of := carriers[result]
			if handed != 0 && handed <= at && (len(of) == 0 || of[0].started > at) {
				n++
			}
		}
	}
	return n
}

// judgeCarriers looks for what was said to be stored and was not yet, and for workflows that nobody asked for.
func (e *evidence) judgeCarriers(v *verdict, carriers []*story, n int) {
	if e.storedByAnswer() && (len(carriers) == 0 || carriers[0].started > e.submitted[n]) {
		v.Unstored = append(v.Unstored, resultID(n))
	}
	for i := 1; i < len(carriers); i++ {
		if why := e.uncalled(carriers[:i+1], n); why != "" {
			v.Unasked = append(v.Unasked, fmt.Sprintf("%s in %s: %s", resultID(n), carriers[i].workflow, why))
		}
	}
}

// storedByAnswer says that "submitted" means that Temporal holds a result, and not a stream.
func (e *evidence) storedByAnswer() bool { return e.handed != nil }

// uncalled says why the last of these workflows should not carry a result. Empty: the result was handed in
// as often as that.
func (e *evidence) uncalled(carriers []*story, n int) string {
	last := len(carriers) - 1
	s, before := carriers[last], carriers[:last]
	if e.storedByAnswer() {
		times := 0
		for _, at := range e.handed[n] {
			switch {
			case at > s.started:
			case times > 0 && e.submitted[n] != 0 && e.submitted[n] < at: // it was known to be stored
			default:
				times++
			}
		}
		if times <= last {
			return fmt.Sprintf("it was handed in %d times until then", times)
		}
		return ""
	}
	// A message that comes again has a reason: its reader was killed or held, or had lost the broker, or
	// Temporal was away.
	if slices.ContainsFunc(before, func(other *story) bool { return other.messages[n] == s.messages[n] }) {
		return fmt.Sprintf("the message had been delivered %d times, and that delivery was submitted before", s.messages[n].times)
	}
	if s.messages[n].times <= 1 { // a message of its own, which was published again
		return ""
	}
	since := before[len(before)-1].started
	for _, h := range e.happened {
		if h.Process != hookName && h.Process != deskName && h.Process != submitterName && h.From <= s.started && h.To+int64(ackWait+grace) >= since {
			return ""
		}
	}
	if slices.ContainsFunc(e.cuts[brokerName], func(c span) bool { return c.from <= s.started && c.to+int64(ackWait+grace) >= since }) {
		return ""
	}
	return "its message came again, and nothing had happened to its reader"
}

// carriersOf are the workflows that may have made a delivery: those that were open then, or all that had
// started if none was, or if nobody knows when it was made.
func carriersOf(carriers []*story, t take) []*story {
	if t.at == 0 || t.seen || len(carriers) < 2 {
		return carriers
	}
	open := func(s *story) bool { return s.started <= t.at && s.closed >= t.at }
	if !slices.ContainsFunc(carriers, open) {
		return carriers[:startedBy(carriers, t)]
	}
	return slices.DeleteFunc(slices.Clone(carriers), func(s *story) bool { return !open(s) })
}

// startedBy counts the workflows that had started when a delivery was made.
func startedBy(carriers []*story, t take) int {
	if t.at == 0 { // nobody knows when
		return len(carriers)
	}
	n := 0
	for _, s := range carriers {
		if s.started <= t.at {
			n++
		}
	}
	return n
}
