package workflows

import (
	"errors"
	"fmt"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// check refuses what no submission through this module's SDK would contain.
func check(in consign.Consignment, id string) error {
	if len(in.Results) == 0 {
		return fmt.Errorf("the consignment holds no results: send {\"results\": [{\"source\", \"id\", \"data\"}]}")
	}
	if len(in.Results) > consign.MaxConsignmentResults {
		return fmt.Errorf("the consignment holds %d results, at most %d can be delivered together", len(in.Results), consign.MaxConsignmentResults)
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
	return checkResults(results)
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

func checkResults(results []consign.Result) error {
	size := 0
	seen := make(map[[2]string]int, len(results))
	for i, result := range results {
		key := [2]string{result.Source, result.ID}
		if first, twice := seen[key]; twice {
			return fmt.Errorf("results[%d] has the source and id of results[%d]: they would have one delivery id", i, first)
		}
		seen[key] = i
		if err := result.Check(); err != nil {
			return fmt.Errorf("results[%d].%w", i, err)
		}
		size += sizeOf(result)
	}
	if size > consign.MaxConsignmentBytes+1024 {
		return fmt.Errorf("the consignment is %d bytes, at most %d can be delivered", size, consign.MaxConsignmentBytes)
	}
	return nil
}

// maxName is the longest name of a sink, or of a kind, that is taken from a dead letter's input, in
// bytes: it stands in ids and search attributes.
const maxName = 255

// checkDeadLetter refuses what no parking would contain.
func checkDeadLetter(in activities.DeadLetterInput) error {
	record := in.Record
	switch {
	case record.Sink == "" || len(record.Results) == 0:
		return errors.New("a dead letter needs a sink and results")
	case len(record.Sink) > maxName || len(record.Kind) > maxName:
		return fmt.Errorf("the record's sink or kind is longer than %d bytes", maxName)
	case len(record.Results) > consign.MaxConsignmentResults:
		return fmt.Errorf("the record holds %d results, at most %d can be delivered together", len(record.Results), consign.MaxConsignmentResults)
	}
	seen := map[string]bool{}
	for i, to := range in.AlsoTo {
		if to.Sink == "" || len(to.Sink) > maxName || seen[to.Sink] {
			return fmt.Errorf("also_to[%d] names no sink of its own", i)
		}
		seen[to.Sink] = true
	}
	if err := checkResults(record.Results); err != nil {
		return fmt.Errorf("record.%w", err)
	}
	return nil
}
