package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/status"
)

func sinksCommand() *cobra.Command {
	connection := new(consign.Options)
	cmd := group(&cobra.Command{
		Use:     "sinks",
		Aliases: []string{"sink"},
		Short:   "List sinks, test one, pause and resume it, and decide about what waits for it",
		Example: `  consign sinks kinds webhook
  consign sinks list
  consign sinks test slack --config consign.yaml
  consign sinks pause slack --reason "slack is being moved"
  consign sinks resume slack
  consign sinks retry-now slack --spread 1m`,
	}, sinksListCommand(connection), sinksKindsCommand(), sinksTestCommand(), pauseCommand(connection), resumeCommand(connection),
		retryNowCommand(connection), parkNowCommand(connection))
	addConnection(cmd, connection)
	return cmd
}

// standing of a sink, as "sinks list" shows it.
type standing struct {
	Sink string `json:"sink"`
	Kind string `json:"kind"`
	// State is "open", "paused", "rate-limited", "unattended" or "circuit open".
	State string `json:"state"`
	consign.Hold
	// Circuits of the workers that have told theirs, by identity: closed, half-open or open.
	Circuits map[string]string `json:"circuits,omitempty"`
}

func sinksListCommand(connection *consign.Options) *cobra.Command {
	var (
		path   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the sinks of a configuration, with what holds them back and what waits for them",
		Long: `List the sinks of a configuration, with what holds them back and what waits for them.

WAITING counts queued attempts that no worker has taken; those that wait for their time are not among
them. WORKERS counts who has asked for attempts within the last 5 minutes. A circuit is each worker's
own, and told by each: "open 1/2" is open in one of two. "consign status" tells more.`,
		Example: `  consign sinks list --config consign.yaml
  consign sinks list --json | jq -r 'select(.paused) | .sink'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(path)
			if err != nil {
				return err
			}
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			overview, err := status.Read(cmd.Context(), temporal, namespace, c.Sinks...)
			if err != nil {
				return err
			}
			return listSinks(cmd.OutOrStdout(), overview.Sinks[:len(c.Sinks)], asJSON) // those that were asked about come first
		},
	}
	addConfig(cmd, &path)
	addJSON(cmd, &asJSON)
	return cmd
}

func listSinks(to io.Writer, sinks []status.Sink, asJSON bool) error {
	out := newTable(to, "SINK", "KIND", "STATE", "WAITING", "WORKERS", "CIRCUIT", "REASON")
	for _, sink := range sinks {
		s := standing{Sink: sink.Name, Kind: sink.Kind, State: sink.State, Hold: sink.Hold, Circuits: sink.Circuits}
		var err error
		if asJSON {
			err = writeJSON(to, s)
		} else {
			err = out.row(s.Sink, s.Kind, s.State, strconv.FormatInt(s.Backlog, 10), strconv.Itoa(s.Pollers), circuitCell(s.Circuits), reasonCell(s))
		}
		if err != nil {
			return err
		}
	}
	return out.flush()
}

// circuitCell is the circuit of one worker, and of several in how many it is not closed.
func circuitCell(circuits map[string]string) string {
	open, one := 0, "-"
	for _, circuit := range circuits {
		if one = circuit; circuit != status.CircuitClosed {
			open++
		}
	}
	if len(circuits) < 2 {
		return one
	}
	if open == 0 {
		return status.CircuitClosed
	}
	return fmt.Sprintf("open %d/%d", open, len(circuits))
}

func reasonCell(s standing) string {
	switch {
	case s.Paused:
		return fmt.Sprintf("%s (by %s, since %s)", s.Reason, cmp.Or(s.By, "unknown"), s.Since.Local().Format(time.DateTime))
	case s.Rate > 0:
		return fmt.Sprintf("%g/s: %s", s.Rate, s.Reason)
	}
	return ""
}

// ordered is the answer to an order about a sink, for machines.
type ordered struct {
	Sink    string `json:"sink"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

func pauseCommand(connection *consign.Options) *cobra.Command {
	var (
		reason string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "pause NAME --reason TEXT",
		Short: "Have no worker attempt anything at a sink until it is resumed",
		Long: `Have no worker attempt anything at a sink until it is resumed: at once in its queue, and within 5
seconds everywhere. Attempts under way are finished. What is meant for the sink waits in Temporal, and is
acked later. The pause outlives workers and servers.`,
		Example: `  consign sinks pause slack --reason "slack is being moved"`,
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return usage(cmd, "--reason is missing: say why, for whoever finds the sink paused")
			}
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), orderTimeout)
			defer cancel()
			doubt(ctx, cmd, temporal, namespace, args[0])
			before, err := consign.HoldOf(ctx, temporal, namespace, args[0])
			if err != nil {
				return err
			}
			if err := consign.PauseSink(ctx, temporal, namespace, args[0], reason, me()); err != nil {
				return err
			}
			record(cmd, temporal, consign.Act{Act: "pause", On: args[0], Reason: reason, Before: before.Words(), After: "paused"})
			return tell(cmd, asJSON, ordered{Sink: args[0], Outcome: "paused", Reason: reason})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept with the pause and shown (required)")
	addJSON(cmd, &asJSON)
	return cmd
}

// doubt notes that nobody seems to know a sink of that name. Only a person can tell: workers may be down.
func doubt(ctx context.Context, cmd *cobra.Command, temporal client.Client, namespace, sink string) {
	hold, err := consign.HoldOf(ctx, temporal, namespace, sink)
	if err == nil && hold.Pollers == 0 && hold.Backlog == 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: no worker has asked for attempts at a sink %s of late: is that its name?\n", printable(sink))
	}
}

// orderTimeout bounds what one order about a queue may take.
const orderTimeout = 15 * time.Second

func resumeCommand(connection *consign.Options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "resume NAME",
		Short:   "End a pause; the sink's rate from before holds again",
		Example: "  consign sinks resume slack",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), orderTimeout)
			defer cancel()
			before, err := consign.HoldOf(ctx, temporal, namespace, args[0])
			if err != nil {
				return err
			}
			resumed, err := consign.ResumeSink(ctx, temporal, namespace, args[0], me())
			if err != nil {
				return err
			}
			outcome := "resumed"
			if resumed {
				record(cmd, temporal, consign.Act{Act: "resume", On: args[0], Before: before.Words(), After: "open"})
			} else {
				outcome = "not paused"
				doubt(ctx, cmd, temporal, namespace, args[0])
			}
			return tell(cmd, asJSON, ordered{Sink: args[0], Outcome: outcome})
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// tell prints what became of an order about a sink.
func tell(cmd *cobra.Command, asJSON bool, o ordered) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), o)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", printable(o.Sink), o.Outcome)
	return err
}
