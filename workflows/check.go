package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// strictInput is the change by which input is refused that 0.1.0 took. A later check needs one of its own.
const strictInput = "input is checked strictly"

// refusable tells whether a workflow may fail for its input: one that an older release began goes on, since
// what it carries would be lost. Called only when a check has failed, it leaves no marker in other histories.
func refusable(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, strictInput, workflow.DefaultVersion, 1) > workflow.DefaultVersion
}

// check refuses what no submission through this module's SDK would contain.
func check(in consign.Consignment, id string) error {
	if len(in.Results) == 0 {
		return fmt.Errorf("the consignment holds no results: send {\"results\": [{\"source\", \"id\", \"data\"}]}")
	}
	results := make([]consign.Result, len(in.Results))
	for i, entry := range in.Results {
		results[i] = entry.Result
		if entry.Ack == nil {
			continue
		}
		if err := checkAck(*entry.Ack, id); err != nil {
			return fmt.Errorf("results[%d].ack: %w", i, err)
		}
	}
	return consign.CheckResults(results)
}

// checkAck refuses a target that cannot be told. A workflow that signals itself would never end, since
// each signal makes the task that sent it run again.
func checkAck(target consign.AckTarget, id string) error {
	if target.Signal != nil && target.Signal.WorkflowID == id {
		return errors.New("signal.workflow_id is that of the delivery itself, which waits for no ack")
	}
	//workflowcheck:ignore parsing a URL is pure; what the check follows is its cache of IPv6 zones
	return target.Check()
}

// maxName is the longest name of a sink, or of a kind, that is taken from a dead letter's input, in
// bytes: it stands in ids and search attributes.
const maxName = 255

// tellable are the sinks that can get the record, each once: a second attempt of one id, or an empty one, would
// leave the workflow stuck. What the dead letter holds must not be lost over them.
func tellable(alsoTo []activities.Leg) []activities.Leg {
	var legs []activities.Leg
	for _, to := range alsoTo {
		named := func(leg activities.Leg) bool { return leg.Sink == to.Sink }
		if to.Sink != "" && len(to.Sink) <= maxName && !slices.ContainsFunc(legs, named) {
			legs = append(legs, to)
		}
	}
	return legs
}

// checkDeadLetter refuses what no parking would contain.
func checkDeadLetter(in activities.DeadLetterInput) error {
	record := in.Record
	switch {
	case record.Sink == "" || len(record.Results) == 0:
		return errors.New("a dead letter needs a sink and results")
	case len(record.Sink) > maxName || len(record.Kind) > maxName:
		return fmt.Errorf("the record's sink or kind is longer than %d bytes", maxName)
	}
	if err := consign.CheckResults(record.Results); err != nil {
		return fmt.Errorf("record.%w", err)
	}
	return nil
}
