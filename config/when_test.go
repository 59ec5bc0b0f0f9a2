package config_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// conditional is a sink with that condition.
func conditional(t *testing.T, when string) config.Sink {
	t.Helper()
	quoted, err := json.Marshal(when)
	require.NoError(t, err)
	c, err := parse("sinks:\n  a: {file: , when: " + string(quoted) + "}\n")
	require.NoError(t, err)
	return c.Sinks[0]
}

func TestWhen_OnAResult_HoldsOrNot(t *testing.T) {
	t.Parallel()
	const data = `{"severity":3,"score":3.0,"big":12345678901234567890,"huge":1e400,"name":"Ünï","tags":["a","b"],"urgent":true,"none":null,"deep":[{"n":1}]}`
	result := consign.Result{
		Source: "scanner", ID: "4711", Type: "detection", Subject: "host-7", Data: []byte(data),
		Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	}
	for when, want := range map[string]bool{
		`data.severity >= 3`:   true,
		`data.severity >= 2.5`: true,
		`data.severity > 3`:    false,
		`data.score >= 3`:      true,
		`data.score == 3`:      true,
		`data.severity in [3]`: true,
		`data.severity + 1 == 4 && data.severity % 2 == 1`: true, // integers stay integers
		`data.big > 1`:                       true,
		`data.huge > 1e300`:                  true,
		`data.name == "Ünï"`:                 true,
		`"b" in data.tags`:                   true,
		`data.urgent == true`:                true,
		`data.none == null`:                  true,
		`has(data.none)`:                     true,
		`has(data.missing)`:                  false,
		`"missing" in data`:                  false,
		`data.missing > 1 || true`:           true,
		`data.?missing.orValue(0) >= 3`:      false,
		`data.deep.exists(d, d.n == 1)`:      true,
		`data.name.lowerAscii().size() == 3`: true,
		`source == "scanner" && id == "4711" && type == "detection" && subject.startsWith("host-")`: true,
		`time > timestamp("2026-01-01T00:00:00Z")`:                                                  true,
		`time.getHours("Europe/Berlin") == 13`:                                                      true,
		`subject.matches("^host-[0-9]+$")`:                                                          true,
		`size(data) > 3 && type(data.severity) == int`:                                              true,
		`source != "scanner"`:                                                                       false,
	} {
		holds, err := conditional(t, when).Wants(t.Context(), config.NewFacts(result))
		require.NoError(t, err, when)
		require.Equal(t, want, holds, when)
	}
	require.Equal(t, data, string(result.Data), "it is a copy that is decoded")
}

func TestWhen_OnDataOfEachShape(t *testing.T) {
	t.Parallel()
	for data, when := range map[string]string{
		`null`: `data == null`, `7`: `data == 7`, `-0.5`: `data < 0`, `"x"`: `data == "x"`, `[1]`: `data[0] == 1`, `true`: `data == true`, `{}`: `size(data) == 0`,
	} {
		holds, err := conditional(t, when).Wants(t.Context(), config.NewFacts(consign.Result{Data: []byte(data)}))
		require.NoError(t, err, when)
		require.True(t, holds, when)
	}
}

func TestWhen_ThatCannotBeEvaluated_SaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("1,", 200_000) + "1]"
	for when, test := range map[string]struct{ data, cause string }{
		`data.severity >= 3`:               {`{"score":1}`, `when: no such key: severity: ask first, as in "has(data.x) && data.x > 1"`},
		`data.severity > 3`:                {`{"severity":"high"}`, `when: no such overload: the data have another type there than the condition takes them for`},
		`data.a.b == 1`:                    {`{"a":7}`, `when: no such key: b: ask first, as in "has(data.x) && data.x > 1"`},
		`data.urgent && true`:              {`{"urgent":1}`, `when: no such overload: the data have another type there than the condition takes them for`},
		`data.all(x, data.exists(y, y>x))`: {list, `when: operation cancelled: actual cost limit exceeded: it has too much to do on this result`},
	} {
		_, err := conditional(t, when).Wants(t.Context(), config.NewFacts(consign.Result{Data: []byte(test.data)}))
		require.EqualError(t, err, test.cause, when)
	}
}

func TestWhen_WithoutOne_EveryResultIsWanted(t *testing.T) {
	t.Parallel()
	holds, err := conditional(t, "").Wants(t.Context(), config.NewFacts(consign.Result{}))
	require.NoError(t, err)
	require.True(t, holds)
}

func TestWhen_OfAnIncident_IsNotAsked(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"sinks: {a: {file: , incidents: true, when: data.severity > 3}}": true,
		"sinks: {a: {file: , when: 'true'}}":                             false,
	} {
		c, err := parse(source)
		require.NoError(t, err)
		holds, err := c.Sinks[0].Wants(context.Background(), config.NewFacts(consign.Result{Type: consign.IncidentType, Data: []byte(`{}`)}))
		require.NoError(t, err)
		require.Equal(t, want, holds)
	}
}

func TestWhen_OfDefaults_IsThatOfSinksThatHaveNone(t *testing.T) {
	t.Parallel()
	c, err := parse("defaults: {when: data.n > 1}\nsinks:\n  a: {file: }\n  b: {file: , when: data.n > 2}\n")
	require.NoError(t, err)
	for i, want := range []bool{true, false} {
		holds, err := c.Sinks[i].Wants(t.Context(), config.NewFacts(consign.Result{Data: []byte(`{"n":2}`)}))
		require.NoError(t, err)
		require.Equal(t, want, holds)
	}
}

func TestWhen_WithAMistake_IsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ source, problem string }{
		"unknown name":       {"sinks:\n  a:\n    file:\n    when: dta.severity > 3\n", `consign.yaml:4:11: sinks.a.when: "dta.severity > 3": at character 1: undeclared reference to 'dta' (did you mean 'data'?)`},
		"unfinished":         {"sinks: {a: {file: , when: data.a >}}\n", `consign.yaml:1:27: sinks.a.when: "data.a >": at character 9: mismatched input '<EOF>'`},
		"second line":        {"sinks:\n  a:\n    file:\n    when: |\n      data.a > 1 &&\n      nobody\n", `consign.yaml:4:11: sinks.a.when: "data.a > 1 &&\nnobody\n": at line 2, character 1 of it: undeclared reference to 'nobody'`},
		"not a truth value":  {"sinks: {a: {file: , when: source}}\n", `consign.yaml:1:27: sinks.a.when: "source": is of type string, not true or false: compare it, as in "data.severity >= 3"`},
		"of unknown type":    {"sinks: {a: {file: , when: data.urgent}}\n", `consign.yaml:1:27: sinks.a.when: "data.urgent": is a value of the data and may be no truth value: compare it, as in "data.urgent == true"`},
		"wrong type":         {"sinks: {a: {file: , when: source > 3}}\n", `consign.yaml:1:27: sinks.a.when: "source > 3": at character 8: found no matching overload for '_>_' applied to '(string, int)'`},
		"bad pattern":        {"sinks: {a: {file: , when: 'source.matches(\"[\")'}}\n", `consign.yaml:1:27: sinks.a.when: "source.matches(\"[\")": at character 16: invalid matches argument`},
		"in defaults":        {"defaults: {when: x}\n", `consign.yaml:1:18: defaults.when: "x": at character 1: undeclared reference to 'x'`},
		"a list":             {"sinks: {a: {file: , when: [a]}}\n", `consign.yaml:1:27: sinks.a.when: a list is not a text`},
		"through a variable": {"sinks: {a: {file: , when: \"${SECRET}\"}}\n", `consign.yaml:1:27: sinks.a.when: "${SECRET}": is no condition that gives true or false, at character 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse(test.source, "SECRET", "hunter2 > 1")
			require.EqualError(t, err, test.problem)
		})
	}
}

func TestWhen_TooLong_IsRefused(t *testing.T) {
	t.Parallel()
	_, err := parse("sinks: {a: {file: , when: '" + strings.Repeat("true && ", 2000) + "true'}}\n")
	require.ErrorContains(t, err, "size")
}

func TestWhen_IsShownAndReadAgain(t *testing.T) {
	t.Parallel()
	const when = `data.a > 1 && source.matches("^x$")`
	c, err := parse("sinks: {a: {file: , when: '" + when + "'}}\n")
	require.NoError(t, err)
	var shown strings.Builder
	require.NoError(t, c.Show(&shown))
	again, err := parse(shown.String())
	require.NoError(t, err)
	require.Equal(t, when, again.Sinks[0].When)
}
