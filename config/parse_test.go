package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestParse_WholeFile_FillsEverythingIn(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "slack")
	require.NoError(t, os.WriteFile(secret, []byte("from a file\n"), 0o600))
	c, err := parse(`
sinks:
  archive:
    file: {path: results.ndjson}
  slack:
    webhook:
      url: https://example.com/${TOKEN}/$$5/$6
      secret: {file: `+secret+`}
      headers: {X-Key: "${KEY}", X-Number: 7}
      wait: 1d12h
      factor: 0.5
      strict: false
      to: [a, b]
      port: ${PORT}
      tls: {name: inner}
    retry: {max: 0, backoff: 2s, jitter: 0}
    concurrency: 4
    inline: false
    incidents: true
    on_full: drop
dead_letters: {also_to: [archive]}
unmatched: park
acks: {secret: "${ACK}", private: false}
`, "TOKEN", "t0ken", "KEY", "k", "PORT", "8080", "ACK", "signs")
	require.NoError(t, err)
	require.Empty(t, c.Notes)
	require.Equal(t, []string{"archive", "slack"}, []string{c.Sinks[0].Name, c.Sinks[1].Name})

	archive, slack := c.Sinks[0], c.Sinks[1]
	require.Equal(t, "file", archive.Kind)
	require.Equal(t, &lines{Path: "results.ndjson"}, archive.Settings)
	require.Equal(t, config.Delivery{
		Timeout: 10 * time.Second,
		Retry: config.Retry{
			Max: new(3), Backoff: 100 * time.Millisecond, MaxBackoff: 5 * time.Second,
			Jitter: new(0.2), MaxRetryAfter: time.Hour,
		},
		Concurrency: 16, BatchMax: 64, BatchFlush: 50 * time.Millisecond, QueueDepth: 1024,
		OnFull: config.Block, Inline: new(true), Circuit: config.Circuit{Failures: 5, Open: 5 * time.Second},
	}, archive.Delivery)

	settings := slack.Settings.(*hook)
	require.Equal(t, "https://example.com/t0ken/$5/$6", settings.URL)
	require.Equal(t, "from a file", settings.Secret.Reveal())
	require.Equal(t, map[string]string{"X-Key": "k", "X-Number": "7"}, settings.Headers)
	require.Equal(t, 36*time.Hour, settings.Wait)
	require.InDelta(t, 0.5, settings.Factor, 0)
	require.False(t, *settings.Strict)
	require.Equal(t, []string{"a", "b"}, settings.To)
	require.Equal(t, uint16(8080), settings.Port)
	require.Equal(t, "inner", settings.TLS.Name)
	require.Equal(t, config.Retry{
		Max: new(0), Backoff: 2 * time.Second, MaxBackoff: 5 * time.Minute, Jitter: new(0.0), MaxRetryAfter: time.Hour,
	}, slack.Retry)
	require.Equal(t, 4, slack.Concurrency)
	require.False(t, *slack.Inline)
	require.True(t, slack.Incidents)
	require.Equal(t, config.Drop, slack.OnFull)

	require.Equal(t, config.UnmatchedPark, c.Unmatched)
	require.Equal(t, []string{"archive"}, c.DeadLetters.AlsoTo)
	require.Equal(t, "signs", c.Acks.Secret.Reveal())
	require.False(t, *c.Acks.Private)
	require.Equal(t, 12, *c.Acks.Retry.Max)
	require.Equal(t, 10*time.Second, c.Acks.Timeout)
}

func TestParse_Delivery_OwnOverDefaultsOverKindOverBuiltIn(t *testing.T) {
	t.Parallel()
	c, err := parse(`
sinks:
  local: {stdout: }
  remote: {webhook: {url: "https://a"}}
  own: {webhook: {url: "https://a"}, retry: {max: 7}, inline: true, circuit: {failures: -1}}
defaults:
  timeout: 3s
  retry: {max: 0, jitter: 0}
  inline: false
`)
	require.NoError(t, err)
	local, remote, own := c.Sinks[0], c.Sinks[1], c.Sinks[2]

	require.Equal(t, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second},
		[]time.Duration{local.Timeout, remote.Timeout, own.Timeout})
	require.Equal(t, []int{0, 0, 7}, []int{*local.Retry.Max, *remote.Retry.Max, *own.Retry.Max})
	require.Equal(t, []float64{0, 0, 0}, []float64{*local.Retry.Jitter, *remote.Retry.Jitter, *own.Retry.Jitter})
	require.Equal(t, []bool{false, false, true}, []bool{*local.Inline, *remote.Inline, *own.Inline})
	require.Equal(t, 100*time.Millisecond, local.Retry.Backoff, "the kind's default")
	require.Equal(t, time.Second, remote.Retry.Backoff, "the kind's default")
	require.Equal(t, -1, own.Circuit.Failures)
	require.Equal(t, 16, own.Concurrency)
	require.Equal(t, config.Delivery{
		Timeout: 3 * time.Second, Retry: config.Retry{Max: new(0), Jitter: new(0.0)}, Inline: new(false),
	}, c.Defaults, "as written")
}

func TestParse_OneOfBackoffAndMaxBackoff_TheOthersDefaultGivesWay(t *testing.T) {
	t.Parallel()
	c, err := parse(`
sinks:
  slow: {stdout: {}, retry: {backoff: 10s}}
  quick: {webhook: {url: "https://a"}, retry: {max_backoff: 200ms}}
`)
	require.NoError(t, err)
	require.Equal(t, 10*time.Second, c.Sinks[0].Retry.MaxBackoff)
	require.Equal(t, 200*time.Millisecond, c.Sinks[1].Retry.Backoff)
}

func TestParse_AnchorsAndMergeKeys_AreFollowed(t *testing.T) {
	t.Parallel()
	c, err := parse(`
sinks:
  one: &one
    webhook: &hook {url: "https://a", port: 1}
    retry: &retry {max: 4}
    concurrency: 9
  two: {<<: *one, concurrency: 2, retry: {<<: *retry, backoff: 1s}}
  three: {webhook: *hook}
`)
	require.NoError(t, err)
	require.Equal(t, "webhook", c.Sinks[1].Kind)
	require.Equal(t, 2, c.Sinks[1].Concurrency)
	require.Equal(t, 4, *c.Sinks[1].Retry.Max)
	require.Equal(t, time.Second, c.Sinks[1].Retry.Backoff)
	require.Equal(t, uint16(1), c.Sinks[2].Settings.(*hook).Port)
}

func TestParse_WithoutSinks_IsAllowed(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"", "# nothing\n", "---\n", "sinks:\n", "sinks: {}\n", "\ufeffunmatched: ack\n"} {
		c, err := parse(source)
		require.NoError(t, err, source)
		require.Empty(t, c.Sinks)
		require.Equal(t, config.UnmatchedAck, c.Unmatched)
	}
}

func TestParse_BatchFlush_IsNotedAndAccepted(t *testing.T) {
	t.Parallel()
	c, err := parse("defaults: {batch_flush: 1s}\nsinks:\n  a:\n    stdout: {}\n    batch_flush: 50ms\n  b: {stdout: {}}\n")
	require.NoError(t, err)
	require.Len(t, c.Notes, 2)
	require.Equal(t, "consign.yaml:1:25: defaults.batch_flush: has no effect: no batch waits to be filled, so this line may go", c.Notes[0].Error())
	require.Equal(t, 5, c.Notes[1].Line)
}

func TestDefault_IsAConsole(t *testing.T) {
	t.Parallel()
	c, err := config.Load("", kinds())
	require.NoError(t, err)
	require.Empty(t, c.Path)
	require.Len(t, c.Sinks, 1)
	require.Equal(t, "console", c.Sinks[0].Name)
	require.Equal(t, "stdout", c.Sinks[0].Kind)
	require.Equal(t, 3, *c.Sinks[0].Retry.Max)
}

func TestLoad_MissingFile_NamesIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nowhere.yaml")
	_, err := config.Load(path, kinds())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.EqualError(t, err, "configuration file "+path+" does not exist: name another one, or none at all to deliver to standard output: no such file or directory")
	_, err = config.Load(t.TempDir(), kinds())
	require.ErrorContains(t, err, "cannot be read: is a directory")
}

func TestFind_TakesTheVariableThenTheFileThenNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(config.PathVariable, "")
	require.Empty(t, config.Find())
	require.NoError(t, os.WriteFile("consign.yaml", nil, 0o600))
	require.Equal(t, "consign.yaml", config.Find())
	t.Setenv(config.PathVariable, "/etc/other.yaml")
	require.Equal(t, "/etc/other.yaml", config.Find())
}

func TestLoad_File_TakesVariablesFromTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("acks: {secret: '${CONSIGN_TEST_SECRET}'}"), 0o600))
	t.Setenv("CONSIGN_TEST_SECRET", "x")
	c, err := config.Load(path, kinds())
	require.NoError(t, err)
	require.Equal(t, path, c.Path)
	require.Equal(t, "x", c.Acks.Secret.Reveal())
}
