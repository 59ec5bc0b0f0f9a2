package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func replayCommand(connection *consign.Options) *cobra.Command {
	var (
		filter    deadletters.Filter
		all, wait bool
		asJSON    bool
	)
	cmd := &cobra.Command{
		Use:   "replay {ID... | --all}",
		Short: "Deliver once more what dead letters hold",
		Long: `Deliver once more what dead letters hold, by today's settings of their sinks and with a full budget of
retries. Receivers see the same delivery ids as before. What fails again is parked again.

With --wait, exit code 1 if anything was parked again.`,
		Example: `  consign dead-letters replay dead-letter/slack/0199…/1 --wait
  consign dead-letters replay --all --sink slack --cause "http 401"
  consign dead-letters replay --all --sink slack --since 2h`,
		ValidArgsFunction: openIDs(connection),
		RunE: func(cmd *cobra.Command, ids []string) error {
			selective := filter != deadletters.Filter{}
			switch {
			case all && len(ids) > 0:
				return usage(cmd, "--all and ids exclude each other: leave out one of them")
			case selective && !all:
				return usage(cmd, "--sink, --cause, --source, --type, --since and --until select among --all: add it")
			case !all && len(ids) == 0:
				return usage(cmd, "nothing to replay: name dead letters by id, or say --all")
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if all {
				if ids, err = parked(cmd, temporal, filter); err != nil {
					return err
				}
			}
			return replay(&orders{cmd: cmd, temporal: temporal, asJSON: asJSON}, ids, wait)
		},
	}
	addFilter(cmd, &filter)
	cmd.Flags().BoolVar(&all, "all", false, "replay every parked dead letter")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until each is delivered or parked again")
	addJSON(cmd, &asJSON)
	return cmd
}

// parked lists the ids first and whole: replayed ones leave the listing while it is read.
func parked(cmd *cobra.Command, temporal client.Client, filter deadletters.Filter) ([]string, error) {
	filter.State = consign.StateParked
	var ids []string
	for entry, err := range deadletters.List(cmd.Context(), temporal, filter) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, entry.ID)
	}
	if len(ids) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
	}
	return ids, nil
}

// replay gives all orders first, so that replays run side by side while their ends are awaited.
func replay(o *orders, ids []string, wait bool) error {
	by := me()
	ids, err := o.each(ids, func(id string) error {
		err := deadletters.Replay(o.cmd.Context(), o.temporal, id, by)
		if err != nil || wait {
			return err
		}
		return o.say(answer{ID: id, Outcome: "replaying"}, "replaying "+id)
	})
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
