package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// Bounds of the submitter.
const (
	submittingAtOnce = 32
	// openUnits are units that wait for acks at once: what an upstream holds in memory.
	openUnits = 200
)

// submitter is the upstream: it submits units, and may forget a result when its ack has come.
type submitter struct {
	plan     *plan
	at       addresses
	ledger   *ledger
	temporal client.Client
	client   *consign.Client
	window   chan struct{}

	mu    sync.Mutex
	units map[int]*open // by number of the result
	acked map[int]bool
}

// open is a unit whose acks have not all come.
type open struct {
	left int
	held bool // it has a place in the window
}

func submit(ctx context.Context, p *plan, at addresses) error {
	ledger, before, err := openLedger(p.path(submitterName + ledgerSuffix))
	if err != nil {
		return err
	}
	options, err := consign.Options{Address: at.Server}.ClientOptions()
	if err != nil {
		return err
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return err
	}
	defer temporal.Close()
	s := &submitter{
		plan: p, at: at, ledger: ledger, temporal: temporal, client: consign.NewClient(temporal),
		window: make(chan struct{}, openUnits), units: map[int]*open{}, acked: map[int]bool{},
	}
	todo := s.resume(before)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ack", s.ack)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, at.Upstream, mux) })
	next := make(chan unit)
	group.Go(func() error {
		defer close(next)
		for _, u := range todo {
			select {
			case s.window <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			for s.plan.released() <= u.first {
				if pause(ctx, 20*time.Millisecond) != nil {
					return nil
				}
			}
			s.hold(u)
			select {
			case next <- u:
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	for range submittingAtOnce {
		group.Go(func() error {
			for u := range next {
				if err := s.submit(ctx, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return errors.Join(err, ledger.close())
}

// resume reads what an earlier process did, and returns the units that are to be submitted, or may not
// have been.
func (s *submitter) resume(before []line) []unit {
	done := map[int]bool{}
	for _, l := range before {
		switch l.What { //nolint:exhaustive // the others need nothing
		case submitted:
			done[l.N] = true
		case acked:
			s.acked[l.N] = true
		}
	}
	var todo []unit
	for _, u := range s.plan.units() {
		o := &open{}
		for n := u.first; n < u.first+u.count; n++ {
			s.units[n] = o
			if !s.acked[n] {
				o.left++
			}
		}
		if !done[u.first] {
			todo = append(todo, u)
		}
	}
	return todo
}

// hold gives a unit its place in the window, unless all its acks came before this process was killed.
func (s *submitter) hold(u unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.units[u.first]
	o.held = o.left > 0
	if !o.held {
		<-s.window
	}
}

// submit hands over one unit, as often as it takes.
func (s *submitter) submit(ctx context.Context, u unit) error {
	if err := s.ledger.write(line{What: meant, N: u.first}); err != nil {
		return err
	}
	err := s.start(ctx, u)
	for ; err != nil; err = s.start(ctx, u) {
		if !errors.Is(err, consign.ErrUnreachable) && u.count == 1 && ctx.Err() == nil {
			return fmt.Errorf("submitting %s: %w", u.workflow, err)
		}
		fmt.Fprintln(os.Stderr, "again:", err)
		if pause(ctx, 100*time.Millisecond) != nil {
			return nil //nolint:nilerr // this process is to end
		}
	}
	return s.ledger.write(line{What: submitted, N: u.first})
}

func (s *submitter) start(ctx context.Context, u unit) error {
	upstream := "http://" + s.at.Upstream + "/ack"
	if u.count == 1 {
		_, err := s.client.Submit(ctx, result(u.first), consign.AckByHTTP(upstream))
		return err
	}
	consignment := consign.Consignment{}
	for n := u.first; n < u.first+u.count; n++ {
		ack := &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: upstream}}
		consignment.Results = append(consignment.Results, consign.Entry{Result: result(n), Ack: ack})
	}
	_, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: u.workflow, TaskQueue: consign.TaskQueue,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	}, consign.DeliverWorkflow, consignment)
	return err
}

// ack writes an ack down.
func (s *submitter) ack(w http.ResponseWriter, request *http.Request) {
	n, taken := s.plan.takeAck(w, request, s.ledger)
	if !taken {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.units[n]
	if o == nil || s.acked[n] {
		return
	}
	s.acked[n] = true
	o.left--
	if o.left == 0 && o.held {
		<-s.window
	}
}

// takeAck writes an ack down before it is answered, and tells of which result it is.
func (p *plan) takeAck(w http.ResponseWriter, request *http.Request, to *ledger) (n int, taken bool) {
	l, err := p.readAck(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return 0, false
	}
	if err := to.write(l); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return 0, false
	}
	return l.N, true
}

// readAck reads an ack that was posted.
func (p *plan) readAck(request *http.Request) (line, error) {
	var got consign.Ack
	if err := json.NewDecoder(request.Body).Decode(&got); err != nil {
		return line{}, err
	}
	n, err := number(got.ID)
	return p.ackLine(acked, n, got.Receipt), err
}

// ackLine says that a result is committed, with the size of the archive at this moment, so that the judge
// can tell whether its line was there.
func (p *plan) ackLine(what what, n int, receipt consign.Receipt) line {
	l := line{At: time.Now().UnixNano(), What: what, N: n, Archive: p.archiveSize()}
	for _, leg := range receipt.Legs {
		if leg.Outcome == consign.Parked {
			l.Parked = append(l.Parked, leg.Sink)
		}
	}
	return l
}
