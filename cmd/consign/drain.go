package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/deadletters"
)

func drainCommand() *cobra.Command {
	var (
		connection         consign.Options
		parkAfter, timeout time.Duration
		asJSON             bool
	)
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Wait until nothing but dead letters is open, for a way out",
		Long: `Wait until no delivery is open, so that what is left are dead letters, which "consign dead-letters
export" takes to another Temporal or release.

Stop whatever submits first, and leave workers running: drain stops neither. It says so when new
deliveries keep coming, or when no worker is there.

Deliveries are open for as long as their retries last. With --park-after those still open then are
cancelled, which parks what their sinks have not taken; 0s parks at once. It can be broken off and run
again at any time.

Another database does not know what was submitted before: what is submitted again there is delivered
again, with the same delivery ids.

Exit code 0 when nothing is open but dead letters, else 1 with what remains.`,
		Example: `  consign drain --timeout 10m
  consign drain --park-after 1m && consign dead-letters export letters.ndjson`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			options := deadletters.Draining{ParkAfter: parkAfter}
			switch {
			case parkAfter < 0:
				return usage(cmd, "--park-after %s: 0s parks at once", parkAfter)
			case timeout < 0:
				return usage(cmd, "--timeout %s: 0s waits for as long as it takes", timeout)
			case parkAfter == 0 && cmd.Flags().Changed("park-after"):
				options.ParkAfter = time.Nanosecond
			}
			temporal, _, err := dial(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			ctx := cmd.Context()
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			said := ""
			options.Report = func(now deadletters.Remaining) {
				if text := looked(now); text != said {
					said = text
					fmt.Fprintln(cmd.ErrOrStderr(), text)
				}
			}
			left, err := deadletters.Drain(ctx, temporal, options)
			if left.Cancelled > 0 {
				record(cmd, temporal, consign.Act{Act: "drain", On: "deliveries open for " + parkAfter.String(), After: consign.StateParked, Detail: []string{deliveries(left.Cancelled)}})
			}
			if err != nil && ctx.Err() == nil {
				return err
			}
			switch {
			case asJSON:
				return tellDrained(cmd, left, err == nil)
			case err != nil:
				return fmt.Errorf("not drained: %s: %s", looked(left), remedy(left))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "drained: nothing is open but "+letters(left))
			return err
		},
	}
	addConnection(cmd, &connection)
	cmd.Flags().DurationVar(&parkAfter, "park-after", 0, "park what is still open after so long, such as 5m; 0s at once (default never)")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after so long, such as 1h (default never)")
	addJSON(cmd, &asJSON)
	return cmd
}

// drained is the end of a drain, for machines.
type drained struct {
	Drained bool `json:"drained"`
	deadletters.Remaining
}

func tellDrained(cmd *cobra.Command, left deadletters.Remaining, done bool) error {
	if err := writeJSON(cmd.OutOrStdout(), drained{Drained: done, Remaining: left}); err != nil || done {
		return err
	}
	return exit.With(exit.Failed, nil)
}

// looked is what a look has found, on one line.
func looked(now deadletters.Remaining) string {
	var text strings.Builder
	text.WriteString(deliveries(now.Open) + " open")
	if now.Retrying > 0 {
		fmt.Fprintf(&text, ", %d being retried", now.Retrying)
	}
	if len(now.Sinks) > 0 {
		var sinks []string
		for _, sink := range slices.Sorted(maps.Keys(now.Sinks)) {
			sinks = append(sinks, fmt.Sprintf("%s %d", sink, now.Sinks[sink]))
		}
		fmt.Fprintf(&text, " (%s)", strings.Join(sinks, ", "))
	}
	if now.Cancelled > 0 {
		fmt.Fprintf(&text, ", %d told to park", now.Cancelled)
	}
	if now.New > 0 {
		fmt.Fprintf(&text, "; %d new since the drain began: stop what submits", now.New)
	}
	if now.Unattended {
		text.WriteString("; no worker is there: start one with \"consign worker\" or \"consign up\"")
	}
	if now.Unreachable {
		text.WriteString("; Temporal does not answer, waiting for it")
	}
	return printable(text.String())
}

func remedy(left deadletters.Remaining) string {
	if left.Open == 0 {
		return "wait longer, until a second look agrees"
	}
	text := "wait longer, or park them with --park-after"
	if len(left.IDs) > 0 {
		const some = 3
		text += "; for example " + strings.Join(left.IDs[:min(some, len(left.IDs))], ", ")
	}
	return printable(text)
}

func deliveries(n int64) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

func letters(left deadletters.Remaining) string {
	text := count(int(left.DeadLetters), "dead letter")
	if left.Replaying > 0 {
		text += fmt.Sprintf(", %d of them being replayed", left.Replaying)
	}
	return text
}
