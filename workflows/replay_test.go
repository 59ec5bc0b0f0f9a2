package workflows_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/workflows"
)

// TestReplay_RecordedHistories runs today's code against histories that real runs have left: those of
// each release, in testdata/VERSION, and those of the code under work, in testdata/unreleased, where
// "go test ./acceptance -update" writes them. One that no longer replays means that workflows under
// way would be stuck after an upgrade: guard the change with workflow.GetVersion, and record a new
// history beside the old ones.
func TestReplay_RecordedHistories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimPrefix(strings.TrimSuffix(filepath.ToSlash(file), ".json"), "testdata/"), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, newReplayer(t).ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}

func newReplayer(t *testing.T) worker.WorkflowReplayer {
	t.Helper()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: consign.DataConverter()})
	require.NoError(t, err)
	replayer.RegisterWorkflowWithOptions(workflows.Deliver, workflow.RegisterOptions{Name: consign.DeliverWorkflow})
	replayer.RegisterWorkflowWithOptions(workflows.DeadLetter, workflow.RegisterOptions{Name: consign.DeadLetterWorkflow})
	replayer.RegisterWorkflowWithOptions(workflows.Bulk, workflow.RegisterOptions{Name: consign.BulkWorkflow})
	return replayer
}

// TestReplay_InputThatOnlyALaterReleaseRefuses_GoesOn: a workflow that failed for it would lose what it
// carries. The histories are those of 0.1.0, which took a type of any length.
func TestReplay_InputThatOnlyALaterReleaseRefuses_GoesOn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deliver_parked", "dead_letter_replayed"} {
		recorded, err := os.ReadFile(filepath.Join("testdata", "0.1.0", name+".json"))
		require.NoError(t, err)
		history, err := client.HistoryFromJSON(bytes.NewReader(recorded), client.HistoryJSONOptions{})
		require.NoError(t, err)
		input := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0]
		long := bytes.ReplaceAll(input.GetData(), []byte(`"type":"`), []byte(`"type":"`+strings.Repeat("t", 300)))
		require.NotEqual(t, input.GetData(), long, name)
		input.Data = long
		require.NoError(t, newReplayer(t).ReplayWorkflowHistory(nil, history), name)
	}
}

// TestReplay_EachReleaseHasLeftItsHistories reads the releases from the changelog.
func TestReplay_EachReleaseHasLeftItsHistories(t *testing.T) {
	t.Parallel()
	changelog, err := os.ReadFile("../CHANGELOG.md")
	require.NoError(t, err)
	versions := []string{"0.1.0"} // the first
	for _, heading := range regexp.MustCompile(`(?m)^## \[?v?(\d+\.\d+\.\d+[^\s\]]*)`).FindAllStringSubmatch(string(changelog), -1) {
		versions = append(versions, heading[1])
	}
	for _, version := range versions {
		for _, kind := range []string{"deliver", "dead_letter"} {
			left, err := filepath.Glob(filepath.Join("testdata", version, kind+"_*.json"))
			require.NoError(t, err)
			require.NotEmptyf(t, left, "no %s_*.json in workflows/testdata/%s: CONTRIBUTING.md says how a release is cut", kind, version)
		}
	}
}
