package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseDuration_TakesGoSyntaxAndDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "1m30s": 90 * time.Second, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour,
		"0": 0, "1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "106751d": 106751 * 24 * time.Hour,
	} {
		got, ok := parseDuration(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
		again, ok := parseDuration(formatDuration(got))
		require.True(t, ok)
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", "10", "-5s", "+5s", "1d-1h", "d", "-1d", "1.5d", "106752d", "106751d24h", "5 minutes", "1h1d"} {
		_, ok := parseDuration(text)
		require.False(t, ok, text)
	}
}

func TestNearest_SuggestsOnlyWhatWasProbablyMeant(t *testing.T) {
	t.Parallel()
	names := []string{"url", "secret", "concurrency", "queue_depth", "file"}
	for word, want := range map[string]string{
		"ulr": "url", "ur": "url", "concurency": "concurrency", "Secret": "secret", "queuedepth": "queue_depth",
		"flie": "file", "kafka": "", "x": "", "": "",
	} {
		require.Equal(t, want, nearest(word, names), word)
	}
}
