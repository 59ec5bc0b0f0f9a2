package acceptance

import (
	"flag"
	"os"
	"path/filepath"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

var update = flag.Bool("update", false, "write the histories that these tests make to workflows/testdata/unreleased, where the replay tests read them")

// histories of the code under work. A release renames the folder, and its histories stay as they are.
var histories = filepath.Join("..", "workflows", "testdata", "unreleased")

// keep records the history of a workflow for the replay tests of package workflows.
func (s *stage) keep(name, workflowID string) {
	s.Helper()
	if !*update {
		return
	}
	history := &historypb.History{Events: s.history(workflowID)}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(history)
	require.NoError(s, err)
	require.NoError(s, os.MkdirAll(histories, 0o750))
	require.NoError(s, os.WriteFile(filepath.Join(histories, name+".json"), append(text, '\n'), 0o600))
}

// history of a workflow.
func (s *stage) history(workflowID string) []*historypb.HistoryEvent {
	s.Helper()
	var history []*historypb.HistoryEvent
	events := s.temporal.GetWorkflowHistory(s.ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s, err)
		history = append(history, event)
	}
	return history
}
