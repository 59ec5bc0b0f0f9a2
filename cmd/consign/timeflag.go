package main

import (
	"errors"
	"time"
)

// timeFlag is a flag that names a point in time: how long ago, such as 2h, or when, in the time zone of this
// machine unless the text names one.
type timeFlag struct{ at *time.Time }

func (m timeFlag) Set(text string) error {
	if ago, err := time.ParseDuration(text); err == nil {
		if ago < 0 {
			return errors.New("how long ago, without a sign")
		}
		*m.at = time.Now().Add(-ago)
		return nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			*m.at = at
			return nil
		}
	}
	return errors.New(`give how long ago, such as 2h, or when, such as "2026-11-26 13:00" or 2026-11-26T13:00:00Z`)
}

func (m timeFlag) String() string {
	if m.at == nil || m.at.IsZero() {
		return ""
	}
	return m.at.Format(time.RFC3339)
}

func (timeFlag) Type() string { return "time" }
