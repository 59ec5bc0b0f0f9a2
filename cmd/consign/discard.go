package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func discardCommand(connection *consign.Options) *cobra.Command {
	order := bulkFlags{Bulk: deadletters.Bulk{Act: deadletters.ActDiscard}}
	var all bool
	cmd := &cobra.Command{
		Use:   "discard {ID... | --all} --reason TEXT",
		Short: "Give up dead letters for good",
		Long: `Give up dead letters for good. Each closes, and can be shown with the reason and who gave it until the
namespace's retention is over. --all, and --rate, make it one order that a workflow carries out.`,
		Example: `  consign dead-letters discard dead-letter/slack/0199…/1 --reason "test data"
  consign dead-letters discard --all --sink slack --until 2026-11-01 --reason "the channel is gone" --dry-run`,
		ValidArgsFunction: openIDs(connection),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if err := selection(cmd, all, order.Filter, ids, "discard"); err != nil {
				return err
			}
			if strings.TrimSpace(order.Reason) == "" {
				return usage(cmd, "--reason is missing: say why, for whoever looks for these results later")
			}
			if (order.dryRun || order.wait) && !all {
				return usage(cmd, "--dry-run and --wait are for --all: ids are discarded at once")
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
			o := &orders{cmd: cmd, temporal: temporal, asJSON: order.asJSON}
			by := me()
			discarded, err := o.each(ids, func(id string) error {
				if err := deadletters.Discard(cmd.Context(), temporal, id, order.Reason, by); err != nil {
					return err
				}
				return o.say(answer{ID: id, Outcome: consign.StateDiscarded}, "discarded "+id)
			})
			o.recordEach(consign.Act{Act: "discard", Reason: order.Reason, Before: consign.StateParked, After: consign.StateDiscarded}, discarded)
			return errors.Join(err, o.verdict())
		},
	}
	addFilter(cmd, &order.Filter)
	cmd.Flags().BoolVar(&all, "all", false, "discard every parked dead letter that the other flags select")
	cmd.Flags().StringVar(&order.Reason, "reason", "", "why; kept with the dead letter (required)")
	order.add(cmd)
	return cmd
}
