package config_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestAliases_AreReadAndShown(t *testing.T) {
	t.Parallel()
	c, err := parse("sinks:\n  chat:\n    aliases: [slack, slack-2]\n    stdout: {}\n")
	require.NoError(t, err)
	require.Equal(t, []string{"slack", "slack-2"}, c.Sinks[0].Aliases)
	var text bytes.Buffer
	require.NoError(t, c.Show(&text))
	require.Contains(t, text.String(), "aliases: [slack, slack-2]")
	again, err := parse(text.String())
	require.NoError(t, err)
	require.Equal(t, c.Sinks, again.Sinks)
	object, err := json.Marshal(c.Sinks[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"chat","aliases":["slack","slack-2"],"kind":"stdout"}`, string(object))
}

func TestAliases_ThatLeadToTwoSinks_AreMistakesWithTheirPlace(t *testing.T) {
	t.Parallel()
	_, err := parse(`sinks:
  a: {stdout: {}, aliases: [b, a, old]}
  b: {stdout: {}, aliases: [old, Big, _none, once, once]}
  c: {stdout: {}, aliases: x}
  d: {stdout: {}, alias: [x]}
defaults: {aliases: [x]}
`)
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	lines := make([]string, len(problems))
	for i, problem := range problems {
		lines[i] = problem.Error()
	}
	const noName = " is no name for a sink: lower-case letters, digits and dashes, a letter or digit first, at most 63"
	require.Equal(t, []string{
		`consign.yaml:2:29: sinks.a.aliases[0]: "b": there is a sink of this name: an alias is a name that no sink has any more`,
		`consign.yaml:2:32: sinks.a.aliases[1]: "a": is the sink's own name: list only names that it had before`,
		`consign.yaml:3:29: sinks.b.aliases[0]: "old": is an alias of sink a already: a name leads to one sink`,
		`consign.yaml:3:34: sinks.b.aliases[1]: "Big":` + noName,
		`consign.yaml:3:39: sinks.b.aliases[2]: "_none":` + noName,
		`consign.yaml:3:52: sinks.b.aliases[4]: "once": is an alias of sink b already: a name leads to one sink`,
		`consign.yaml:4:28: sinks.c.aliases: "x" is not a list such as [a, b]`,
	}, lines[:7])
	require.Len(t, lines, 9)
	require.Contains(t, lines[7], `consign.yaml:5:19: sinks.d.alias: unknown field "alias"; allowed: `)
	require.Contains(t, lines[8], `consign.yaml:6:12: defaults.aliases: unknown field "aliases"`)
}
