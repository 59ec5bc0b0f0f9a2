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

var update = flag.Bool("update", false, "write the histories that these tests make to workflows/testdata, where the replay tests read them")

// keep records the history of a workflow for the replay tests of package workflows.
func (s *stage) keep(name, workflowID string) {
	s.Helper()
	if !*update {
		return
	}
	history := &historypb.History{}
	events := s.temporal.GetWorkflowHistory(s.ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(s, err)
		history.Events = append(history.Events, event)
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(history)
	require.NoError(s, err)
	require.NoError(s, os.WriteFile(filepath.Join("..", "workflows", "testdata", name+".json"), append(text, '\n'), 0o600))
}
