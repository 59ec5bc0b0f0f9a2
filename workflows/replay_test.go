package workflows_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/workflows"
)

// TestReplay_RecordedHistories runs today's code against histories that real runs have left. They
// are written by "go test ./acceptance -update". One that no longer replays means that workflows
// under way would be stuck after an upgrade: guard the change with workflow.GetVersion, and record a
// new history beside the old one.
func TestReplay_RecordedHistories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	seen := map[string]int{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		kind, _, _ := strings.Cut(name, "_")
		seen[kind]++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := worker.WorkflowReplayerOptions{DataConverter: consign.DataConverter()}
			replayer, err := worker.NewWorkflowReplayerWithOptions(options)
			require.NoError(t, err)
			replayer.RegisterWorkflowWithOptions(workflows.Deliver, workflow.RegisterOptions{Name: consign.DeliverWorkflow})
			replayer.RegisterWorkflowWithOptions(workflows.DeadLetter, workflow.RegisterOptions{Name: consign.DeadLetterWorkflow})
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
	require.NotZero(t, seen["deliver"])
	require.NotZero(t, seen["dead"])
}
