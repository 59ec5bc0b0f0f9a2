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
	var at addresses
	flags := p.flags("oracle")
	role := flags.String("role", "", "run one of the processes (for the oracle's own use)")
	at.flags(flags)
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
		return play(ctx, &p, at, *role)
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
)

// play is one process. It ends with the one that started it, however that ends.
func play(ctx context.Context, p *plan, at addresses, role string) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	switch role {
	case serverName:
		return host(ctx, p, at)
	case submitterName:
		return submit(ctx, p, at)
	case hookName:
		return receive(ctx, p, role, at.hook, hookOdds())
	case deskName:
		return receive(ctx, p, role, at.desk, deskOdds())
	case worker1Name, worker2Name:
		return work(ctx, p, at)
	}
	return fmt.Errorf("-role %q: there is no such process", role)
}

// addresses where the processes listen, the same after a restart.
type addresses struct{ server, hook, desk, upstream string }

func (a *addresses) flags(flags *flag.FlagSet) {
	flags.StringVar(&a.server, "server", "", "address of the server (for the oracle's own use)")
	flags.StringVar(&a.hook, "hook", "", "address of a receiver (likewise)")
	flags.StringVar(&a.desk, "desk", "", "address of a receiver (likewise)")
	flags.StringVar(&a.upstream, "upstream", "", "address for acks (likewise)")
}

func (a *addresses) args() []string {
	return []string{"-server=" + a.server, "-hook=" + a.hook, "-desk=" + a.desk, "-upstream=" + a.upstream}
}

func (p *plan) path(name string) string { return filepath.Join(p.dir, name) }
