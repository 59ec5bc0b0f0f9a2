package deadletters

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// good is a line without what only tells of the past.
const good = `{"id":"dead-letter/hook/r/1","sink":"hook","state":"parked","results":[{"source":"s","id":"i","data":{"a":1}}]}`

func TestImport_WhenALineIsBad_NamesEachAndStartsNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ line, wrong string }{
		{`{"id":"dead-letter/hook/r/1",`, "not the JSON of a dead letter"},
		{`[]`, "not the JSON of a dead letter"},
		{good[:len(good)-1], "unexpected end"},
		{good + good, "not the JSON of a dead letter"},
		{`{}`, "id is missing"},
		{`{"original_event":"{}","error":"x","timestamp":"2026-01-02T03:04:05Z"}`, "id is missing"},
		{`{"id":"finding-1","source":"scanner","data":{}}`, `begin with "dead-letter/"`},
		{strings.Replace(good, "/r/", strings.Repeat("/r", 150), 1), "at most 255"},
		{strings.Replace(good, "parked", "discarded", 1), "it was discarded before"},
		{strings.Replace(good, "parked", "replayed", 1), "it was replayed before"},
		{strings.Replace(good, `"sink":"hook",`, "", 1), "sink is missing"},
		{strings.Replace(good, `"sink":"hook"`, `"sink":"hook","label":"`+strings.Repeat("l", 256)+`"`, 1), "label 256"},
		{`{"id":"dead-letter/hook/r/1","sink":"hook","results":[]}`, "results is empty"},
		{strings.Replace(good, `"source":"s",`, "", 1), "results[0].source is empty"},
		{strings.Replace(good, `"id":"i",`, "", 1), "results[0].id is empty"},
		{strings.Replace(good, `,"data":{"a":1}`, "", 1), "results[0].data is missing"},
		{strings.Replace(good, `"id":"i"`, `"id":"`+strings.Repeat("i", 256)+`"`, 1), "results[0].id"},
		{strings.Replace(good, `"id":"i"`, `"id":"i","type":"`+strings.Repeat("t", 256)+`"`, 1), "results[0].type"},
		{strings.Replace(good, `{"a":1}`, strings.Repeat("[", 9901)+strings.Repeat("]", 9901), 1), "results[0].data nests more than"},
		{strings.Replace(good, `{"a":1}`, `"`+strings.Repeat("x", 3<<19)+`"`, 1), "can be delivered together"},
		{strings.Replace(good, `{"a":1}`, `"`+strings.Repeat("x", maxRecord)+`"`, 1), "can be delivered together"},
		{strings.Repeat(" ", maxLine+1), "longer than"},
	} {
		var told []Imported
		// There is no Temporal, and none is asked.
		err := Import(t.Context(), nil, strings.NewReader(good+"\n\n"+test.line), func(line Imported) { told = append(told, line) })
		require.ErrorIs(t, err, ErrNotImported, "%.100s", test.line)
		require.Len(t, told, 1, "%.100s", test.line)
		require.Equal(t, 3, told[0].Line)
		require.ErrorContains(t, told[0].Err, test.wrong)
	}
}

func TestRead_AnyRelease_MayLeaveOutOrAddWhatOnlyTells(t *testing.T) {
	t.Parallel()
	newer := strings.Replace(good, `"sink":`, `"added_later":{"deep":[1]},"sink":`, 1)
	lines := 0
	for line, err := range read(strings.NewReader(good + "\r\n" + newer + "\n")) {
		require.NoError(t, err)
		require.NoError(t, line.err)
		require.Equal(t, `{"a":1}`, string(line.record.Results[0].Data))
		lines++
		require.Equal(t, lines, line.number)
	}
	require.Equal(t, 2, lines)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("disk is gone") }

func TestRead_WhenReadingFails_IsNoEnd(t *testing.T) {
	t.Parallel()
	for _, err := range read(broken{}) {
		require.ErrorContains(t, err, "line 1 of the import: disk is gone")
		return
	}
	require.Fail(t, "it seemed empty")
}
