package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// maxTaskInput is the most activity input that one workflow task schedules: 2 MiB. Three times
// 1.5 MB in one task made the server terminate the workflow, and its result was lost.
const maxTaskInput = 2 << 20

// pacer spreads large activity inputs over several workflow tasks.
type pacer struct {
	task  int // identifies the workflow task: the length of history at its start
	input int // bytes scheduled in it
}

// admit waits until an input of that size may be scheduled.
func (p *pacer) admit(ctx workflow.Context, size int) error {
	for {
		if task := workflow.GetInfo(ctx).GetCurrentHistoryLength(); task != p.task {
			p.task, p.input = task, 0
		}
		if p.input == 0 || p.input+size <= maxTaskInput {
			p.input += size
			return nil
		}
		// A timer is what starts another task.
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}
