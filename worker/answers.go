package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	sdk "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/status"
)

const (
	// answersAtOnce is how many questions a worker answers side by side. A tail holds one for a second.
	answersAtOnce = 16
	// answerDrain is how long a question may hold up the end of a worker.
	answerDrain = time.Second
)

// newIdentity names this worker among all: by host and process, for people, and by what makes it unique where
// several run in one process, or in containers that all are process 1.
func newIdentity() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	own := make([]byte, 2)
	_, _ = rand.Read(own) // it never fails
	return fmt.Sprintf("%s/%d/%s", strings.ReplaceAll(host, "/", "-"), os.Getpid(), hex.EncodeToString(own))
}

// Identity of this worker in Temporal: HOST/PID/XXXX.
func (w *Worker) Identity() string { return w.identity }

// own answers what this worker alone can tell, on a task queue of its own. One poller is all that it costs while
// nobody asks.
func (w *Worker) own() sdk.Worker {
	worker := sdk.New(w.options.Temporal, consign.WorkerQueue(w.identity), sdk.Options{
		Identity:                           w.identity,
		MaxConcurrentActivityTaskPollers:   1,
		MaxConcurrentActivityExecutionSize: answersAtOnce,
		DisableWorkflowWorker:              true,
		WorkerStopTimeout:                  min(answerDrain, w.options.Drain),
		DisableRegistrationAliasing:        true,
		OnFatalError:                       func(err error) { w.log.Error("worker failed", zap.String("queue", "its own"), zap.Error(err)) },
	})
	worker.RegisterActivityWithOptions(w.standing, activity.RegisterOptions{Name: consign.StandingActivity})
	worker.RegisterActivityWithOptions(w.reload, activity.RegisterOptions{Name: consign.ReloadActivity})
	worker.RegisterActivityWithOptions(w.tail, activity.RegisterOptions{Name: consign.TailActivity})
	return worker
}

// standing is the activity "standing".
func (w *Worker) standing(ctx context.Context) (status.Standing, error) {
	answer := w.Standing()
	if started := activity.GetInfo(ctx).StartedTime; !started.IsZero() {
		answer.Ahead = consign.Millis(answer.At.Sub(started))
	}
	return answer, nil
}

// tail is the activity "tail".
func (w *Worker) tail(ctx context.Context, in activities.TailInput) (activities.TailOutput, error) {
	return w.acts.Tail.Read(ctx, in), nil
}

// Standing is what this worker tells of itself.
func (w *Worker) Standing() status.Standing {
	now := w.acts.Current()
	answer := status.Standing{
		Identity: w.identity, Release: w.options.Release, Since: w.since.UTC(), At: time.Now().UTC(),
		Config: status.Config{Path: now.Config.Path, Digest: now.Config.Digest()},
		Sinks:  []status.WorkerSink{},
	}
	if refused := w.refused.Load(); refused != nil {
		answer.Refused = *refused
	}
	answer.Results, answer.Rate = w.acts.Routed.Read()
	answer.Unmatched, _ = w.acts.Unmatched.Read()
	for _, gate := range now.All() {
		sink := told(gate.Facts())
		sink.Draining = now.Gates[gate.Name()] != gate
		answer.Sinks = append(answer.Sinks, sink)
	}
	if w.options.Tell != nil {
		w.options.Tell(&answer)
	}
	return answer
}

func told(f activities.Facts) status.WorkerSink {
	s := status.WorkerSink{
		Name: f.Settings.Name, Kind: f.Settings.Kind, Aliases: f.Settings.Aliases, External: f.Settings.External,
		Paused: f.Paused, Circuit: f.Circuit, Reopens: f.Reopens, LeftAloneUntil: f.Until, InFlight: f.InFlight,
		Delivered: f.Delivered, Failed: f.Failed, Rate: f.DeliveredRate, Failing: f.FailedRate,
		DeliveredByMinute: f.DeliveredByMinute, FailedByMinute: f.FailedByMinute,
		LastDelivered: f.LastDelivered, P95: consign.Millis(f.P95),
	}
	if !f.LastFailed.IsZero() {
		s.LastError = &status.Failure{At: f.LastFailed, Label: f.Label, Cause: f.Cause, Result: f.LastAttempt}
	}
	return s
}
