package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func retryNowCommand(connection *consign.Options) *cobra.Command {
	var (
		spread time.Duration
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "retry-now NAME",
		Short: "Cut short the back-off of what waits for a sink",
		Long: `Cut short the back-off of what waits for a sink: each waiting delivery is tried now, and goes on with
the retries that it has left. With --spread the attempts start at random within that time.

A sink that is paused stays so, and what is tried counts as an attempt: first see to it that the sink is well.
Where a worker's circuit is open, the attempts are made as soon as it lets them through, after circuit.open at
most: "consign status" shows it.`,
		Example: `  consign sinks retry-now slack
  consign sinks retry-now slack --spread 5m`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if spread < 0 || spread > consign.MaxSpread {
				return usage(cmd, "--spread %s: it must be from 0s to %s", spread, consign.MaxSpread)
			}
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			told, err := deadletters.RetryNow(cmd.Context(), temporal, args[0], spread, me())
			if err != nil {
				return fmt.Errorf("%w (%s told so far: the command can be given again)", err, deliveries(told.Deliveries))
			}
			if told == (deadletters.Told{}) {
				doubt(cmd.Context(), cmd, temporal, namespace, args[0])
			}
			record(cmd, temporal, consign.Act{Act: "retry-now", On: args[0], Detail: []string{deliveries(told.Deliveries)}})
			return tellWaiting(cmd, asJSON, args[0], "tried now", told)
		},
	}
	cmd.Flags().DurationVar(&spread, "spread", 0, "spread the attempts over so long, such as 1m, so that they do not come all at once")
	addJSON(cmd, &asJSON)
	return cmd
}

func parkNowCommand(connection *consign.Options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "park-now NAME",
		Short: "Park what waits for a sink, without further attempts",
		Long: `Park what waits for a sink, without further attempts: it becomes dead letters, which can be replayed,
and its upstream is acked. Attempts under way are left alone, and counted.`,
		Example: "  consign sinks park-now slack",
		Args:    arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			told, err := deadletters.ParkNow(cmd.Context(), temporal, args[0], me())
			if err != nil {
				return fmt.Errorf("%w (%s told so far: the command can be given again)", err, deliveries(told.Deliveries))
			}
			if told == (deadletters.Told{}) {
				doubt(cmd.Context(), cmd, temporal, namespace, args[0])
			}
			record(cmd, temporal, consign.Act{Act: "park-now", On: args[0], Detail: []string{deliveries(told.Deliveries)}})
			return tellWaiting(cmd, asJSON, args[0], "parked", told)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// toldWaiting is the answer to an order about all that waits for a sink, for machines.
type toldWaiting struct {
	Sink    string `json:"sink"`
	Outcome string `json:"outcome"`
	deadletters.Told
}

func tellWaiting(cmd *cobra.Command, asJSON bool, sink, outcome string, told deadletters.Told) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), toldWaiting{Sink: sink, Outcome: outcome, Told: told})
	}
	if told.Busy > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "left alone: %d whose attempt is under way or about to start\n", told.Busy)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s %s\n", printable(sink), deliveries(told.Deliveries), outcome)
	return err
}
