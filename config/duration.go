package config

import (
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// parseDuration reads Go's form of a duration ("1m30s") with days before it ("2d", "1d12h").
// Negative ones are refused: no setting has a use for them.
func parseDuration(text string) (time.Duration, bool) {
	var days time.Duration
	rest := text
	if count, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return 0, false
		}
		days, rest = time.Duration(n)*day, after
		if rest == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") || days+d < 0 {
		return 0, false
	}
	return days + d, true
}

// formatDuration writes what [parseDuration] reads, without units of zero: "5m", not "5m0s".
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
