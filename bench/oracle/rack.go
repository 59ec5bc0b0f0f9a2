package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// rack is a process that is not killed, since what it would lose then is not Consign's doing: one holds the
// counterparts of all sinks but the file and the webhooks, another the stream that the workers read.
type rack struct {
	plan *plan
	// group ends with the rack, and parts begins what belongs to it.
	group *errgroup.Group
	// heal are what lets each take everything from now on, and tell it well.
	heal []func()
	// closers are called in the end.
	closers []func() error
}

// hosting starts something in a rack.
type hosting func(ctx context.Context, r *rack) error

// hosts are what stands behind the sinks that the plan asks for.
func (p *plan) hosts(at addresses) []hosting {
	var all []hosting
	for _, c := range p.counterparts() {
		if c.host == nil {
			continue
		}
		all = append(all, func(ctx context.Context, r *rack) error {
			if err := c.host(ctx, r, at.Of[c.name]); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			return nil
		})
	}
	return all
}

// stock runs a rack until ctx is over, with an address at which it can be healed.
func stock(ctx context.Context, p *plan, address string, hosts ...hosting) error {
	r := &rack{plan: p}
	r.group, ctx = errgroup.WithContext(ctx)
	for _, start := range hosts {
		if err := start(ctx, r); err != nil {
			return errors.Join(err, r.close())
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) {
		for _, heal := range r.heal {
			heal()
		}
	})
	r.group.Go(func() error { return serve(ctx, address, mux) })
	return errors.Join(r.group.Wait(), r.close())
}

func (r *rack) close() error {
	var errs []error
	for _, each := range r.closers {
		errs = append(errs, each())
	}
	return errors.Join(errs...)
}

// ledger of a counterpart.
func (r *rack) ledger(name string) (*ledger, error) {
	l, _, err := openLedger(r.plan.path(name + ledgerSuffix))
	if err == nil {
		r.closers = append(r.closers, l.close)
	}
	return l, err
}

// serve answers HTTP at an address until ctx is over.
func (r *rack) serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	r.group.Go(func() error { return serveOn(ctx, listener, handler) })
	return nil
}
