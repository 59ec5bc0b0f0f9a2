package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/worker"
)

// overrule has flags stand above the configuration.
func (f *workerFlags) overrule(c *config.Config) {
	switch {
	case f.http == "off":
		c.HTTP.Listen = ""
	case f.http != "":
		c.HTTP.Listen = f.http
		c.HTTP.Insecure = c.HTTP.Insecure || f.httpInsecure
	case c.HTTP.Listen == "" && f.httpUsual != "":
		c.HTTP.Listen, f.httpFound = f.httpUsual, true
	}
}

// reread reads the configuration anew, with the checks that are made at a start.
func (p *workplace) reread(context.Context) (*config.Config, error) {
	path := p.config.Path // or a file that is missing for a moment would stand for none at all
	if path == "" {
		path = p.flags.config
	}
	c, err := loadConfig(path)
	if err == nil {
		p.flags.overrule(c)
	}
	return c, err
}

// hangups are signals by which people ask for a reload. They are heard from before there is a worker, since they end a
// process that does not hear them.
type hangups struct {
	signals chan os.Signal
	// terminal says that a person has started this process at one. When that goes away, so does the process.
	terminal bool
}

func awaitHangups() *hangups {
	h := &hangups{signals: make(chan os.Signal, 1), terminal: term.IsTerminal(int(os.Stdin.Fd()))}
	signal.Notify(h.signals, syscall.SIGHUP)
	return h
}

func (h *hangups) stop() { signal.Stop(h.signals) }

// gone tells whether the signal says that the terminal has gone.
func (h *hangups) gone() bool { return h.terminal && !term.IsTerminal(int(os.Stdin.Fd())) }

// reloader has a worker reload when it is asked to.
type reloader struct {
	end  context.CancelFunc
	work sync.WaitGroup
}

// reloads has a worker reload on SIGHUP and, unless --watch=false, when a file changes.
func (p *workplace) reloads(w *worker.Worker) *reloader {
	ctx, end := context.WithCancel(context.Background())
	r := &reloader{end: end}
	r.work.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.hangups.signals:
			}
			if p.hangups.gone() {
				p.log.Info("the terminal has gone")
				interrupt()
				return
			}
			w.Reread(ctx, "SIGHUP")
		}
	})
	if p.flags.watch {
		r.work.Go(func() { w.Watch(ctx) })
	}
	return r
}

// interrupt ends this process in good order, as Ctrl-C does.
func interrupt() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Signal(os.Interrupt)
	}
}

// stop returns when no reload is under way.
func (r *reloader) stop() {
	r.end()
	r.work.Wait()
}

func reloadCommand() *cobra.Command {
	var (
		connection consign.Options
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have every worker read its configuration anew",
		Long: `Have every worker read its configuration anew: each its own file, with the secrets and certificates in
files that it names. What is in the environment of a worker changes with a restart only.

A worker that finds a mistake, or cannot open a sink, goes on by the configuration from before, and says why. Else what
is added gets results from now on, what has changed is delivered to by its new settings, and what is removed gets nothing
new, while what waits for it is delivered. What is under way keeps the retries that it had when it was routed.

Workers are asked through Temporal, so no port of them is needed. They also reload by themselves when a file
changes, unless they run with --watch=false, and on SIGHUP.

Exit code 1 when a worker has refused, or has not answered.`,
		Example: `  consign reload
  consign config check && consign reload
  consign reload --json | jq -r '.[] | select(.answer.refused) | .identity'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			temporal, namespace, err := dial(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			all, err := status.ReloadAll(cmd.Context(), temporal, namespace, me())
			if err != nil {
				return fmt.Errorf("asking workers to reload: %w: send each the signal SIGHUP instead", err)
			}
			var said []string
			for _, one := range all {
				said = append(said, one.Identity+": "+reloadLine(one))
			}
			record(cmd, temporal, consign.Act{Act: "reload", On: "the configuration of " + count(len(all), "worker"), Detail: said})
			return tellReloads(cmd, all, asJSON)
		},
	}
	addConnection(cmd, &connection)
	addJSON(cmd, &asJSON)
	return cmd
}

// tellReloads prints what each worker has said.
func tellReloads(cmd *cobra.Command, all []status.Reloading, asJSON bool) error {
	failed := slices.ContainsFunc(all, func(one status.Reloading) bool { return !one.Done() })
	switch {
	case len(all) == 0 && !asJSON:
		return errors.New("no worker is there: none has asked for work within the last 5 minutes")
	case asJSON:
		if err := writeJSON(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	default:
		for _, one := range all {
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", one.Identity, printable(reloadLine(one)))
			if one.Answer == nil {
				continue
			}
			for _, mistake := range one.Answer.Refused {
				fmt.Fprintf(cmd.OutOrStdout(), "  %s\n", printable(mistake))
			}
		}
	}
	if failed || len(all) == 0 {
		return exit.With(exit.Failed, nil)
	}
	return nil
}

// reloadLine is what a worker has said, on one line.
func reloadLine(one status.Reloading) string {
	switch {
	case one.Answer == nil:
		return one.Silence
	case !one.Done():
		return "refused, and goes on by the configuration from before:"
	}
	var parts []string
	for _, part := range []struct {
		what  string
		sinks []string
	}{{"added", one.Answer.Added}, {"changed", one.Answer.Changed}, {"removed", one.Answer.Removed}} {
		if len(part.sinks) > 0 {
			parts = append(parts, part.what+" "+strings.Join(part.sinks, ", "))
		}
	}
	parts = append(parts, fmt.Sprintf("%d unchanged", len(one.Answer.Unchanged)))
	if len(one.Answer.Restart) > 0 {
		parts = append(parts, "restart needed for "+strings.Join(one.Answer.Restart, ", "))
	}
	return "reloaded: " + strings.Join(parts, "; ") + " (" + one.Answer.Config.Digest + ")"
}
