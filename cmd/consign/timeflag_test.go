package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeFlag_TakesHowLongAgoOrWhen(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2h":                        time.Now().Add(-2 * time.Hour),
		"2026-11-26T13:00:00Z":      time.Date(2026, 11, 26, 13, 0, 0, 0, time.UTC),
		"2026-11-26T13:00:00+02:00": time.Date(2026, 11, 26, 11, 0, 0, 0, time.UTC),
		"2026-11-26 13:00":          time.Date(2026, 11, 26, 13, 0, 0, 0, time.Local),
		"2026-11-26":                time.Date(2026, 11, 26, 0, 0, 0, 0, time.Local),
	} {
		var at time.Time
		require.NoError(t, timeFlag{&at}.Set(text), text)
		require.WithinDuration(t, want, at, time.Minute, text)
	}
	for _, text := range []string{"", "yesterday", "-2h", "13:00", "26.11.2026"} {
		execute(t, "dead-letters", "list", "--since", text).oneLine(t, 2, "--since", "how long ago")
	}
}
