package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func discardCommand(connection *consign.Options) *cobra.Command {
	var (
		reason string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "discard ID... --reason TEXT",
		Short: "Give up dead letters for good",
		Long: `Give up dead letters for good. Each closes, and can be shown with the reason and who gave it until the
namespace's retention is over.`,
		Example:           `  consign dead-letters discard dead-letter/slack/0199…/1 --reason "test data"`,
		ValidArgsFunction: openIDs(connection),
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case len(ids) == 0:
				return usage(cmd, "nothing to discard: name dead letters by id")
			case strings.TrimSpace(reason) == "":
				return usage(cmd, "--reason is missing: say why, for whoever looks for these results later")
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			o := &orders{cmd: cmd, temporal: temporal, asJSON: asJSON}
			by := me()
			_, err = o.each(ids, func(id string) error {
				if err := deadletters.Discard(cmd.Context(), temporal, id, reason, by); err != nil {
					return err
				}
				return o.say(answer{ID: id, Outcome: consign.StateDiscarded}, "discarded "+id)
			})
			return errors.Join(err, o.verdict())
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why; kept with the dead letter (required)")
	addJSON(cmd, &asJSON)
	return cmd
}
