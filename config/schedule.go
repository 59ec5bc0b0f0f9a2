package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxWait is the longest wait of a schedule. A typing mistake is more likely than a longer one.
const maxWait = 30 * day

// checkSchedule has the layer that says most about retries decide between a schedule and a backoff, and
// refuses both in one.
func (r *reader) checkSchedule(retry *Retry, layers []layer) {
	for _, l := range layers {
		beside := slices.DeleteFunc([]string{"retry.max", "retry.backoff", "retry.max_backoff"}, func(field string) bool { return !l.has(field) })
		switch {
		case l.has("retry.schedule"):
			if len(beside) > 0 {
				at, _ := l.node.find("retry.schedule")
				r.problem(at.line, at.column, join(l.path, "retry.schedule"), "stands in place of "+strings.Join(beside, " and ")+": remove one or the other")
			}
			retry.validateSchedule(r.among(l))
			retry.follow()
			return
		case len(beside) > 0:
			retry.Schedule = nil // that of a weaker layer
			return
		}
	}
}

func (retry *Retry) validateSchedule(report report) {
	if len(retry.Schedule) == 0 {
		report("retry.schedule", "must hold a wait at least, such as [5s, 5m]; retry.max: 0 is for no retry at all")
	}
	if len(retry.Schedule) > 1000 {
		report("retry.schedule", "must hold 1000 waits at most")
	}
	for i, wait := range retry.Schedule {
		if wait <= 0 || wait > maxWait {
			report(fmt.Sprintf("retry.schedule[%d]", i), "must be more than 0, and at most "+formatDuration(maxWait))
		}
	}
}

// follow sets what a schedule stands in place of. The backoff is for waits that it has no place for, after
// an attempt that was not made for one, and so does not grow with it.
func (retry *Retry) follow() {
	if len(retry.Schedule) == 0 {
		return
	}
	retry.Max = new(len(retry.Schedule))
	retry.Backoff = min(max(retry.Schedule[0], time.Millisecond), time.Second)
	retry.MaxBackoff = max(min(slices.Max(retry.Schedule), 5*time.Minute), retry.Backoff)
}

// scheduled tells which settings a schedule stands in place of.
func (retry *Retry) scheduled(field string) bool {
	return len(retry.Schedule) > 0 && (field == "max" || field == "backoff" || field == "max_backoff")
}
