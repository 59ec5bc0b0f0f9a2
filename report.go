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

// ActType is the type of a result that tells of an [Act].
const ActType = "act"

// Act is what a person has done with Consign: the data of a result of source [ReportSource].
type Act struct {
	// Act is replay, discard, pause, resume, retry-now, park-now, reload, resend or cancel.
	Act string `json:"act"`
	// On what: a dead letter's id, a sink's name, a bulk order in words. Also the result's subject.
	On string `json:"on"`
	// By whom, such as user@host.
	By string `json:"by"`
	// Reason that was given, if any.
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

// RecordAct submits what a person has done as a result of its own. It is called after the act, which it never undoes: when
// it fails, the act is done and not recorded.
func RecordAct(ctx context.Context, temporal client.Client, act Act) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actPatience)
	defer cancel()
	if more := len(act.Detail) - maxDetail; more > 0 {
		act.Detail = append(act.Detail[:maxDetail:maxDetail], fmt.Sprintf("and %d more", more))
	}
	data, err := json.Marshal(act)
	if err != nil {
		return err
	}
	_, err = NewClient(temporal).Submit(ctx, Result{Source: ReportSource, Type: ActType, Time: time.Now().UTC(), Subject: act.On, Data: data})
	if err != nil {
		return fmt.Errorf("it is done, but could not be recorded: %w", err)
	}
	return nil
}
