package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func showCommand(connection *consign.Options) *cobra.Command {
	var asJSON, data bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a dead letter with its attempts and results",
		Long: `Show a dead letter with its attempts and results. With --data only the results are printed, one a
line, as "consign submit" reads them and with the bytes of their data unchanged.`,
		Example: `  consign dead-letters show dead-letter/slack/0199…/1
  consign dead-letters show dead-letter/slack/0199…/1 --data > results.ndjson`,
		Args:              arguments(cobra.ExactArgs(1)),
		ValidArgsFunction: openIDs(connection),
		RunE: func(cmd *cobra.Command, args []string) error {
			if data && asJSON {
				return usage(cmd, "--data and --json exclude each other: leave out one of them")
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			record, err := deadletters.Show(cmd.Context(), temporal, args[0])
			switch {
			case err != nil:
				return err
			case data:
				return writeResults(cmd.OutOrStdout(), record)
			case asJSON:
				return writeJSON(cmd.OutOrStdout(), record)
			}
			return describe(cmd.OutOrStdout(), record)
		},
	}
	cmd.Flags().BoolVar(&data, "data", false, "print the results alone, as NDJSON")
	addJSON(cmd, &asJSON)
	return cmd
}

func writeResults(out io.Writer, record consign.Record) error {
	for _, result := range record.Results {
		line, err := result.Encode()
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func describe(out io.Writer, record consign.Record) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
	}
	field("id", record.ID)
	field("state", record.State)
	field("reason", record.Reason)
	field("sink", fmt.Sprintf("%s (%s)", record.Sink, record.Kind))
	field("cause", record.Label+": "+record.Cause)
	field("parked", moment(record.ParkedAt))
	field("first due", moment(record.First))
	field("delivery", record.WorkflowID+" (run "+record.RunID+")")
	field("replays", strconv.Itoa(record.Replays))
	for _, leg := range record.AlsoTo {
		field("record to "+leg.Sink, string(leg.Outcome)+" "+leg.Cause)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := describeAttempts(out, record); err != nil {
		return err
	}
	return describeResults(out, record)
}

func describeAttempts(out io.Writer, record consign.Record) error {
	// The record keeps the failed ones, of many the latest.
	fmt.Fprintf(out, "\n%s, of which these failed:\n", count(record.Made, "attempt"))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, attempt := range record.Attempts {
		fmt.Fprintf(w, "  %d\t%s\t%s\t%s\n", attempt.Number, moment(attempt.At), attempt.Took.Duration(), printable(attempt.Cause))
	}
	return w.Flush()
}

func describeResults(out io.Writer, record consign.Record) error {
	fmt.Fprintf(out, "\n%s\n", count(len(record.Results), "result"))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, result := range record.Results {
		fmt.Fprintf(w, "  %s\t%s\t%d bytes\t%s\n", printable(result.Source+"/"+result.ID), printable(result.Type), len(result.Data),
			consign.DeliveryID(result.Source, result.ID, record.Sink))
	}
	return w.Flush()
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000 MST") }
