package deadletters

import (
	"fmt"
	"maps"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
)

// StartOptions are those by which a record becomes a DeadLetter workflow that is listed. The
// record's ID is the workflow's, so one that is there already is not started again.
func StartOptions(record consign.Record) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       record.ID,
		TaskQueue:                                consign.TaskQueue,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     map[string]any{consign.HeaderMemo: record.Header()},
		StaticSummary:                            fmt.Sprintf("%s: %s", record.Sink, record.Label),
		TypedSearchAttributes:                    attributes(record),
	}
}

func attributes(record consign.Record) temporal.SearchAttributes {
	values := map[string]string{
		consign.StateAttribute: consign.StateParked, consign.SinkAttribute: record.Sink, consign.CauseAttribute: record.Label,
		// Of several results those that they share, which stays so when some of them are delivered.
		consign.SourceAttribute: shared(record.Results, func(r consign.Result) string { return r.Source }),
		consign.TypeAttribute:   shared(record.Results, func(r consign.Result) string { return r.Type }),
	}
	var set []temporal.SearchAttributeUpdate
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] != "" {
			set = append(set, temporal.NewSearchAttributeKeyKeyword(name).ValueSet(values[name]))
		}
	}
	return temporal.NewSearchAttributes(set...)
}

// shared is what all results have; empty if they differ.
func shared(results []consign.Result, of func(consign.Result) string) string {
	value := ""
	for i, r := range results {
		if i > 0 && of(r) != value {
			return ""
		}
		value = of(r)
	}
	return value
}
