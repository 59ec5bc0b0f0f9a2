package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// parseExternal knows one more kind, "elsewhere", which others serve.
func parseExternal(source string) (*config.Config, error) {
	elsewhere := config.Kind{Name: "elsewhere", External: true, New: func() config.Settings { return &lines{} }}
	return config.Parse("consign.yaml", []byte(source), append(kinds(), elsewhere), env())
}

func TestExternal_DefaultsForAllSinks_MakeItNoInlineAttempt(t *testing.T) {
	t.Parallel()
	c, err := parseExternal("defaults: {inline: true, concurrency: 3}\nsinks:\n  archive: {file: {}}\n  partner: {elsewhere: {}, timeout: 3s}\n")
	require.NoError(t, err)
	require.Empty(t, c.Notes)
	archive, partner := c.Sinks[0], c.Sinks[1]
	require.True(t, *archive.Inline)
	require.False(t, archive.External)
	require.False(t, *partner.Inline)
	require.True(t, partner.External)
}

func TestExternal_InlineAskedFor_IsAMistake(t *testing.T) {
	t.Parallel()
	_, err := parseExternal("sinks:\n  partner:\n    elsewhere: {}\n    inline: true\n")
	require.EqualError(t, err, `consign.yaml:4:13: sinks.partner.inline: "true": an external sink has no inline attempt, its own worker makes them all: leave this out`)
}

func TestExternal_Aliases_AreTaken_SoThatDeadLettersOfTheEarlierNameCanBeReplayed(t *testing.T) {
	t.Parallel()
	c, err := parseExternal("sinks:\n  partner:\n    elsewhere: {}\n    aliases: [friend]\n")
	require.NoError(t, err)
	require.Equal(t, []string{"friend"}, c.Sinks[0].Aliases)
}

func TestExternal_SettingsOfAnotherWorker_AreSaidToHaveNoEffect(t *testing.T) {
	t.Parallel()
	c, err := parseExternal("sinks:\n  partner:\n    elsewhere: {}\n    inline: false\n    concurrency: 3\n    circuit: {failures: 1}\n")
	require.NoError(t, err)
	require.Len(t, c.Notes, 2)
	require.Equal(t, "sinks.partner.concurrency", c.Notes[0].Path)
	require.Equal(t, "sinks.partner.circuit", c.Notes[1].Path)
}
