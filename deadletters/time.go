package deadletters

import (
	"errors"
	"time"
)

// ParseTime reads a point in time as people write one: how long ago, such as 2h, or when, in the time zone of this machine
// unless the text names one.
func ParseTime(text string) (time.Time, error) {
	if ago, err := time.ParseDuration(text); err == nil {
		if ago < 0 {
			return time.Time{}, errors.New("how long ago, without a sign")
		}
		return time.Now().Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New(`give how long ago, such as 2h, or when, such as "2026-11-26 13:00" or 2026-11-26T13:00:00Z`)
}
