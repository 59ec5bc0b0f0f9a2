package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is how many attempts may start in a time: "50/s", "600/m" or "9000/h". The empty one is no limit.
type Rate string

// maxRate is the highest rate per second. One partition of a queue in Temporal gives out 1,000 by default.
const maxRate = 100_000

// PerSecond is the rate of a second; 0: no limit.
func (r Rate) PerSecond() float64 {
	rate, _ := r.parse()
	return rate
}

func (r Rate) parse() (perSecond float64, problem string) {
	if r == "" {
		return 0, ""
	}
	const form = "expected a number of attempts in a second, minute or hour, such as 50/s, 600/m or 9000/h"
	number, unit, _ := strings.Cut(strings.ReplaceAll(string(r), " ", ""), "/")
	count, err := strconv.ParseFloat(number, 64)
	if err != nil || !(count > 0) {
		return 0, form
	}
	span, known := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if !known {
		return 0, form
	}
	// Temporal lets one second's worth through at once, and a whole attempt at least.
	rate := count / span.Seconds()
	switch {
	case rate < 1:
		return 0, "Temporal keeps no rate below one attempt a second (60/m): its burst, one attempt, would be longer than a second"
	case rate > maxRate:
		return 0, fmt.Sprintf("must be at most %d/s", maxRate)
	}
	return rate, ""
}

func (r Rate) validate(report report, field string) {
	if _, problem := r.parse(); problem != "" {
		report(field, problem)
	}
}
