package consign_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// What real runs have put into their histories is as the schemas say.
func TestSchemas_DescribeWhatStandsInRecordedHistories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("workflows/testdata/*/*.json")
	require.NoError(t, err)
	w := wire{T: t, schemas: schemas(t), seen: map[string]int{}}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
		require.NoError(t, f.Close())
		require.NoError(t, err)
		w.file = filepath.Base(file)
		w.history(history)
	}
	for _, name := range []string{"consignment", "receipt", "dead-letter", "ack", "deliver-input", "deliver-outcome", "attempts", "first-attempts-request", "order-outcome", "bulk-order", "bulk-progress"} {
		require.Positive(t, w.seen[name], "no history has a %s in it", name)
	}
}

// wire holds what goes over it against the schemas.
type wire struct {
	*testing.T
	schemas map[string]*jsonschema.Schema
	seen    map[string]int
	file    string
}

func (w *wire) history(history *historypb.History) {
	workflow := history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
	scheduled := map[int64]string{}
	updates := map[string]string{} // names, by id
	for _, event := range history.GetEvents() {
		switch {
		case event.GetWorkflowExecutionStartedEventAttributes() != nil:
			input := event.GetWorkflowExecutionStartedEventAttributes().GetInput()
			switch workflow {
			case consign.DeliverWorkflow:
				w.check("consignment", input)
			case consign.DeadLetterWorkflow:
				w.member("dead-letter", input, "record")
			case consign.BulkWorkflow:
				w.check("bulk-order", input)
			}
		case event.GetWorkflowExecutionCompletedEventAttributes() != nil:
			result := event.GetWorkflowExecutionCompletedEventAttributes().GetResult()
			w.check(map[string]string{consign.DeliverWorkflow: "receipt", consign.DeadLetterWorkflow: "dead-letter", consign.BulkWorkflow: "bulk-progress"}[workflow], result)
		case event.GetWorkflowExecutionUpdateAcceptedEventAttributes() != nil:
			request := event.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest()
			updates[request.GetMeta().GetUpdateId()] = request.GetInput().GetName()
			if request.GetInput().GetName() == consign.FirstAttemptsUpdate {
				w.check("first-attempts-request", request.GetInput().GetArgs())
			}
		case event.GetWorkflowExecutionUpdateCompletedEventAttributes() != nil:
			completed := event.GetWorkflowExecutionUpdateCompletedEventAttributes()
			switch updates[completed.GetMeta().GetUpdateId()] {
			case consign.FirstAttemptsUpdate:
				w.check("first-attempts", completed.GetOutcome().GetSuccess())
			case consign.ReplayUpdate, consign.DiscardUpdate:
				w.check("order-outcome", completed.GetOutcome().GetSuccess())
			}
		case event.GetMarkerRecordedEventAttributes() != nil:
			details := event.GetMarkerRecordedEventAttributes().GetDetails()
			w.result(w.localActivity(details["data"]), details["result"])
		case event.GetActivityTaskScheduledEventAttributes() != nil:
			activity := event.GetActivityTaskScheduledEventAttributes()
			scheduled[event.GetEventId()] = activity.GetActivityType().GetName()
			switch activity.GetActivityType().GetName() {
			case consign.DeliverActivity:
				w.check("deliver-input", activity.GetInput())
			case consign.ParkActivity:
				w.member("dead-letter", activity.GetInput(), "record")
			case consign.AckActivity:
				w.member("ack", activity.GetInput(), "ack")
			}
		case event.GetActivityTaskCompletedEventAttributes() != nil:
			completed := event.GetActivityTaskCompletedEventAttributes()
			w.result(scheduled[completed.GetScheduledEventId()], completed.GetResult())
		case event.GetActivityTaskFailedEventAttributes() != nil:
			failed := event.GetActivityTaskFailedEventAttributes()
			w.result(scheduled[failed.GetScheduledEventId()], failed.GetFailure().GetApplicationFailureInfo().GetDetails())
		}
	}
}

// localActivity is the type of the one that a marker is of.
func (w *wire) localActivity(data *commonpb.Payloads) string {
	var marker struct{ ActivityType string }
	require.NoError(w, consign.DataConverter().FromPayloads(data, &marker), w.file)
	return marker.ActivityType
}

func (w *wire) result(activity string, payloads *commonpb.Payloads) {
	if activity != consign.DeliverActivity || payloads == nil {
		return
	}
	w.check("deliver-outcome", payloads)
	var outcome struct {
		Attempts []consign.Attempt `json:"attempts"`
	}
	require.NoError(w, consign.DataConverter().FromPayloads(payloads, &outcome))
	w.seen["attempts"] += len(outcome.Attempts)
}

// check holds the only payload against a schema.
func (w *wire) check(schema string, payloads *commonpb.Payloads) {
	w.Helper()
	if payloads == nil {
		return
	}
	require.Len(w, payloads.GetPayloads(), 1, "%s in %s", schema, w.file)
	w.valid(schema, payloads.GetPayloads()[0].GetData())
}

// member does so with a member of the only payload.
func (w *wire) member(schema string, payloads *commonpb.Payloads, name string) {
	w.Helper()
	var members map[string]json.RawMessage
	require.NoError(w, consign.DataConverter().FromPayloads(payloads, &members), w.file)
	w.valid(schema, members[name])
}

func (w *wire) valid(schema string, text []byte) {
	w.Helper()
	require.NoError(w, validate(w.T, w.schemas[schema], text), "%s in %s", schema, w.file)
	w.seen[schema]++
}
