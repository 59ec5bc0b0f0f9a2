package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func replayCommand(connection *consign.Options) *cobra.Command {
	order := bulkFlags{Bulk: deadletters.Bulk{Act: deadletters.ActReplay}}
	var all bool
	cmd := &cobra.Command{
		Use:   "replay {ID... | --all}",
		Short: "Deliver once more what dead letters hold",
		Long: `Deliver once more what dead letters hold, by today's settings of their sinks and with a full budget of
retries. Receivers see the same delivery ids as before. What fails again is parked again. With --to another sink gets it,
under delivery ids of its own.

--all, and --rate, make it one order that a workflow carries out: it goes on when the terminal is closed and when workers
restart, and stands in the Web UI and in "consign dead-letters orders". What is parked after the order was given is not
meant by it.

With --wait, exit code 1 if anything was parked again.`,
		Example: `  consign dead-letters replay dead-letter/slack/0199…/1 --wait
  consign dead-letters replay --all --sink slack --cause "http 401" --dry-run
  consign dead-letters replay --all --sink slack --since 2h --rate 20
  consign dead-letters replay --all --sink pager --to mail --wait`,
		ValidArgsFunction: openIDs(connection),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if err := selection(cmd, all, order.Filter, ids, "replay"); err != nil {
				return err
			}
			if order.dryRun && !all {
				return usage(cmd, "--dry-run is for --all: of ids it is known how many they are")
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if all || order.Rate != 0 {
				order.IDs = ids
				return order.carryOut(cmd, temporal)
			}
			return replay(&orders{cmd: cmd, temporal: temporal, asJSON: order.asJSON}, ids, order.To, order.wait)
		},
	}
	addFilter(cmd, &order.Filter)
	cmd.Flags().BoolVar(&all, "all", false, "replay every parked dead letter that the other flags select")
	cmd.Flags().StringVar(&order.To, "to", "", "the sink that gets it, instead of the one that did not take it")
	order.add(cmd)
	return cmd
}

// selection checks that either ids are given or --all.
func selection(cmd *cobra.Command, all bool, filter deadletters.Filter, ids []string, verb string) error {
	switch {
	case all && len(ids) > 0:
		return usage(cmd, "--all and ids exclude each other: leave out one of them")
	case filter != deadletters.Filter{} && !all:
		return usage(cmd, "--sink, --cause, --source, --type, --since, --until and --where select among --all: add it")
	case !all && len(ids) == 0:
		return usage(cmd, "nothing to %s: name dead letters by id, or say --all", verb)
	}
	return nil
}

// replay gives all orders first, so that replays run side by side while their ends are awaited.
func replay(o *orders, ids []string, to string, wait bool) error {
	by := me()
	ids, err := o.each(ids, func(id string) error {
		err := deadletters.ReplayTo(o.cmd.Context(), o.temporal, id, to, by)
		if err != nil || wait {
			return err
		}
		return o.say(answer{ID: id, Outcome: "replaying"}, "replaying "+id)
	})
	o.recordEach(consign.Act{Act: "replay", Before: consign.StateParked, After: deadletters.StateReplaying}, ids)
	if err != nil || !wait {
		return errors.Join(err, o.verdict())
	}
	for _, id := range ids {
		err := deadletters.Wait(o.cmd.Context(), o.temporal, id)
		switch {
		case err == nil:
			err = o.say(answer{ID: id, Outcome: string(consign.Delivered)}, "replayed "+id+": delivered")
		case errors.Is(err, deadletters.ErrParked):
			o.failed = true
			err = o.say(answer{ID: id, Outcome: string(consign.Parked), Cause: err.Error()}, "replayed "+printable(err.Error()))
		default:
			err = o.refused(id, err)
		}
		if err != nil {
			return err
		}
	}
	return o.verdict()
}
