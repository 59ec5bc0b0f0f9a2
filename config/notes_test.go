package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// noted are the notes on a file that is right.
func noted(t *testing.T, source string) []string {
	t.Helper()
	c, err := parse(source)
	require.NoError(t, err)
	texts := []string{}
	for _, note := range c.Notes {
		texts = append(texts, note.Error())
	}
	return texts
}

func TestNotes_InlineBesideARate_IsSaidToHaveNoEffect_AndHasNone(t *testing.T) {
	t.Parallel()
	const effect = ".inline: has no effect beside rate_limit: each attempt is queued, so that none goes past the limit"
	require.Equal(t, []string{"consign.yaml:1:33: sinks.a" + effect}, noted(t, "sinks: {a: {stdout: {}, inline: true, rate_limit: 5/s}}"))
	require.Equal(t, []string{"consign.yaml:1:20: defaults" + effect}, noted(t, "defaults: {inline: true, rate_limit: 5/s}\nsinks: {a: {stdout: {}}}"))
	require.Empty(t, noted(t, "sinks: {a: {stdout: {}, rate_limit: 5/s}, b: {stdout: {}, rate_limit: 5/s, inline: false}, c: {stdout: {}, inline: true}}"))
	require.Empty(t, noted(t, "defaults: {inline: true}\nsinks: {a: {stdout: {}, rate_limit: 5/s}}"), "it is for the others")
	c, err := parse("sinks: {a: {stdout: {}, inline: true, rate_limit: 5/s}}")
	require.NoError(t, err)
	require.False(t, *c.Sinks[0].Inline)
}

func TestNotes_ScheduleBeyondMaxAge_IsNotedWhereTheSinkSaysMost(t *testing.T) {
	t.Parallel()
	const late = "waits 3h in all, and max_age parks what is older than 2h: the last retries are not made"
	require.Equal(t, []string{"consign.yaml:1:43: sinks.a.retry.schedule: " + late}, noted(t, "sinks: {a: {stdout: {}, retry: {schedule: [1h, 2h]}, max_age: 2h}}"))
	require.Equal(t, []string{"consign.yaml:2:34: sinks.a.max_age: retry.schedule " + late},
		noted(t, "defaults: {retry: {schedule: [1h, 2h]}}\nsinks: {a: {stdout: {}, max_age: 2h}, b: {stdout: {}}}"))
	require.Empty(t, noted(t, "sinks: {a: {stdout: {}, retry: {schedule: [1h, 2h]}, max_age: 3h}, b: {stdout: {}, retry: {schedule: [1h, 2h]}}}"))
}
