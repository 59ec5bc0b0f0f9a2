package activities

import (
	"context"
	"errors"
	"maps"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// ParkInput asks for a dead letter. The record's ID is its workflow id, which makes parking
// idempotent.
type ParkInput struct {
	Record consign.Record `json:"record"`
}

// DeadLetterInput is the input of a DeadLetter workflow.
type DeadLetterInput struct {
	Record consign.Record `json:"record"`
	// AlsoTo are the legs to the sinks that get the record as well.
	AlsoTo []Leg `json:"also_to,omitempty"`
}

// Park is the activity "park". It returns once the dead letter has durably started.
func (a *Activities) Park(ctx context.Context, in ParkInput) error {
	record := in.Record
	input := DeadLetterInput{Record: record}
	now := a.Current()
	for _, name := range now.Config.DeadLetters.AlsoTo {
		if gate := now.Gates[name]; gate != nil {
			input.AlsoTo = append(input.AlsoTo, legTo(gate.settings))
		}
	}
	options := deadletters.StartOptions(record)
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	_, err := a.Temporal.ExecuteWorkflow(ctx, options, consign.DeadLetterWorkflow, input)
	if _, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return nil // an earlier try of this activity got that far
	}
	if err != nil {
		return temporal.NewApplicationErrorWithOptions("parking: "+err.Error(), "park", temporal.ApplicationErrorOptions{})
	}
	a.Metrics.deliveries.WithLabelValues(record.Sink, string(consign.Parked)).Add(float64(len(record.Results)))
	a.Tail.parked(&record)
	a.Parked.note(&record)
	spanOfParking(ctx, &record)
	a.Log.Warn("parked", zap.String("sink", record.Sink), zap.String("dead_letter", record.ID),
		zap.Int("results", len(record.Results)), zap.String("cause", record.Cause))
	return nil
}

// Parked is a dead letter that this worker has made.
type Parked struct{ ID, Cause string }

// LastParked remembers the last dead letter of each sink. The zero value is ready.
type LastParked struct {
	mu     sync.Mutex
	bySink map[string]Parked
}

func (l *LastParked) note(record *consign.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bySink == nil {
		l.bySink = map[string]Parked{}
	}
	l.bySink[record.Sink] = Parked{ID: record.ID, Cause: record.Cause}
}

// Take adds what is remembered to others, and forgets it.
func (l *LastParked) Take(into map[string]Parked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(into, l.bySink)
	clear(l.bySink)
}
