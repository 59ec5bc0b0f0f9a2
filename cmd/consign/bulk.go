package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/deadletters"
)

// bulkFlags are those of every order about many dead letters.
type bulkFlags struct {
	deadletters.Bulk

	dryRun, wait, asJSON bool
}

func (f *bulkFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say how many it would be, by sink and cause, and change nothing")
	cmd.Flags().Float64Var(&f.Rate, "rate", 0, "begin at most so many a second, so that live results are not held up; 0: as many as keep 64 under way")
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait until all of it is over, and tell how far it is")
	addJSON(cmd, &f.asJSON)
}

// carryOut orders it, or says what it would be.
func (f *bulkFlags) carryOut(cmd *cobra.Command, temporal client.Client) error {
	f.By = me()
	if err := f.Check(); err != nil {
		return usage(cmd, "%w", err)
	}
	if f.dryRun {
		return f.tellSelection(cmd, temporal)
	}
	id, err := deadletters.StartBulk(cmd.Context(), temporal, f.Bulk)
	if err != nil {
		return err
	}
	record(cmd, temporal, consign.Act{Act: string(f.Act), On: f.Words(), Reason: f.Reason, Detail: []string{id}})
	if f.wait {
		fmt.Fprintf(cmd.ErrOrStderr(), "order %s: %s\n", id, printable(f.Words()))
		return followBulk(cmd, temporal, id, f.asJSON)
	}
	if f.asJSON {
		return writeJSON(cmd.OutOrStdout(), deadletters.Progress{ID: id, Order: f.Bulk, State: deadletters.BulkRunning, Began: time.Now().UTC()})
	}
	fmt.Fprintf(cmd.OutOrStdout(), "order %s: %s\nIt goes on by itself. How far it is: consign dead-letters orders %s\n", id, printable(f.Words()), id)
	return nil
}

// tellSelection is a dry run.
func (f *bulkFlags) tellSelection(cmd *cobra.Command, temporal client.Client) error {
	if f.Act == deadletters.ActResend {
		n, err := deadletters.CountDeliveries(cmd.Context(), temporal, f.Filter)
		if err != nil {
			return err
		}
		if f.asJSON {
			return writeJSON(cmd.OutOrStdout(), map[string]int64{"deliveries": n})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "would look into %s that ended in that time, and send again what sink %s has taken of them\n", count(int(n), "consignment"), printable(f.Filter.Sink))
		return nil
	}
	parked := f.Filter
	parked.State = consign.StateParked
	return listCounts(cmd, temporal, parked, f.asJSON)
}

// followBulk tells how far an order is until it is over. Exit code 1 when something of it failed.
func followBulk(cmd *cobra.Command, temporal client.Client, id string, asJSON bool) error {
	p, err := deadletters.WaitBulk(cmd.Context(), temporal, id, func(p deadletters.Progress) {
		if p.State == deadletters.BulkRunning {
			fmt.Fprintln(cmd.ErrOrStderr(), printable(howFar(p)))
		}
	})
	if err != nil {
		return fmt.Errorf("the order goes on, but is not watched any more: %w", err)
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), p)
	} else {
		err = tellBulk(cmd.OutOrStdout(), p)
	}
	if err == nil && (p.Failed > 0 || p.State != deadletters.BulkDone) {
		return exit.With(exit.Failed, nil)
	}
	return err
}

// howFar is an order's progress on one line.
func howFar(p deadletters.Progress) string {
	text := fmt.Sprintf("%d ordered, %d over, %d under way, %d failed", p.Ordered, p.Done+p.Skipped, p.UnderWay(), p.Failed)
	if p.Trouble != "" {
		text += "; held up: " + p.Trouble
	}
	return text
}

// tellBulk says what became of an order.
func tellBulk(out io.Writer, p deadletters.Progress) error {
	did, what, end := "replayed", "dead letter", "delivered"
	switch p.Order.Act {
	case deadletters.ActReplay:
	case deadletters.ActDiscard:
		did, end = "discarded", "discarded"
	case deadletters.ActResend:
		did, what = "sent again", "consignment"
	}
	fmt.Fprintf(out, "%s %s: %d %s", did, count(p.Ordered, what), p.Done, end)
	for _, part := range []struct {
		n    int
		word string
	}{{p.Failed, "failed and parked again"}, {p.Skipped, "closed by someone else before"}, {p.UnderWay(), "under way"}} {
		if part.n > 0 {
			fmt.Fprintf(out, ", %d %s", part.n, part.word)
		}
	}
	if p.State != deadletters.BulkDone {
		fmt.Fprintf(out, " (%s)", p.State)
	}
	fmt.Fprintln(out)
	for _, failure := range p.Failures {
		fmt.Fprintf(out, "  %s: %s\n", printable(failure.ID), printable(failure.Cause))
	}
	if hidden := p.Failed - len(p.Failures); hidden > 0 {
		fmt.Fprintf(out, "  and %d more: consign dead-letters list\n", hidden)
	}
	return nil
}

func ordersCommand(connection *consign.Options) *cobra.Command {
	var cancel, wait, asJSON bool
	var limit int
	cmd := &cobra.Command{
		Use:   "orders [ID]",
		Short: "List orders about many dead letters, or tell how far one is",
		Long: `List the orders of "replay --all", "discard --all" and "resend", the newest first, or tell how far one is. Each is a
workflow, which goes on when workers restart. --cancel has one begin nothing more; what is under way goes on.`,
		Example: `  consign dead-letters orders
  consign dead-letters orders bulk/0199… --wait
  consign dead-letters orders bulk/0199… --cancel`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			if len(ids) == 0 && (cancel || wait) {
				return usage(cmd, "--cancel and --wait are about one order: give its id")
			}
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			switch {
			case len(ids) == 0:
				return listBulks(cmd, temporal, limit, asJSON)
			case cancel:
				if err := deadletters.CancelBulk(cmd.Context(), temporal, ids[0]); err != nil {
					return err
				}
				record(cmd, temporal, consign.Act{Act: "cancel", On: ids[0], Before: deadletters.BulkRunning, After: deadletters.BulkCancelled})
				if !wait {
					return nil
				}
			}
			if wait {
				return followBulk(cmd, temporal, ids[0], asJSON)
			}
			p, err := deadletters.BulkProgress(cmd.Context(), temporal, ids[0])
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(cmd.OutOrStdout(), p)
			case p.State == deadletters.BulkRunning:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s, by %s, since %s\n%s\n", printable(p.Order.Words()), printable(p.Order.By), moment(p.Began), printable(howFar(p)))
				return err
			}
			return tellBulk(cmd.OutOrStdout(), p)
		},
	}
	cmd.Flags().BoolVar(&cancel, "cancel", false, "have it begin nothing more")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is over, and tell how far it is")
	cmd.Flags().IntVar(&limit, "limit", 20, "list at most so many; 0 for all")
	addJSON(cmd, &asJSON)
	return cmd
}

func listBulks(cmd *cobra.Command, temporal client.Client, limit int, asJSON bool) error {
	table := newTable(cmd.OutOrStdout(), "ORDER", "BEGAN", "STATE", "BEGUN", "OVER", "FAILED", "BY", "WHAT")
	for listed, err := range deadletters.Bulks(cmd.Context(), temporal, limit) {
		if err != nil {
			return err
		}
		p, err := deadletters.BulkProgress(cmd.Context(), temporal, listed.ID)
		if err != nil {
			return err
		}
		if asJSON {
			err = writeJSON(cmd.OutOrStdout(), p)
		} else {
			err = table.row(p.ID, moment(p.Began), p.State, strconv.Itoa(p.Ordered), strconv.Itoa(p.Done+p.Skipped), strconv.Itoa(p.Failed), p.Order.By, p.Order.Words())
		}
		if err != nil {
			return err
		}
	}
	return table.flush()
}

func resendCommand() *cobra.Command {
	var connection consign.Options
	order := bulkFlags{Bulk: deadletters.Bulk{Act: deadletters.ActResend}}
	cmd := &cobra.Command{
		Use:   "resend --sink NAME --since TIME",
		Short: "Send again what a sink had already taken",
		Long: `Send again what a sink had already taken, for when it has lost it: results submitted in that time, with the same
delivery ids as before, so that receivers which still have them can drop them. It reaches as far back as the namespace
keeps closed deliveries (consign setup --retention). Each delivery becomes a dead letter with the cause "resend" that is
replayed at once; what the sink does not take stays parked.`,
		Example: `  consign resend --sink siem --since "2026-11-26 02:00" --until "2026-11-26 03:30" --dry-run
  consign resend --sink siem --since 6h --rate 50 --wait`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			temporal, _, err := dial(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			return order.carryOut(cmd, temporal)
		},
	}
	cmd.Flags().StringVar(&order.Filter.Sink, "sink", "", "the sink that is to get it again (required)")
	cmd.Flags().Var(timeFlag{&order.Filter.Since}, "since", "what was submitted since then: how long ago, such as 2h, or a time (required)")
	cmd.Flags().Var(timeFlag{&order.Filter.Until}, "until", "what was submitted before then (default: now)")
	cmd.Flags().StringVar(&order.Filter.Source, "source", "", "only results of this source")
	cmd.Flags().StringVar(&order.Filter.Type, "type", "", "only results of this type")
	order.add(cmd)
	addConnection(cmd, &connection)
	return cmd
}
