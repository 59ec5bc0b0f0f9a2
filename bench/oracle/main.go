package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := start(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		stop()
		os.Exit(1) //nolint:gocritic // the deferred stop was just called
	}
}

// start runs the whole, or the one process that -role names.
func start(ctx context.Context, args []string) error {
	var p plan
	flags := p.flags("oracle")
	role := flags.String("role", "", "run one of the processes (for the oracle's own use)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q: only flags are taken, see -help", flags.Arg(0))
	}
	if err := p.check(); err != nil {
		return err
	}
	if *role != "" {
		return play(ctx, &p, *role)
	}
	verdict, err := run(ctx, p)
	if err != nil {
		return err
	}
	if err := verdict.print(os.Stdout, p.json); err != nil {
		return err
	}
	if found := verdict.problems(); len(found) > 0 {
		return fmt.Errorf("the promises did not hold, see %s", verdict.Dir)
	}
	return nil
}

// Names of the processes.
const (
	serverName    = "server"
	submitterName = "submitter"
	hookName      = "hook"
	deskName      = "desk"
	worker1Name   = "worker-1"
	worker2Name   = "worker-2"
	rackName      = "rack"
	brokerName    = "broker"
)

// play is one process. It ends with the one that started it, however that ends.
func play(ctx context.Context, p *plan, role string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	at, err := readAddresses(p)
	if err != nil {
		return err
	}
	switch role {
	case serverName:
		return host(ctx, p, at)
	case submitterName:
		return handIn(ctx, p, at)
	case hookName:
		return receive(ctx, p, role, at.Hook, hookOdds())
	case deskName:
		return receive(ctx, p, role, at.Desk, deskOdds())
	case worker1Name, worker2Name:
		return work(ctx, p, at, role)
	case rackName:
		return stock(ctx, p, at.Rack, p.hosts(at)...)
	case brokerName:
		return stock(ctx, p, at.Door, hostBroker(at))
	}
	return fmt.Errorf("-role %q: there is no such process", role)
}

// handIn is the upstream.
func handIn(ctx context.Context, p *plan, at addresses) error {
	switch p.way() {
	case byBatch:
		return stream(ctx, p, at)
	case byHTTP:
		return post(ctx, p, at)
	case byJetStream:
		return publish(ctx, p, at)
	}
	return submit(ctx, p, at)
}

func (p *plan) path(name string) string { return filepath.Join(p.dir, name) }
