package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// stream is a submitter and what it said of each result, by id.
type stream struct {
	*consign.Submitter
	t         *testing.T
	mu        sync.Mutex
	stored    map[string]error
	committed map[string]error
	receipts  map[string]consign.Receipt
	// duplicates counts what Temporal had before.
	duplicates int
}

func newStream(t *testing.T, c *consign.Client, o consign.SubmitterOptions) *stream {
	t.Helper()
	s := &stream{t: t, stored: map[string]error{}, committed: map[string]error{}, receipts: map[string]consign.Receipt{}}
	var err error
	s.Submitter, err = c.NewSubmitter(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // tests flush
		_ = s.Close(ctx)
	})
	return s
}

func (s *stream) try(ctx context.Context, id, data string) error {
	return s.Submit(ctx, consign.Submission{
		Result: consign.Result{Source: "stream", ID: id, Data: json.RawMessage(data)},
		Stored: func(where consign.Stored, err error) {
			require.Equal(s.t, id, where.ID)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stored[id] = err
			if where.Duplicate {
				s.duplicates++
			}
		},
		Committed: func(receipt consign.Receipt, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.committed[id], s.receipts[id] = err, receipt
		},
	})
}

// submit hands over results numbered from..to, both included.
func (s *stream) submit(ctx context.Context, from, to int) {
	s.t.Helper()
	for n := from; n <= to; n++ {
		require.NoError(s.t, s.try(ctx, fmt.Sprint(n), fmt.Sprintf(`{"n":%d,"text":"<%s>"}`, n, strings.Repeat("x", 500))))
	}
}

// requireCommitted waits until all is committed, and checks what was said of each result.
func (s *stream) requireCommitted(ctx context.Context, results int) {
	s.t.Helper()
	require.NoError(s.t, s.Wait(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(s.t, s.stored, results)
	require.Len(s.t, s.committed, results)
	for id, err := range s.committed {
		require.NoError(s.t, err, id)
		require.NoError(s.t, s.stored[id], id)
		require.Equal(s.t, 1, s.receipts[id].Results, id)
		require.True(s.t, s.receipts[id].Delivered(), id)
	}
}

// requireTook checks that a sink has taken each result, with its bytes. On a busy machine it may have taken one
// twice, under one delivery id.
func (s *stage) requireTook(sink string, results int) {
	s.Helper()
	deliveries := map[string]bool{}
	for _, d := range s.sinks[sink].took() {
		require.Contains(s, string(d.Result.Data), `"text":"<xx`)
		require.Equal(s, consign.DeliveryID(d.Result.Source, d.Result.ID, sink), d.ID)
		deliveries[d.ID] = true
	}
	require.Len(s, deliveries, results)
}

// workflows lists the ids of all Deliver workflows, of which there are at least so many, once all that are listed have
// closed: the listing comes after them.
func (s *stage) workflows(least int) []string {
	s.Helper()
	var ids []string
	s.eventually(func() bool {
		before := len(ids)
		page, err := s.temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000, Query: "WorkflowType = 'Deliver'"})
		require.NoError(s, err)
		ids = nil
		for _, found := range page.GetExecutions() {
			ids = append(ids, found.GetExecution().GetWorkflowId())
		}
		return len(ids) >= least && len(ids) == before && s.open() == 0
	}, "a settled listing")
	return ids
}

func (s *stage) remote() *consign.Client {
	s.Helper()
	dialled, err := consign.Dial(s.ctx, consign.Options{Address: server.Address(), Namespace: s.namespace})
	require.NoError(s, err)
	s.Cleanup(dialled.Close)
	return dialled
}

const twoSinks = `sinks: {one: {script: {}}, two: {script: {}}}`

func TestSubmitter_BatchMaxOne_GivesEachResultAWorkflow(t *testing.T) {
	t.Parallel()
	s := perform(t, twoSinks)
	for again, from := range []*consign.Client{s.client, s.remote()} {
		stream := newStream(t, from, consign.SubmitterOptions{MaxInFlight: 8})
		stream.submit(s.ctx, 1, 50) // again the second time
		require.NoError(t, stream.Flush(s.ctx))
		stream.requireCommitted(s.ctx, 50)
		require.Equal(t, 50*again, stream.duplicates)
	}
	s.requireTook("one", 50)
	s.requireTook("two", 50)
	require.Len(t, s.workflows(50), 50)
}

func TestSubmitter_Flooded_CoalescesAndTellsOfEachResult(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"in the worker's process": false, "elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := perform(t, twoSinks)
			from := s.client
			if remote {
				from = s.remote()
			}
			stream := newStream(t, from, consign.SubmitterOptions{MaxInFlight: 2, BatchMax: 64})
			stream.submit(s.ctx, 1, 1000)
			stream.requireCommitted(s.ctx, 1000)
			s.requireTook("one", 1000)
			s.requireTook("two", 1000)
			workflows := s.workflows(1000 / 64)
			require.GreaterOrEqual(t, len(workflows), 1000/64)
			require.Less(t, len(workflows), 500)
			require.Contains(t, workflows, "consign/stream/1") // what finds no queue has a workflow of its own
		})
	}
}

func TestSubmitter_ResultOfABatchThatIsParked_IsToldOfByItself(t *testing.T) {
	t.Parallel()
	s := perform(t, `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 0}}}`)
	s.sinks["two"].answers(func(_ int, d sinks.Delivery) error {
		if d.Result.ID == "7" || d.Result.ID == "40" {
			return errors.New("not this one")
		}
		return nil
	})
	stream := newStream(t, s.client, consign.SubmitterOptions{MaxInFlight: 1, BatchMax: 64})
	stream.submit(s.ctx, 1, 100)
	require.NoError(t, stream.Wait(s.ctx))
	for id, receipt := range stream.receipts {
		want := consign.Delivered
		if id == "7" || id == "40" {
			want = consign.Parked
		}
		require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome, id)
		require.Equal(t, want, receipt.Legs[1].Outcome, id)
	}
	require.Len(t, stream.receipts, 100)
}

func TestSubmitter_DeadSink_HoldsUpNoOtherUntilTooMuchIsOpen_AndGoesOnWhenItHeals(t *testing.T) {
	t.Parallel()
	s := perform(t, `sinks: {one: {script: {}}, two: {script: {}, retry: {max: 1000, backoff: 1s, max_backoff: 5s}, circuit: {failures: -1}}}`)
	s.sinks["two"].answers(func(int, sinks.Delivery) error { return errors.New("dead") })
	const open = 60 // more than are asked for one by one
	stream := newStream(t, s.client, consign.SubmitterOptions{MaxInFlight: 4, MaxOpen: open})
	stream.submit(s.ctx, 1, open)
	require.NoError(t, stream.Flush(s.ctx))
	s.eventually(func() bool { return len(s.sinks["one"].took()) >= open }, "the other sink has all")
	s.requireTook("one", open)
	require.Empty(t, stream.committed)

	pushed, cancel := context.WithTimeout(s.ctx, 300*time.Millisecond)
	defer cancel()
	err := stream.try(pushed, fmt.Sprint(open+1), "1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "submitting stream/61: waiting for room")

	s.sinks["two"].answers(nil)
	stream.submit(s.ctx, open+1, open+20)
	stream.requireCommitted(s.ctx, open+20)
	s.requireTook("two", open+20)
}

func TestSubmitter_SameResultTwice_NeverSharesAWorkflow(t *testing.T) {
	t.Parallel()
	s := perform(t, twoSinks)
	stream := newStream(t, s.client, consign.SubmitterOptions{MaxInFlight: 1, BatchMax: 64})
	stream.submit(s.ctx, 1, 20)
	stream.submit(s.ctx, 1, 20)
	stream.requireCommitted(s.ctx, 20)
	deliveries := map[string]int{}
	for _, d := range s.sinks["one"].took() {
		deliveries[d.ID]++
	}
	require.Len(t, deliveries, 20)
}

func TestSubmitter_WhatCannotBe_IsSaidAtOnceOrByStored(t *testing.T) {
	t.Parallel()
	s := perform(t, twoSinks)
	for _, from := range []*consign.Client{s.client, s.remote()} {
		stream := newStream(t, from, consign.SubmitterOptions{})
		require.ErrorIs(t, stream.try(s.ctx, "bad", "{"), consign.ErrInvalid)
		require.ErrorIs(t, stream.try(s.ctx, "large", `"`+strings.Repeat("x", consign.MaxConsignmentBytes)+`"`), consign.ErrTooLarge)
		require.NoError(t, stream.try(s.ctx, "taken", `1`))
		require.NoError(t, stream.Wait(s.ctx))
		require.NoError(t, stream.stored["taken"])
		require.NoError(t, stream.try(s.ctx, "taken", `2`))
		require.NoError(t, stream.Wait(s.ctx))
		require.ErrorIs(t, stream.stored["taken"], consign.ErrConflict)
		require.NoError(t, stream.Close(s.ctx))
		require.ErrorIs(t, stream.try(s.ctx, "late", `1`), consign.ErrClosed)
	}
	for _, o := range []consign.SubmitterOptions{{BatchMax: 1025}, {MaxOpen: -1}, {BatchBytes: 2 << 20}, {MaxInFlight: -1}} {
		_, err := s.client.NewSubmitter(o)
		require.ErrorContains(t, err, "at least 1, at most", o)
	}
}

func TestSubmitter_WithoutAWorker_StoresAndDeliversOnceThereIsOne(t *testing.T) {
	t.Parallel()
	for name, remote := range map[string]bool{"in the worker's process": false, "elsewhere": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			from := s.client
			if remote {
				from = s.remote()
			}
			stream := newStream(t, from, consign.SubmitterOptions{MaxInFlight: 2, BatchMax: 8})
			stream.submit(s.ctx, 1, 2)
			require.NoError(t, stream.Flush(s.ctx))
			require.Len(t, stream.stored, 2)
			s.start(twoSinks)
			stream.requireCommitted(s.ctx, 2)
		})
	}
}

func TestSubmitter_TemporalThatIsAway_IsWaitedForUntilTheEnd(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	options, err := consign.Options{Address: address}.ClientOptions()
	require.NoError(t, err)
	temporal, err := client.NewLazyClient(options)
	require.NoError(t, err)
	defer temporal.Close()
	stream := newStream(t, consign.NewClient(temporal), consign.SubmitterOptions{})
	require.NoError(t, stream.try(t.Context(), "1", "1"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, stream.Flush(ctx), "1 results are not known to be in Temporal")
	require.ErrorContains(t, stream.Close(ctx), "1 results are not known to be in Temporal")
	require.Error(t, stream.stored["1"])
	require.Empty(t, stream.committed)
}

func TestSubmitter_AWorkflowThatIsTerminated_IsToldOf(t *testing.T) {
	t.Parallel()
	s := perform(t, `sinks: {one: {script: {}, retry: {max: 1000, backoff: 1m}}}`)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return errors.New("dead") })
	stream := newStream(t, s.client, consign.SubmitterOptions{})
	require.NoError(t, stream.try(s.ctx, "1", "1"))
	require.NoError(t, stream.Flush(s.ctx))
	require.NoError(t, s.temporal.TerminateWorkflow(s.ctx, "consign/stream/1", "", "test"))
	require.NoError(t, stream.Wait(s.ctx))
	require.ErrorIs(t, stream.committed["1"], consign.ErrAbandoned)
}

func TestSubmitter_SameResultTwiceWhileItIsOpen_TellsBothOfTheCommit(t *testing.T) {
	t.Parallel()
	s := perform(t, `sinks: {one: {script: {}, retry: {max: 1000, backoff: 100ms, max_backoff: 1s}, circuit: {failures: -1}}}`)
	s.sinks["one"].answers(func(int, sinks.Delivery) error { return errors.New("dead") })
	stream := newStream(t, s.client, consign.SubmitterOptions{MaxInFlight: 1})
	told := make(chan bool, 3)
	for _, id := range []string{"1", "1", "2"} {
		require.NoError(t, stream.Submit(s.ctx, consign.Submission{
			Result:    consign.Result{Source: "stream", ID: id, Data: json.RawMessage("1")},
			Committed: func(r consign.Receipt, err error) { told <- err == nil && r.Delivered() },
		}))
	}
	require.NoError(t, stream.Flush(s.ctx)) // the last one had to wait until those before it had been tried
	s.sinks["one"].answers(nil)
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	require.NoError(t, stream.Wait(ctx))
	require.Len(t, told, cap(told))
	for range cap(told) {
		require.True(t, <-told)
	}
}

func TestSubmitter_WithoutAWorker_StoresMoreThanIsInFlight(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Minute)
	defer cancel()
	told := make(chan consign.Stored, 20)
	var streams []*stream
	for _, from := range []*consign.Client{s.client, s.remote()} {
		for _, ack := range []*consign.AckTarget{nil, {Signal: &consign.SignalTarget{WorkflowID: "nobody"}}} {
			stream := newStream(t, from, consign.SubmitterOptions{MaxInFlight: 2})
			streams = append(streams, stream)
			for range 5 {
				require.NoError(t, stream.Submit(s.ctx, consign.Submission{
					Result: consign.Result{Source: "stream", Data: json.RawMessage("1")}, Ack: ack,
					Stored: func(where consign.Stored, err error) {
						require.NoError(t, err)
						told <- where
					},
				}))
			}
		}
	}
	for n, stream := range streams {
		require.NoError(t, stream.Flush(ctx), n)
	}
	for range cap(told) {
		require.False(t, (<-told).Duplicate)
	}
}
