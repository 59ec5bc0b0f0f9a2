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
