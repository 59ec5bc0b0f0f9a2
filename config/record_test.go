package config_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

func TestRecordCondition_SeesTheDeadLetterAndEachOfItsResults(t *testing.T) {
	t.Parallel()
	record := consign.Record{
		Sink: "desk", Kind: "webhook", Label: "http 503", Cause: "the receiver says busy", Made: 13, Replays: 2,
		ParkedAt: time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC),
		Results: []consign.Result{
			{Source: "edr", ID: "1", Type: "scan", Data: []byte(`{"host":"a"}`)},
			{Source: "edr", ID: "2", Type: "scan", Data: []byte(`{"host":"b","severity":7}`)},
		},
	}
	for text, want := range map[string]struct{ holds, listed bool }{
		`sink == "desk" && made > 10`:                             {true, true},
		`label.startsWith("http 5")`:                              {true, true},
		`parked_at < timestamp("2026-11-26T04:00:00Z")`:           {true, true},
		`parked_at > timestamp("2026-11-26T04:00:00Z")`:           {false, true},
		`cause.contains("busy")`:                                  {true, false},
		`replays == 2`:                                            {true, false},
		`data.severity >= 5`:                                      {true, false},
		`data.severity >= 8`:                                      {false, false},
		`id == "2"`:                                               {true, false},
		`sink == "other" && data.severity >= 5`:                   {false, true},
		`source == "edr" && type == "scan" && data.host == "b"`:   {true, false},
		`data.nowhere == 1`:                                       {false, false},
		`kind == "webhook" && time < timestamp(1) && subject==""`: {true, false},
	} {
		condition, err := config.NewRecordCondition(text)
		require.NoError(t, err, text)
		require.Equal(t, want.holds, condition.Holds(t.Context(), record), text)
		holds, known := condition.HoldsListed(t.Context(), record.Header())
		require.Equal(t, want.listed, known, text)
		require.Equal(t, want.holds && want.listed, holds, text)
	}
	one := record
	one.Results = one.Results[1:]
	condition, err := config.NewRecordCondition(`id == "2"`)
	require.NoError(t, err)
	holds, known := condition.HoldsListed(t.Context(), one.Header())
	require.True(t, holds && known, "a listing shows the only result")
}

func TestRecordCondition_AMistake_IsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`made >`:    "where: at character 7: mismatched input '<EOF>'",
		`made`:      `where: is of type int, not true or false: compare it, as in "made >= 3"`,
		`sinc == 1`: "where: at character 1: undeclared reference to 'sinc'",
	} {
		_, err := config.NewRecordCondition(text)
		require.ErrorContains(t, err, want, text)
	}
}
