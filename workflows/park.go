package workflows

import (
	"fmt"
	"net/url"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// parkLeg starts the dead letter that holds what the leg could not deliver, and returns its id once
// it has started. It goes on when the workflow is cancelled. n counts the leg's parkings.
func parkLeg(ctx workflow.Context, l *leg, positions []int, n int) string {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	info := workflow.GetInfo(ctx).WorkflowExecution
	last := l.ends[positions[len(positions)-1]]
	record := consign.Record{
		ID:         fmt.Sprintf("dead-letter/%s/%s/%d", url.PathEscape(l.Sink), info.RunID, n),
		Sink:       l.Sink,
		Kind:       l.Kind,
		State:      consign.StateParked,
		Label:      last.label,
		Cause:      last.cause,
		First:      l.first,
		WorkflowID: info.ID,
		RunID:      info.RunID,
		Attempts:   l.attempts,
		Made:       l.made,
	}
	size := 0
	for _, attempt := range l.attempts {
		size += len(attempt.Cause) + len(attempt.Label) + 128
	}
	for _, position := range positions {
		record.Results = append(record.Results, l.results[position])
		size += l.results[position].Size()
	}
	_ = l.pacer.admit(ctx, size)
	options := unlimited(fmt.Sprintf("park %s %d", l.Sink, n))
	options.Summary = fmt.Sprintf("dead letter of %s", l.Sink)
	ctx = workflow.WithActivityOptions(ctx, options)
	record.ParkedAt = workflow.Now(ctx)
	for workflow.ExecuteActivity(ctx, consign.ParkActivity, activities.ParkInput{Record: record}).Get(ctx, nil) != nil {
		// Retries are unlimited, so this takes a server that refuses the call itself. What is not
		// parked is not committed.
		_ = workflow.Sleep(ctx, time.Minute)
	}
	return record.ID
}
