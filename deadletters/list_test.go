package deadletters_test

import (
	"fmt"
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
