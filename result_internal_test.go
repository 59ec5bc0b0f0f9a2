package consign

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrepare_WhatItTakes_NoWorkflowRefuses(t *testing.T) {
	t.Parallel()
	text := func(bytes int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", bytes) + `"`) }
	long := strings.Repeat("n", 120)
	for name, test := range map[string]struct {
		result Result
		taken  bool
	}{
		"much data":                   {Result{Source: "s", ID: "1", Data: text(MaxConsignmentBytes - 100)}, true},
		"much data beside long names": {Result{Source: long, ID: long, Type: long + long, Data: text(MaxConsignmentBytes - 1000)}, false},
		"a long subject":              {Result{Source: "s", ID: "1", Subject: strings.Repeat("s", 300_000), Data: text(1)}, false},
	} {
		prepared, err := test.result.Prepare()
		if !test.taken {
			require.ErrorIs(t, err, ErrTooLarge, name)
			continue
		}
		require.NoError(t, err, name)
		require.NoError(t, CheckResults([]Result{prepared}), name)
	}
}

func TestPrepare_ATraceContextThatIsNone_IsIgnored(t *testing.T) {
	t.Parallel()
	const valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for given, want := range map[string]string{
		valid: valid, "": "", "cc" + valid[2:] + "-what-follows": "", "cc" + valid[2:] + "-0f": "cc" + valid[2:] + "-0f",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01": "", valid + "\r\nX: y": "", strings.Repeat("0", 10_000): "",
	} {
		r, err := Result{Source: "s", ID: "1", TraceContext: TraceContext{given, "vendor=1"}, Data: json.RawMessage("1")}.Prepare()
		require.NoError(t, err)
		require.Equal(t, want, r.Traceparent)
		require.Equal(t, want != "", r.Tracestate != "", given)
	}
	for given, want := range map[string]string{
		"a=1,b=2": "a=1,b=2", "": "", "no list": "", "a=1,a=2": "", "a=1\r\nX: y": "", "a=" + strings.Repeat("1", 600) + ",b=2": "",
	} {
		r, err := Result{Source: "s", ID: "1", TraceContext: TraceContext{valid, given}, Data: json.RawMessage("1")}.Prepare()
		require.NoError(t, err)
		require.Equal(t, TraceContext{valid, want}, r.TraceContext)
	}
}
