package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

func TestClass_TheNarrowestEntryDecides_AndTransientAmongEquals(t *testing.T) {
	t.Parallel()
	c, err := parse(`
sinks:
  a:
    file:
    permanent: [400-499, 503, 410, 425-426, 7, /invalid_auth/, "/quota (a|b)/"]
    transient: [409, 423, 500-599, 425-426, 7, /try again/]
`)
	require.NoError(t, err)
	for _, test := range []struct {
		code    int
		message string
		want    config.Class
	}{
		{404, "", config.Permanent},
		{409, "", config.Transient},
		{410, "", config.Permanent},
		{425, "", config.Transient},
		{7, "", config.Transient},
		{500, "", config.Transient},
		{503, "", config.Permanent},
		{0, "", config.Unclassed},
		{302, "", config.Unclassed},
		{500, "answered 500: invalid_auth", config.Permanent},
		{409, "quota b", config.Permanent},
		{404, "please try again", config.Transient},
		{0, "invalid_auth, try again", config.Transient},
	} {
		require.Equal(t, test.want, c.Sinks[0].Class(test.code, test.message), test)
	}
	var shown strings.Builder
	require.NoError(t, c.Show(&shown))
	again, err := parse(shown.String())
	require.NoError(t, err, shown.String())
	require.Equal(t, c.Sinks[0].Delivery, again.Sinks[0].Delivery)
}

func TestClass_Mistakes_AreNamedWithTheirPlaces(t *testing.T) {
	t.Parallel()
	const neither = ": is neither a status such as 410, nor a range such as 400-499, nor a pattern such as /invalid_auth/"
	for source, problem := range map[string]string{
		"sinks: {a: {file: , permanent: [4xx]}}":                `consign.yaml:1:33: sinks.a.permanent[0]: "4xx"` + neither,
		"sinks: {a: {file: , transient: [409, 499-400]}}":       `consign.yaml:1:38: sinks.a.transient[1]: "499-400"` + neither,
		"sinks: {a: {file: , transient: [-5]}}":                 `consign.yaml:1:33: sinks.a.transient[0]: "-5"` + neither,
		"sinks: {a: {file: , permanent: [/x]}}":                 `consign.yaml:1:33: sinks.a.permanent[0]: "/x": is no pattern: write it as /invalid_auth/, with a slash on both ends`,
		"sinks: {a: {file: , permanent: ['/(/']}}":              "consign.yaml:1:33: sinks.a.permanent[0]: \"/(/\": is no pattern that RE2 knows: error parsing regexp: missing closing ): `(`",
		"sinks: {a: {file: , permanent: 410}}":                  `consign.yaml:1:32: sinks.a.permanent: "410" is not a list such as [a, b]`,
		"defaults: {permanent: [x]}\nsinks: {a: {file: }}":      `consign.yaml:1:24: defaults.permanent[0]: "x"` + neither,
		"sinks: {a: {file: , permanent: [\"/(${SECRET}/\"]}}":   `consign.yaml:1:33: sinks.a.permanent[0]: "/(${SECRET}/": is no pattern, status or range`,
		"sinks: {a: {file: , permanent: [\"${SECRET}\", 410]}}": `consign.yaml:1:33: sinks.a.permanent[0]: "${SECRET}": is no pattern, status or range`,
	} {
		_, err := parse(source, "SECRET", "hunter2")
		require.EqualError(t, err, problem)
	}
}
