package consign

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
)

// ReportSource is the source of results by which Consign reports on itself. They go to sinks that ask for them alone: whose
// "when" holds for them, and would not hold if they came from elsewhere, such as source == "consign". Nobody has to want
// them.
const ReportSource = "consign"

// Types of reports, whose data are an [Act].
const (
	// ActType is that of what a person has done.
	ActType = "act"
	// EventType is that of what a worker has seen happen.
	EventType = "event"
)

// Events, as [Act.Act] names them.
const (
	// FirstDeadLetter: a sink (On) that had no open dead letter has one, which Detail names.
	FirstDeadLetter = "first-dead-letter"
	// CircuitOpened and CircuitClosed: a worker (By) leaves a sink (On) alone, as it fails; it is delivered to again.
	CircuitOpened = "circuit-opened"
	CircuitClosed = "circuit-closed"
	// SourceStalled and SourceRecovered: nothing has come from a source (On) for a minute, since it cannot be read or as
	// much as may be open is; it goes on.
	SourceStalled   = "source-stalled"
	SourceRecovered = "source-recovered"
)

// Act is what a person has done with Consign, or what has happened in a worker: the data of a result of source
// [ReportSource].
type Act struct {
	// Act is replay, discard, pause, resume, retry-now, park-now, reload, resend, import, drain or cancel, or an event such as
	// [FirstDeadLetter].
	Act string `json:"act"`
	// On what: a dead letter's id, a sink's name, a bulk order in words. Also the result's subject.
	On string `json:"on"`
	// By whom, such as user@host; of an event the identity of the worker.
	By string `json:"by"`
	// Reason that was given, if any; of an event its cause.
	Reason string `json:"reason,omitempty"`
	// Before and After are the states of what it was done to, where they are known.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Detail is more about it: other dead letters of the same act, the id of an order.
	Detail []string `json:"detail,omitempty"`
}

const (
	// actPatience bounds how long recording an act may take.
	actPatience = 5 * time.Second
	// maxDetail is the most details that are kept, of which each dead letter of an order by ids is one.
	maxDetail = 1000
)

// Result that tells of the act, of the type [ActType] or [EventType].
func (a Act) Result(kind string) Result {
	if more := len(a.Detail) - maxDetail; more > 0 {
		a.Detail = append(a.Detail[:maxDetail:maxDetail], fmt.Sprintf("and %d more", more))
	}
	data, _ := json.Marshal(a) //nolint:errchkjson // of texts, which are always encoded
	return Result{Source: ReportSource, Type: kind, Time: time.Now().UTC(), Subject: a.On, Data: data}
}

// RecordAct submits what a person has done as a result of its own. It is called after the act, which it never undoes: when
// it fails, the act is done and not recorded.
func RecordAct(ctx context.Context, temporal client.Client, act Act) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actPatience)
	defer cancel()
	if _, err := NewClient(temporal).Submit(ctx, act.Result(ActType)); err != nil {
		return fmt.Errorf("it is done, but could not be recorded: %w", err)
	}
	return nil
}
