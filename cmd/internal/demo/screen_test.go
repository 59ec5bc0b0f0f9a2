package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"

	"github.com/consign-dev/consign"
)

func TestScreen_OnATerminal_RedrawsTheTableBelowTheNotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &screen{out: &out, live: true}
	s.show(state{rows: []row{{sink: archiveSink, taken: 1}}})
	table := out.String()
	require.Equal(t, 3, strings.Count(table, "\n"))
	require.NotContains(t, table, "\x1b")

	out.Reset()
	s.show(state{rows: []row{{sink: archiveSink, taken: 2}}})
	require.Equal(t, "\x1b[3A\x1b[J"+strings.Replace(table, "1", "2", 1), out.String())

	out.Reset()
	s.notef("a note")
	require.Equal(t, "\x1b[3A\x1b[Ja note\n", out.String())

	out.Reset()
	s.notef("another")
	require.Equal(t, "another\n", out.String(), "there is no table to take away")
}

func TestScreen_ElsewherePrintsLines_AndNoneTwice(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newScreen(&out)
	for range 3 {
		s.show(state{rows: []row{{archiveSink, 7, 0, 0}, {webhookSink, 5, 1, 2}}})
	}
	require.Equal(t, "  archive took 7 | siem took 5, retries 1, parked 2\n", out.String())
}

func TestRow_CountsAsRetryingWhatIsUnderWay_AndNeitherTakenNorParkedThere(t *testing.T) {
	t.Parallel()
	e := engine{
		retrying: []*commonpb.WorkflowExecution{
			{WorkflowId: consign.WorkflowID("sigma", "taken")},
			{WorkflowId: consign.WorkflowID("sigma", "under/way")},
			{WorkflowId: consign.WorkflowID("sigma", "parked")},
		},
		letters: []letter{
			{state: consign.StateParked, header: consign.Header{Sink: webhookSink, ID: "parked"}},
			{state: consign.StateRetrying, header: consign.Header{Sink: webhookSink, ID: "replayed now"}},
			{state: consign.StateParked, header: consign.Header{Sink: archiveSink, ID: "elsewhere"}},
		},
	}
	require.Equal(t, row{webhookSink, 1, 2, 1}, e.row(webhookSink, map[string]bool{"taken": true}))
}

func TestHeadline_FitsOnALine(t *testing.T) {
	t.Parallel()
	results, err := detections()
	require.NoError(t, err)
	for _, result := range results {
		require.LessOrEqual(t, len([]rune(headline(result))), 60)
	}
	require.Equal(t, "det-001 medium Privilege listing with whoami", headline(results[0]))
	require.Empty(t, headline(consign.Result{}))
}
