package deadletters

import (
	"fmt"

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

// attributes are those by which it is found. Source and type, which all its results share, stay right when some of them
// are delivered.
func attributes(record consign.Record) temporal.SearchAttributes {
	return temporal.NewSearchAttributes(append(
		consign.SharedAttributes(len(record.Results), func(i int) *consign.Result { return &record.Results[i] }),
		temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(consign.StateParked),
		temporal.NewSearchAttributeKeyKeyword(consign.SinkAttribute).ValueSet(record.Sink),
		temporal.NewSearchAttributeKeyKeyword(consign.CauseAttribute).ValueSet(record.Label),
	)...)
}
