package status

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
)

const (
	// readTimeout bounds one [Read].
	readTimeout = 10 * time.Second
	// atOnce is how many questions to Temporal are under way at once.
	atOnce = 8
)

// Read finds out how everything stands: within seconds, also when workers do not answer. known are sinks to tell of
// although perhaps no worker has them; there may be none. It fails when Temporal does not answer.
func Read(ctx context.Context, temporal client.Client, namespace string, known ...config.Sink) (Overview, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r := &reading{temporal: temporal, namespace: namespace}
	r.Engine.Namespace = namespace
	r.Sinks, r.Workers, r.Orphans, r.Attention = []Sink{}, []Worker{}, []Orphan{}, []Attention{}
	if err := r.workers(ctx); err != nil {
		return Overview{}, explain(err)
	}
	names := r.collect(known)
	for _, part := range [][]func(context.Context) error{
		{r.version, r.namespaceOf, r.counts, r.retrying, r.holds, r.deadLetters},
		{func(ctx context.Context) error { return r.orphans(ctx, names) }},
	} {
		group, grouped := errgroup.WithContext(ctx)
		for _, read := range part {
			group.Go(func() error { return read(grouped) })
		}
		if err := group.Wait(); err != nil {
			return Overview{}, explain(err)
		}
	}
	for i := range r.Sinks {
		r.Sinks[i].RateLimit = r.Sinks[i].Hold.Rate
		r.Sinks[i].State = stateOf(r.Sinks[i])
	}
	r.At = time.Now().UTC()
	r.Attention = attention(r.Overview)
	return r.Overview, nil
}

func explain(err error) error { return fmt.Errorf("reading how consign stands: %w", err) }

// reading is an overview in the making.
type reading struct {
	Overview

	temporal  client.Client
	namespace string

	mu sync.Mutex // for what is missing
}

func (r *reading) missingf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.Missing, text) {
		r.Missing = append(r.Missing, text)
	}
}

// workers finds every worker, and asks each how it stands.
func (r *reading) workers(ctx context.Context) error {
	seen, err := Identities(ctx, r.temporal)
	if err != nil {
		return err
	}
	for _, identity := range slices.Sorted(maps.Keys(seen)) {
		r.Workers = append(r.Workers, Worker{Identity: identity, LastSeen: seen[identity].UTC()})
	}
	var group errgroup.Group
	group.SetLimit(4 * atOnce)
	for i := range r.Workers {
		w := &r.Workers[i]
		group.Go(func() error {
			var standing Standing
			err := Ask(ctx, r.temporal, r.namespace, w.Identity, consign.StandingActivity, 0, &standing)
			switch {
			case err == nil:
				w.Answered, w.Standing = true, &standing
			case errors.Is(err, ErrOldServer):
				w.Silence = "cannot be asked"
				r.missingf("what only workers know (circuits, rates, times, last errors, sources): %v", ErrOldServer)
			default:
				w.Silence = err.Error()
			}
			return nil
		})
	}
	return group.Wait()
}

// collect puts together what workers have told of each sink, and returns all names of sinks.
func (r *reading) collect(known []config.Sink) (names []string) {
	at := map[string]int{}
	add := func(name, kind string, aliases []string) *Sink {
		i, there := at[name]
		if !there {
			i = len(r.Sinks)
			at[name] = i
			r.Sinks = append(r.Sinks, Sink{Name: name, Kind: kind, Circuits: map[string]string{}})
			names = append(names, name)
		}
		for _, alias := range aliases {
			if !slices.Contains(r.Sinks[i].Aliases, alias) {
				r.Sinks[i].Aliases = append(r.Sinks[i].Aliases, alias)
				names = append(names, alias)
			}
		}
		return &r.Sinks[i]
	}
	for _, sink := range known {
		add(sink.Name, sink.Kind, sink.Aliases)
	}
	for _, w := range r.Workers {
		if w.Standing == nil {
			continue
		}
		for _, told := range w.Standing.Sinks {
			add(told.Name, told.Kind, told.Aliases).hear(w.Identity, told)
		}
		if w.Standing.Disk != nil {
			r.Engine.Disk = w.Standing.Disk
		}
	}
	return names
}

// hear adds what a worker tells of a sink.
func (s *Sink) hear(worker string, told WorkerSink) {
	if told.Draining {
		s.Draining++
	}
	s.Circuits[worker] = told.Circuit
	if told.Circuit != CircuitClosed {
		s.CircuitsOpen++
	}
	s.External = s.External || told.External
	s.InFlight += told.InFlight
	s.Rate += told.Rate
	s.Failing += told.Failing
	s.DeliveredByMinute = added(s.DeliveredByMinute, told.DeliveredByMinute)
	s.FailedByMinute = added(s.FailedByMinute, told.FailedByMinute)
	s.P95 = max(s.P95, told.P95)
	if told.LastDelivered.After(s.LastDelivered) {
		s.LastDelivered = told.LastDelivered
	}
	if told.LastError != nil && (s.LastError == nil || told.LastError.At.After(s.LastError.At)) {
		s.LastError = told.LastError
	}
}

// added is the sum of counts that end with the same minute.
func added(a, b []int64) []int64 {
	if len(a) < len(b) {
		a, b = b, a
	}
	sum := slices.Clone(a)
	for i, n := range b {
		sum[len(a)-len(b)+i] += n
	}
	return sum
}

func (r *reading) version(ctx context.Context) error {
	info, err := r.temporal.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	r.Engine.Version = info.GetServerVersion()
	return err
}

func (r *reading) namespaceOf(ctx context.Context) error {
	described, err := r.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: r.namespace})
	if err == nil {
		r.Engine.Retention = consign.Millis(described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration())
	}
	return err
}

func (r *reading) counts(ctx context.Context) (err error) {
	count := func(query string, into *int64) {
		if err == nil {
			var counted *workflowservice.CountWorkflowExecutionsResponse
			counted, err = r.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
			*into = counted.GetCount()
		}
	}
	count(openDeliveries, &r.Engine.OpenDeliveries)
	count(retryingDeliveries, &r.Engine.Retrying)
	count("WorkflowType = '"+consign.DeadLetterWorkflow+"' AND ExecutionStatus = 'Running'", &r.Engine.DeadLetters)
	return err
}

// retrying looks into deliveries that are tried again, to tell at which sinks.
func (r *reading) retrying(ctx context.Context) error {
	found, err := legs(ctx, r.temporal, r.namespace, retryingDeliveries, retryingSample)
	if err != nil {
		return err
	}
	r.Engine.Sampled = found.deliveries
	for i := range r.Sinks {
		s := &r.Sinks[i]
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			s.Retrying += found.bySink[name]
		}
	}
	return nil
}

// holds reads what holds each sink back, and what waits for it under each of its names.
func (r *reading) holds(ctx context.Context) error {
	return r.eachSink(ctx, func(ctx context.Context, s *Sink) (err error) {
		if s.Hold, err = consign.HoldOf(ctx, r.temporal, r.namespace, s.Name); err != nil {
			return err
		}
		for _, alias := range s.Aliases {
			earlier, err := consign.HoldOf(ctx, r.temporal, r.namespace, alias)
			if err != nil {
				return err
			}
			s.Backlog += earlier.Backlog
		}
		return nil
	})
}

func (r *reading) deadLetters(ctx context.Context) (err error) {
	if r.Engine.Unwanted, err = deadletters.Count(ctx, r.temporal, deadletters.Filter{Sink: config.NoSink}); err != nil {
		return err
	}
	return r.eachSink(ctx, func(ctx context.Context, s *Sink) error {
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			count, err := deadletters.Count(ctx, r.temporal, deadletters.Filter{Sink: name})
			if err != nil {
				return err
			}
			s.DeadLetters += count
		}
		return nil
	})
}

func (r *reading) eachSink(ctx context.Context, do func(context.Context, *Sink) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range r.Sinks {
		group.Go(func() error { return do(ctx, &r.Sinks[i]) })
	}
	return group.Wait()
}

func (r *reading) orphans(ctx context.Context, names []string) error {
	found, err := Orphans(ctx, r.temporal, names)
	if len(found) > 0 {
		r.Orphans = found
	}
	if err != nil {
		r.missingf("sinks that no worker knows: %v", err)
	}
	return nil
}

// stateOf is the gravest that is true of a sink.
func stateOf(s Sink) string {
	switch {
	case s.Paused:
		return StatePaused
	case s.Pollers == 0:
		return StateUnattended
	case s.CircuitsOpen > 0:
		return StateCircuitOpen
	case s.Draining > 0 && s.Draining == len(s.Circuits):
		return StateDraining
	case s.Hold.Rate > 0:
		return StateRateLimited
	}
	return StateOpen
}
