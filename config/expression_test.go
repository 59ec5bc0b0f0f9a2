package config_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

func TestExpression_OnAResult_GivesItsText(t *testing.T) {
	t.Parallel()
	const data = `{"host":{"name":"web-1","ports":[80]},"none":null}`
	result := consign.Result{Source: "scanner", ID: "4711", Type: "detection", Subject: "host-7", Data: []byte(data)}
	for text, want := range map[string]string{
		``:                                  "",
		`source`:                            "scanner",
		`id`:                                "4711",
		`type`:                              "detection",
		`subject`:                           "host-7",
		`delivery_id`:                       "msg_1",
		`data.host.name`:                    "web-1",
		`source + "/" + type`:               "scanner/detection",
		`string(data.host.ports[0])`:        "80",
		`data.?user.orValue("")`:            "",
		`has(data.user) ? data.user : id`:   "4711",
		`data.host.name.split("-")[0]`:      "web",
		`string(time.getFullYear()) + "-x"`: "1-x",
	} {
		expression, err := config.NewExpression(text)
		require.NoError(t, err, text)
		for range 2 {
			got, err := expression.Of(t.Context(), result, "msg_1")
			require.NoError(t, err, text)
			require.Equal(t, want, got, text)
		}
	}
}

func TestExpression_ThatGivesNoText_IsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]string{
		`host`:              `at character 1: undeclared reference to "host"`,
		`source +`:          `at character 9: mismatched input "<EOF>"`,
		`size(source)`:      `is of type int, not a text: make one of it, as in "string(data.port)"`,
		`has(data.x)`:       `is of type bool, not a text: make one of it, as in "string(data.port)"`,
		`data.?x`:           `is of type optional_type(dyn), not a text: make one of it, as in "string(data.port)"`,
		`source + 1`:        `at character 8: found no matching overload for "_+_" applied to "(string, int)"`,
		`source.matches(x)`: `at character 16: undeclared reference to "x"`,
	} {
		_, err := config.NewExpression(text)
		require.EqualError(t, err, problem, text)
	}
	_, err := config.NewExpression(strings.Repeat("source + ", 2000) + "id")
	require.ErrorContains(t, err, "size")
}

func TestExpression_ThatCannotBeEvaluated_SaysWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	list := "[" + strings.Repeat("1,", 200_000) + "1]"
	for text, test := range map[string]struct{ data, cause string }{
		`data.host.name`: {`{"a":1}`, `no such key: host: ask first, as in "has(data.x) ? data.x : source"`},
		`data.host`:      {`{"host":7}`, `it is of type int, not a text: make one of it, as in "string(data.port)"`},
		`data.a`:         {`{"a":null}`, `it is of type null_type, not a text: make one of it, as in "string(data.port)"`},
		`data.a + "x"`:   {`{"a":1}`, `no such overload: the data have another type there than the expression takes them for`},
		`data.all(x, data.exists(y, y>x)) ? "a" : "b"`: {list, `operation cancelled: actual cost limit exceeded: it has too much to do on this result`},
	} {
		expression, err := config.NewExpression(text)
		require.NoError(t, err, text)
		_, err = expression.Of(t.Context(), consign.Result{Data: []byte(test.data)}, "")
		require.EqualError(t, err, test.cause, text)
	}
}

func TestExpression_WhenTheContextIsOver_Ends(t *testing.T) {
	t.Parallel()
	expression, err := config.NewExpression(`data.all(x, data.exists(y, y > x)) ? "a" : "b"`)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = expression.Of(ctx, consign.Result{Data: []byte("[" + strings.Repeat("1,", 200_000) + "1]")}, "")
	require.ErrorContains(t, err, "interrupted")
}

func TestWhen_DeliveryID_IsUnknown(t *testing.T) {
	t.Parallel()
	_, err := parse("sinks: {a: {file: , when: 'delivery_id == \"x\"'}}\n")
	require.ErrorContains(t, err, "undeclared reference to 'delivery_id'")
}
