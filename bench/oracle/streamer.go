package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// streamInFlight is how many workflows a streamer has in flight. Few, so that many results share one.
const streamInFlight = 4

// streamer is an upstream with a Submitter. A result that it was not told is stored, when it was killed, it
// submits again.
type streamer struct {
	plan   *plan
	at     addresses
	ledger *ledger
	// heard are lines about results that a Submitter has told of, which must not wait for a disk.
	heard chan line
	again *errgroup.Group
	*consign.Submitter
}

func stream(ctx context.Context, p *plan, at addresses) error {
	ledger, before, err := openLedger(p.path(submitterName + ledgerSuffix))
	if err != nil {
		return err
	}
	client, err := dial(ctx, at)
	if err != nil {
		return err
	}
	defer client.Close()
	s := &streamer{plan: p, at: at, ledger: ledger, heard: make(chan line, p.results*2)}
	if s.Submitter, err = client.NewSubmitter(consign.SubmitterOptions{BatchMax: p.batchMax(), MaxInFlight: streamInFlight}); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ack", s.ack)
	group, ctx := errgroup.WithContext(ctx)
	s.again = group
	group.Go(func() error { return serve(ctx, at.Upstream, mux) })
	group.Go(func() error { return s.write(ctx) })
	group.Go(func() error {
		for units := range p.asReleased(ctx, p.rest(before)) {
			if err := s.hand(ctx, units...); err != nil {
				return err
			}
		}
		return nil
	})
	err = group.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.Close(closing), s.keep(nil), ledger.close())
}

// dial connects to a server that may be held at the moment.
func dial(ctx context.Context, at addresses) (*consign.Client, error) {
	for {
		client, err := consign.Dial(ctx, consign.Options{Address: at.Server})
		if err == nil || ctx.Err() != nil {
			return client, err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// hand writes down that it is about to submit, and does.
func (s *streamer) hand(ctx context.Context, units ...unit) error {
	var lines []line
	for _, u := range units {
		lines = append(lines, line{What: meant, N: u.first})
	}
	if err := s.ledger.write(lines...); err != nil {
		return err
	}
	for _, u := range units {
		err := s.Submit(ctx, consign.Submission{
			Result:    result(u.first),
			Ack:       &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "http://" + s.at.Upstream + "/ack"}},
			Stored:    func(_ consign.Stored, err error) { s.stored(ctx, u, err) },
			Committed: func(receipt consign.Receipt, err error) { s.committed(u, receipt, err) },
		})
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("submitting %s: %w", resultID(u.first), err)
		}
	}
	return nil
}

// stored is told by the Submitter. What may not be stored is submitted again.
func (s *streamer) stored(ctx context.Context, u unit, err error) {
	if err == nil {
		s.heard <- line{At: time.Now().UnixNano(), What: submitted, N: u.first}
		return
	}
	if ctx.Err() != nil {
		return
	}
	fmt.Fprintln(os.Stderr, "again:", err)
	s.again.Go(func() error {
		if pause(ctx, 100*time.Millisecond) != nil {
			return nil //nolint:nilerr // this process is to end
		}
		return s.hand(ctx, u)
	})
}

// committed is told by the Submitter.
func (s *streamer) committed(u unit, receipt consign.Receipt, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "given up:", err) // the judge finds the workflow
		return
	}
	s.heard <- s.plan.ackLine(told, u.first, receipt)
}

// write writes down what was heard, all that there is at once, until ctx is over.
func (s *streamer) write(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.heard:
			if err := s.keep([]line{first}); err != nil {
				return err
			}
		}
	}
}

// keep writes down these lines, and what else there is.
func (s *streamer) keep(lines []line) error {
	for {
		select {
		case l := <-s.heard:
			lines = append(lines, l)
		default:
			return s.ledger.write(lines...)
		}
	}
}

func (s *streamer) ack(w http.ResponseWriter, request *http.Request) {
	s.plan.takeAck(w, request, s.ledger)
}
