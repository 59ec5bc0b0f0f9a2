package sinks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
)

func TestRetryAfter_SecondsAndDates_AreReadAndClamped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"120":                     2 * time.Minute,
		" 5 ":                     5 * time.Second,
		"0":                       0,
		"-1":                      0,
		"1e3":                     0,
		"1.5":                     0,
		"soon":                    0,
		"":                        0,
		"12abc":                   0,
		"99999999999999999999999": sinks.MaxRetryAfter,
		"-9999999999999999999999": 0,
		"9223372036854775807":     sinks.MaxRetryAfter,
		"31536000":                sinks.MaxRetryAfter,

		"Tue, 24 Nov 2026 12:01:30 GMT":   90 * time.Second,
		"Tuesday, 24-Nov-26 12:01:30 GMT": 90 * time.Second,
		"Tue Nov 24 12:01:30 2026":        90 * time.Second,
		"Tue, 24 Nov 2026 11:00:00 GMT":   0,
		"Tue, 24 Nov 2099 12:00:00 GMT":   sinks.MaxRetryAfter,
		"Tue, 99 Nov 2026 12:00:00 GMT":   0,
	} {
		require.Equal(t, want, sinks.RetryAfterIn(http.Header{"Retry-After": {value}}, now), "%q", value)
	}
	require.Zero(t, sinks.RetryAfterIn(http.Header{}, now))
	require.Equal(t, time.Minute, sinks.RetryAfterIn(http.Header{
		"Retry-After": {"Tue, 24 Nov 2026 15:01:00 GMT"},
		"Date":        {"Tue, 24 Nov 2026 15:00:00 GMT"},
	}, now), "a receiver whose clock is three hours ahead means a minute")
}

// A Retry-After is between nothing and a week, whatever it says.
func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{
		"", "0", "7", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e3", "07", "+7", " 7 ", "0x7", "7.5", "7, 8", "\x00",
		"Wed, 25 Nov 2026 02:00:00 GMT", "Wednesday, 25-Nov-26 02:00:00 GMT", "Wed Nov 25 02:00:00 2026", "Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
	} {
		f.Add(value, "")
		f.Add(value, "Mon, 01 Jan 0001 00:00:00 GMT")
		f.Add(value, "Fri, 31 Dec 9999 23:59:59 GMT")
		f.Add(value, "nonsense")
	}
	now := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		after := sinks.RetryAfterIn(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		require.GreaterOrEqual(t, after, time.Duration(0))
		require.LessOrEqual(t, after, sinks.MaxRetryAfter)
		seconds, err := time.ParseDuration(strings.TrimSpace(value) + "s")
		if digits := strings.Trim(strings.TrimSpace(value), "0123456789"); err == nil && digits == "" {
			require.Equal(t, min(seconds, sinks.MaxRetryAfter), after)
		}
	})
}
