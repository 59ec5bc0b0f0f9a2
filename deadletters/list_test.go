package deadletters_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// hold starts a dead letter that nobody works on, which is enough for listings.
func hold(t *testing.T, c client.Client, n int, sink, label string) {
	t.Helper()
	_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID:        fmt.Sprintf("dead-letter/x/%d/1", n),
		TaskQueue: consign.TaskQueue,
		Memo:      map[string]any{consign.HeaderMemo: consign.Header{Sink: sink, Label: label, ParkedAt: time.Now(), Results: n}},
		TypedSearchAttributes: temporal.NewSearchAttributes(
			temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(consign.StateParked),
			temporal.NewSearchAttributeKeyKeyword(consign.SinkAttribute).ValueSet(sink),
			temporal.NewSearchAttributeKeyKeyword(consign.CauseAttribute).ValueSet(label)),
	}, consign.DeadLetterWorkflow)
	require.NoError(t, err)
}

func TestList_SelectsByWhatStandsThere_WhateverItsCharacters(t *testing.T) {
	t.Parallel()
	c := startTemporal(t)
	texts := []string{`it's`, `100%`, `a_b`, `новый 🚚`, `-- x`, `http 400`, `/* x`, `;`}
	for i, text := range texts {
		hold(t, c, i, text, text)
	}
	list(t, c, deadletters.Filter{}, len(texts))
	for i, text := range texts {
		for _, filter := range []deadletters.Filter{{Sink: text}, {Label: text}, {Sink: text, Label: text, State: consign.StateParked, Closed: true}} {
			entry := list(t, c, filter, 1)[0]
			require.Equal(t, text, entry.Header.Sink)
			require.Equal(t, i, entry.Header.Results)
		}
	}
	for _, text := range []string{`nothing`, `'`, `' OR 1=1 OR '`, `\' OR 1=1 --`, `\`, `\\' OR 'a'='a`, `" OR "a"="a`, "line\nbreak"} {
		list(t, c, deadletters.Filter{Sink: text}, 0)
	}
	list(t, c, deadletters.Filter{State: consign.StateReplayed, Closed: true}, 0)
}

func TestList_GoesThroughPages_AndStopsAtTheLimit(t *testing.T) {
	t.Parallel()
	c := startTemporal(t)
	const many = 230 // one page and a bit
	for i := range many {
		hold(t, c, i, "hook", "timeout")
	}
	seen := map[string]bool{}
	for _, entry := range list(t, c, deadletters.Filter{}, many) {
		seen[entry.ID] = true
	}
	require.Len(t, seen, many, "each once")
	for _, limit := range []int{1, 199, 200, 201, 229} {
		list(t, c, deadletters.Filter{Limit: limit}, limit)
	}
	counted, err := deadletters.Count(t.Context(), c, deadletters.Filter{Sink: "hook", Limit: 3})
	require.NoError(t, err)
	require.EqualValues(t, many, counted)
}

func TestList_WhenTerminated_SaysSo(t *testing.T) {
	t.Parallel()
	c := startTemporal(t)
	hold(t, c, 1, "hook", "timeout")
	require.NoError(t, c.TerminateWorkflow(t.Context(), "dead-letter/x/1/1", "", "test"))
	list(t, c, deadletters.Filter{}, 0)
	require.Equal(t, "terminated", list(t, c, deadletters.Filter{Closed: true}, 1)[0].State)
	require.ErrorIs(t, deadletters.Replay(t.Context(), c, "dead-letter/x/1/1", ""), deadletters.ErrClosed)
}

// parked starts a dead letter with a header, which is enough for listings.
func parked(t *testing.T, c client.Client, n int, header consign.Header) {
	t.Helper()
	options := deadletters.StartOptions(consign.Record{
		ID: fmt.Sprintf("dead-letter/%s/%d/1", header.Sink, n), Sink: header.Sink, Label: header.Label, ParkedAt: header.ParkedAt,
		Results: []consign.Result{{Source: header.Source, ID: strconv.Itoa(n), Type: header.Type}},
	})
	_, err := c.ExecuteWorkflow(t.Context(), options, consign.DeadLetterWorkflow)
	require.NoError(t, err)
}

func TestList_SelectsBySourceTypeAndTime_WhateverTheLimit(t *testing.T) {
	t.Parallel()
	c := startTemporal(t)
	now := time.Now()
	yesterday := now.Add(-24 * time.Hour) // as one that was imported
	for n := range 210 {                  // more than a page
		parked(t, c, n, consign.Header{Sink: "hook", Label: "timeout", Source: "edr", Type: "alert", ParkedAt: now})
	}
	parked(t, c, 1000, consign.Header{Sink: "hook", Label: "http 400", Source: "scanner", Type: "finding", ParkedAt: yesterday})
	parked(t, c, 1001, consign.Header{Sink: "desk", Label: "http 400", Source: "scanner", Type: "alert", ParkedAt: yesterday})

	for _, test := range []struct {
		filter deadletters.Filter
		want   int
	}{
		{deadletters.Filter{Source: "edr"}, 210},
		{deadletters.Filter{Source: "scanner"}, 2},
		{deadletters.Filter{Type: "finding"}, 1},
		{deadletters.Filter{Source: "scanner", Type: "alert", Sink: "desk"}, 1},
		{deadletters.Filter{Source: "scanner", Sink: "desk", Type: "finding"}, 0},
		{deadletters.Filter{Since: now.Add(-time.Hour)}, 210},
		{deadletters.Filter{Until: now.Add(-time.Hour)}, 2},
		{deadletters.Filter{Since: yesterday, Until: yesterday.Add(time.Second)}, 2},
		{deadletters.Filter{Since: yesterday.Add(time.Second), Until: now}, 0},
	} {
		list(t, c, test.filter, test.want)
		limited := test.filter
		limited.Limit = 1
		list(t, c, limited, min(test.want, 1))
		counted, err := deadletters.Count(t.Context(), c, limited)
		require.NoError(t, err)
		require.EqualValues(t, test.want, counted, "%+v", limited)
	}

	causes, err := deadletters.Causes(t.Context(), c, deadletters.Filter{Limit: 1})
	require.NoError(t, err)
	require.Len(t, causes, 3)
	require.Equal(t, []string{"hook timeout 210 210", "desk http 400 1 1", "hook http 400 1 1"}, []string{told(causes[0]), told(causes[1]), told(causes[2])})
	require.WithinDuration(t, yesterday, causes[2].Oldest, time.Millisecond)
	causes, err = deadletters.Causes(t.Context(), c, deadletters.Filter{Source: "nobody"})
	require.NoError(t, err)
	require.Empty(t, causes)
}

func TestListPage_BySourceAndType_LooksAtThoseAlone_AndAtSomeThatHaveNone(t *testing.T) {
	t.Parallel()
	c := startTemporal(t)
	letter := func(id string, results ...consign.Result) client.StartWorkflowOptions {
		return deadletters.StartOptions(consign.Record{ID: "dead-letter/hook/" + id + "/1", Sink: "hook", Label: "timeout", Results: results})
	}
	earlier := letter("earlier", consign.Result{Source: "edr", ID: "1", Type: "alert"})
	earlier.TypedSearchAttributes = temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(consign.SinkAttribute).ValueSet("hook"))
	odd := consign.Result{Source: `it's "odd"`, ID: "1", Type: "alert"}
	for _, options := range []client.StartWorkflowOptions{
		letter("one", consign.Result{Source: "edr", ID: "1", Type: "alert"}),
		letter("both", consign.Result{Source: "edr", ID: "1", Type: "alert"}, consign.Result{Source: "edr", ID: "2", Type: "finding"}),
		letter("mixed", consign.Result{Source: "edr", ID: "1"}, consign.Result{Source: "scanner", ID: "2"}),
		letter("other", consign.Result{Source: "scanner", ID: "1"}),
		letter("odd", odd),
		earlier, // by a release that did not set them
	} {
		_, err := c.ExecuteWorkflow(t.Context(), options, consign.DeadLetterWorkflow)
		require.NoError(t, err)
	}
	list(t, c, deadletters.Filter{}, 6)
	for _, test := range []struct {
		filter       deadletters.Filter
		want, looked int
	}{
		{deadletters.Filter{Source: "edr"}, 4, 4},
		{deadletters.Filter{Source: "edr", Type: "alert"}, 3, 4}, // both and mixed and earlier may be of that type
		{deadletters.Filter{Source: "scanner"}, 1, 3},
		{deadletters.Filter{Source: odd.Source}, 1, 6}, // which servers on SQLite find nothing by
		{deadletters.Filter{Source: "nobody"}, 0, 2},
	} {
		page, err := deadletters.ListPage(t.Context(), c, test.filter, nil)
		require.NoError(t, err)
		require.Len(t, page.Entries, test.want, "%+v", test.filter)
		require.Equal(t, test.looked, page.LookedAt, "%+v", test.filter)
	}
}

func told(c deadletters.CauseCount) string {
	return fmt.Sprintf("%s %s %d %d", c.Sink, c.Label, c.DeadLetters, c.Results)
}
