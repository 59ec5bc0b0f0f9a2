package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestSchedule_StandsInPlaceOfTheBackoff(t *testing.T) {
	t.Parallel()
	c, err := parse(`
defaults: {retry: {schedule: [5s, 5m, 1d], jitter: 0}, max_age: 3d}
sinks:
  scheduled: {file: }
  own: {file: , retry: {schedule: [100ms, 2h]}, max_age: 0s}
  counted: {file: , retry: {max: 5}}
acks: {retry: {schedule: [1m]}}
`)
	require.NoError(t, err)
	scheduled, own, counted := c.Sinks[0], c.Sinks[1], c.Sinks[2]
	require.Equal(t, []time.Duration{5 * time.Second, 5 * time.Minute, 24 * time.Hour}, scheduled.Retry.Schedule)
	require.Equal(t, 3, *scheduled.Retry.Max)
	require.Zero(t, *scheduled.Retry.Jitter)
	require.Equal(t, 72*time.Hour, scheduled.MaxAge)
	require.Equal(t, time.Second, scheduled.Retry.Backoff, "for what the schedule has no wait for")
	require.Equal(t, 2, *own.Retry.Max)
	require.Equal(t, 100*time.Millisecond, own.Retry.Backoff)
	require.Zero(t, own.MaxAge)
	require.Empty(t, counted.Retry.Schedule, "what the sink says itself counts more")
	require.Equal(t, 5, *counted.Retry.Max)
	require.Equal(t, 1, *c.Acks.Retry.Max)

	var shown strings.Builder
	require.NoError(t, c.Show(&shown))
	require.Contains(t, shown.String(), "retry:\n      schedule: [5s, 5m, 24h]\n      jitter: 0\n")
	again, err := parse(shown.String())
	require.NoError(t, err)
	for i := range c.Sinks {
		require.Equal(t, c.Sinks[i].Delivery, again.Sinks[i].Delivery)
	}
}

func TestSchedule_Mistakes_AreNamedWithTheirPlaces(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ source, problem string }{
		"beside max":     {"sinks: {a: {file: , retry: {max: 3, schedule: [1s]}}}", `consign.yaml:1:47: sinks.a.retry.schedule: stands in place of retry.max: remove one or the other`},
		"beside backoff": {"defaults: {retry: {schedule: [1s], backoff: 1s, max_backoff: 2s}}", `consign.yaml:1:30: defaults.retry.schedule: stands in place of retry.backoff and retry.max_backoff: remove one or the other`},
		"empty":          {"sinks: {a: {file: , retry: {schedule: []}}}", `consign.yaml:1:39: sinks.a.retry.schedule: must hold a wait at least, such as [5s, 5m]; retry.max: 0 is for no retry at all`},
		"a wait of zero": {"sinks: {a: {file: , retry: {schedule: [1s, 0s]}}}", `consign.yaml:1:44: sinks.a.retry.schedule[1]: "0s": must be more than 0, and at most 720h`},
		"a wait of ages": {"sinks: {a: {file: , retry: {schedule: [31d]}}}", `consign.yaml:1:40: sinks.a.retry.schedule[0]: "31d": must be more than 0, and at most 720h`},
		"no wait":        {"sinks: {a: {file: , retry: {schedule: [5]}}}", `consign.yaml:1:40: sinks.a.retry.schedule[0]: "5" is not a duration such as 10s, 1m30s or 2d`},
		"one wait":       {"sinks: {a: {file: , retry: {schedule: 5s}}}", `consign.yaml:1:39: sinks.a.retry.schedule: "5s" is not a list such as [a, b]`},
		"negative age":   {"sinks: {a: {file: , max_age: -1h}}", `consign.yaml:1:30: sinks.a.max_age: "-1h" is not a duration such as 10s, 1m30s or 2d`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(test.source)
			require.EqualError(t, err, test.problem)
		})
	}
}

func TestSchedule_OfAnExternalSink_IsForItsWorkerToKeep(t *testing.T) {
	t.Parallel()
	c, err := parseExternal("sinks: {a: {elsewhere: {}, retry: {schedule: [1s]}}}")
	require.NoError(t, err)
	require.Len(t, c.Notes, 1)
	require.Contains(t, c.Notes[0].Error(), "policy.schedule_ms")
	require.IsType(t, config.Problem{}, c.Notes[0])
}
