package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/trace"
)

func traceCommand() *cobra.Command {
	var (
		connection consign.Options
		query      trace.Query
		since      time.Duration
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "trace SOURCE/ID",
		Short: "Tell the whole story of one result: attempts, dead letters, replays and acks",
		Long: `Tell the whole story of one result: when it was submitted and by whom, each attempt at each sink, what it waits for,
what was parked and what people did with that, and the ack. It is read from Temporal, where it stands as long as the
namespace's retention after the delivery has closed, and as long as a dead letter of it is open.

In place of SOURCE/ID the id of a delivery's workflow or of a dead letter can be given. A result that came in a batch
(batch_max above 1) is not found by its name alone: --since looks through the batches of that time, and
--workflow names the batch.

What no sink's "when" has said of a result is not recorded: "consign route" shows what it would say today.`,
		Example: `  consign trace scanner/4711
  consign trace dead-letter/slack/0199…/1
  consign trace scanner/4711 --since 2h
  consign trace scanner/4711 --json | jq '.legs[] | {sink, state}'`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := named(cmd, args, &query); err != nil {
				return err
			}
			if since < 0 {
				return usage(cmd, "--since %s: give how long ago, such as 2h", since)
			}
			if since > 0 {
				query.Since = time.Now().Add(-since)
			}
			temporal, options, err := dialAt(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			query.Namespace = options.Namespace
			if query.UI == "" && options.HostPort == consign.DefaultAddress {
				query.UI = fmt.Sprintf("http://127.0.0.1:%d", embedded.DefaultUIPort)
			}
			story, err := trace.Read(cmd.Context(), temporal, query)
			if errors.Is(err, trace.ErrUnknown) {
				return exit.With(exit.Failed, err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), story)
			}
			return story.Write(cmd.OutOrStdout(), width(cmd.OutOrStdout()))
		},
	}
	addConnection(cmd, &connection)
	cmd.Flags().StringVar(&query.Workflow, "workflow", "", "id of the delivery's workflow, or of a dead letter, that carries the result")
	cmd.Flags().DurationVar(&since, "since", 0, "look among batches that began within this time, such as 2h, the latest 1,000 of them (default: not there)")
	cmd.Flags().StringVar(&query.UI, "ui", "", "address of Temporal's Web UI, for links (default http://127.0.0.1:8233 where Temporal is at "+consign.DefaultAddress+")")
	addJSON(cmd, &asJSON)
	return cmd
}

// named reads which result is meant.
func named(cmd *cobra.Command, args []string, query *trace.Query) error {
	if len(args) == 0 {
		if query.Workflow == "" {
			return usage(cmd, "say which result, as SOURCE/ID")
		}
		return nil
	}
	named, ok := trace.Named(args[0])
	switch {
	case !ok:
		return usage(cmd, "%q: give the result as SOURCE/ID", args[0])
	case named.Workflow != "" && query.Workflow != "":
		return usage(cmd, "%s and --workflow name two workflows: leave out one of them", args[0])
	case named.Workflow != "":
		query.Workflow = named.Workflow
	default:
		query.Source, query.ID = named.Source, named.ID
	}
	return nil
}
