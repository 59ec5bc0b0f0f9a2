package main

import (
	"time"

	"github.com/consign-dev/consign/deadletters"
)

// timeFlag is a flag that names a point in time, as [deadletters.ParseTime] reads it.
type timeFlag struct{ at *time.Time }

func (m timeFlag) Set(text string) (err error) {
	at, err := deadletters.ParseTime(text)
	if err == nil {
		*m.at = at
	}
	return err
}

func (m timeFlag) String() string {
	if m.at == nil || m.at.IsZero() {
		return ""
	}
	return m.at.Format(time.RFC3339)
}

func (timeFlag) Type() string { return "time" }
