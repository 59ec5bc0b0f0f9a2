package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func listCommand(connection *consign.Options) *cobra.Command {
	var (
		filter         deadletters.Filter
		counts, asJSON bool
	)
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List dead letters, the newest first",
		Example: `  consign dead-letters list
  consign dead-letters list --sink slack --cause "http 400"
  consign dead-letters list --counts
  consign dead-letters list --since 2h --type vulnerability
  consign dead-letters list --where 'made > 10 && data.severity >= 7'
  consign dead-letters list --all --json | jq -r .id`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if filter.Limit < 0 {
				return usage(cmd, "--limit %d: 0 lists all of them", filter.Limit)
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if counts {
				return listCounts(cmd, temporal, filter, asJSON)
			}
			return list(cmd, temporal, filter, asJSON)
		},
	}
	addFilter(cmd, &filter)
	cmd.Flags().BoolVar(&filter.Closed, "all", false, "list those too that were replayed or discarded")
	cmd.Flags().BoolVar(&counts, "counts", false, "count them by sink and cause instead, the most frequent first; --limit has no effect")
	cmd.Flags().IntVar(&filter.Limit, "limit", 100, "list at most so many; 0 for all")
	addJSON(cmd, &asJSON)
	return cmd
}

func addFilter(cmd *cobra.Command, filter *deadletters.Filter) {
	cmd.Flags().StringVar(&filter.Sink, "sink", "", "only those of this sink")
	cmd.Flags().StringVar(&filter.Label, "cause", "", `only those with this cause, by its short name, such as "http 400"`)
	cmd.Flags().StringVar(&filter.Source, "source", "", "only those whose first result is of this source")
	cmd.Flags().StringVar(&filter.Type, "type", "", "only those whose first result is of this type")
	cmd.Flags().Var(timeFlag{&filter.Since}, "since", "only those parked since then: how long ago, such as 2h, or a time")
	cmd.Flags().Var(timeFlag{&filter.Until}, "until", "only those parked before then")
	cmd.Flags().StringVar(&filter.Where, "where", "", "only those for which this condition holds, in the language of \"when\", which also knows sink, kind, label, cause, made, replays and parked_at")
}

func listCounts(cmd *cobra.Command, temporal client.Client, filter deadletters.Filter, asJSON bool) error {
	counted, err := deadletters.Causes(cmd.Context(), temporal, filter)
	if err != nil {
		return err
	}
	out := newTable(cmd.OutOrStdout(), "DEAD LETTERS", "RESULTS", "SINK", "CAUSE", "OLDEST", "NEWEST")
	for _, c := range counted {
		if asJSON {
			err = writeJSON(cmd.OutOrStdout(), c)
		} else {
			err = out.row(strconv.Itoa(c.DeadLetters), strconv.Itoa(c.Results), c.Sink, c.Label, c.Oldest.Local().Format(time.DateTime), c.Newest.Local().Format(time.DateTime))
		}
		if err != nil {
			return err
		}
	}
	if len(counted) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
	}
	return out.flush()
}

func list(cmd *cobra.Command, temporal client.Client, filter deadletters.Filter, asJSON bool) error {
	out := newTable(cmd.OutOrStdout(), "ID", "STATE", "PARKED", "ATTEMPTS", "RESULTS", "FIRST RESULT", "CAUSE")
	listed := 0
	for entry, err := range deadletters.List(cmd.Context(), temporal, filter) {
		if err != nil {
			return err
		}
		listed++
		if asJSON {
			err = writeJSON(cmd.OutOrStdout(), entry)
		} else {
			held := entry.Header
			err = out.row(entry.ID, entry.State, held.ParkedAt.Local().Format(time.DateTime), strconv.Itoa(held.Made),
				strconv.Itoa(held.Results), held.Source+"/"+held.ID, cause(held))
		}
		if err != nil {
			return err
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	return remark(cmd, temporal, filter, listed)
}

// remark says what the list cannot: that it is empty, or cut.
func remark(cmd *cobra.Command, temporal client.Client, filter deadletters.Filter, listed int) error {
	if listed == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "no dead letters")
	}
	if filter.Limit == 0 || listed < filter.Limit {
		return nil
	}
	all, err := deadletters.Count(cmd.Context(), temporal, filter)
	if err == nil && all > int64(listed) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d dead letters; --limit 0 lists all\n", listed, all)
	}
	return err
}

// cause in one cell: "http 400: bad request…". The text of a failure often begins with its label.
func cause(header consign.Header) string {
	const width = 80
	text := []rune(header.Label + ": " + header.Cause)
	if len(text) > width {
		text = append(text[:width-1], '…')
	}
	return string(text)
}
