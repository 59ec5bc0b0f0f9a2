package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/consign-dev/consign"
)

// judge compares the ledgers.
func judge(e *evidence) *verdict {
	v := &verdict{
		Units: len(e.stories), Submitted: len(e.submitted), Acked: len(e.acks), StillParked: e.stillParked, Torn: e.torn, Unfinished: e.unfinished,
		Pending: e.pending, Terminated: e.terminated, Redelivered: e.redelivered,
		Sinks: e.sinks, Delivered: map[string]int{}, Parked: map[string]int{}, Again: map[string]int{}, Broken: map[string]int{}, Lost: []string{}, Early: []string{}, Unacked: []string{}, Repeats: []repeat{},
	}
	for sink, of := range e.parked {
		v.Parked[sink] = len(of)
	}
	for sink, all := range e.cuts {
		v.Broken[sink] = len(all)
	}
	carriers := e.carriers()
	for _, s := range e.stories {
		v.Largest = max(v.Largest, len(s.results))
	}
	for _, u := range e.units {
		if _, ok := e.submitted[u.first]; !ok {
			v.Unsubmitted = append(v.Unsubmitted, resultID(u.first))
			continue
		}
		for n := u.first; n < u.first+u.count; n++ {
			if len(e.acks[n]) == 0 && !u.quiet {
				v.Unacked = append(v.Unacked, resultID(n))
			}
			v.Resent += max(len(e.handed[n])-1, 0)
			e.judgeCarriers(v, carriers[n], n)
			for _, sink := range e.sinks {
				e.judgeLeg(v, sink, n)
				e.judgeRepeats(v, carriers[n], sink, n)
			}
		}
	}
	for _, h := range e.happened {
		happened := e.effect(h)
		happened.Coming = e.coming(carriers, h.From)
		v.Happened = append(v.Happened, happened)
	}
	v.LongestStall = e.longestStall()
	return v
}

// judgeLeg looks for what must never happen to a result at a sink.
func (e *evidence) judgeLeg(v *verdict, sink string, n int) {
	name := resultID(n) + " at " + sink
	takes := e.takes[sink][n]
	if len(takes) > 0 {
		v.Delivered[sink]++
	} else {
		v.Lost = append(v.Lost, name)
	}
	for _, ack := range slices.Concat(e.acks[n], e.told[n]) {
		if !e.committedBefore(sink, n, ack) {
			v.Early = append(v.Early, name)
			break
		}
	}
	for _, t := range takes {
		if t.mangled {
			v.Mangled = append(v.Mangled, name)
		}
		if id := consign.DeliveryID(source, resultID(n), sink); t.delivery != id && sink != archiveName {
			v.Renamed = append(v.Renamed, fmt.Sprintf("%s as %q, and not as %s", name, t.delivery, id))
		}
	}
}

// committedBefore tells whether a sink had taken a result, or a dead letter held it, when an ack came,
// whichever of the two the ack says, or either if it says nothing. Of a stream nobody can tell: it may be read
// after the ack came.
func (e *evidence) committedBefore(sink string, n int, ack line) bool {
	at, parked := e.parked[sink][n]
	parked = parked && at <= ack.At
	if slices.Contains(ack.Parked, sink) || ack.Unsaid && parked {
		return parked
	}
	return slices.ContainsFunc(e.takes[sink][n], func(t take) bool { return t.seen || t.made(ack.At, ack.Archive) })
}

// judgeRepeats explains each delivery beyond the first: the client had not been told of the one before,
// or Temporal had no record of it when a process was killed or stopped, or this one is the one that a
// stopped worker had begun long before, or another workflow carries the result too. It also counts all
// deliveries of which that is true.
func (e *evidence) judgeRepeats(v *verdict, carriers []*story, sink string, n int) {
	var before *take
	v.HandedAgain += max(len(carriers)-1, 0)
	again := 0 // repeats that other workflows explain
	for _, t := range e.takes[sink][n] {
		of := carriersOf(carriers, t)
		unrecorded, late := e.unrecorded(of, sink, t), e.late(t)
		switch {
		case t.spoiled || e.cutOff(of, sink, t) || wentUnheard(of, sink, t):
			v.Spoiled++
		case unrecorded != "" || late != "" || taskLost(of, sink, t):
			v.Unrecorded++
		}
		if before != nil {
			r := repeat{Sink: sink, Result: resultID(n), Delivery: t.delivery, After: seconds(t.at - before.at)}
			earlier := carriersOf(carriers, *before)
			switch was := e.unrecorded(earlier, sink, *before); {
			case before.spoiled:
				r.Because = "the answer was spoiled"
			case was != "":
				r.Because = "unrecorded at " + was
			case e.cutOff(earlier, sink, *before):
				r.Because = "the connection broke"
			case wentUnheard(earlier, sink, *before):
				r.Because = "no answer came in time"
			case taskLost(earlier, sink, *before):
				r.Because = "its workflow task was lost"
			case late != "":
				r.Because = "begun before " + late
			case startedBy(carriers, t) > again+1:
				again++
				r.Because = "carried by another workflow too"
			}
			v.Repeats = append(v.Repeats, r)
			v.Again[sink]++
		}
		before = &t
	}
}

// effect is what a kill or stop did: how many legs were in flight, and how long until all of these were
// committed, which what happened next may have delayed.
func (e *evidence) effect(h happening) effect {
	found := effect{happening: h}
	next, last := int64(math.MaxInt64), h.From
	for _, s := range e.stories {
		if s.started > h.From || s.closed <= h.From {
			continue
		}
		for _, n := range s.results {
			for _, sink := range e.sinks {
				at := e.committedAt(s, sink, n)
				if at <= h.From {
					continue
				}
				found.InFlight++
				if at != math.MaxInt64 {
					last = max(last, at)
				}
			}
		}
	}
	for _, sink := range e.sinks {
		for _, takes := range e.takes[sink] {
			for _, t := range takes {
				if t.at > h.From { // the archive's have no time
					next = min(next, t.at)
				}
			}
		}
	}
	if next != math.MaxInt64 {
		found.NextDelivery = seconds(next - h.From)
	}
	found.Recovered = seconds(last - h.From)
	return found
}

// committedAt is when a leg was over for a result, as Temporal knew it.
func (e *evidence) committedAt(s *story, sink string, n int) int64 {
	at := int64(math.MaxInt64)
	if parked, ok := e.parked[sink][n]; ok {
		at = parked
	}
	for _, t := range e.takes[sink][n] {
		at = min(at, s.recorded(sink, t))
	}
	return at
}

// longestStall is the longest time in which nothing was submitted and no first ack came.
func (e *evidence) longestStall() float64 {
	var times []int64
	for _, at := range e.submitted {
		times = append(times, at)
	}
	for _, acks := range e.acks {
		times = append(times, acks[0].At)
	}
	slices.Sort(times)
	longest := int64(0)
	for i := 1; i < len(times); i++ {
		longest = max(longest, times[i]-times[i-1])
	}
	return seconds(longest)
}

func seconds(nanoseconds int64) float64 {
	return math.Round(float64(nanoseconds)/float64(time.Millisecond)) / 1000
}
