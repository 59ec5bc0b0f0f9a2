package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestRate_IsReadPerSecondMinuteAndHour(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0, "50/s": 50, "1/s": 1, "90/m": 1.5, "9000/h": 2.5, "2.5/s": 2.5, "50 / s": 50} {
		require.InDelta(t, want, config.Rate(text).PerSecond(), 1e-9, text)
		c, err := parse("sinks:\n  a:\n    stdout: {}\n    rate_limit: \"" + text + "\"\n")
		require.NoError(t, err, text)
		require.Equal(t, config.Rate(text), c.Sinks[0].RateLimit)
	}
}

func TestRate_ThatCannotBeKept_IsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for text, part := range map[string]string{
		"50": "such as 50/s", "50/d": "such as 50/s", "fast": "such as 50/s", "-1/s": "such as 50/s", "0/s": "such as 50/s", "NaN/s": "such as 50/s",
		"0.5/s": "below one attempt a second", "30/m": "below one attempt a second", "200000/s": "at most 100000/s",
	} {
		_, err := parse("sinks:\n  a:\n    stdout: {}\n    rate_limit: " + text + "\n")
		require.ErrorContains(t, err, ":4:17: sinks.a.rate_limit: ", text)
		require.ErrorContains(t, err, part, text)
	}
}
