package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/deadletters"
)

func deadLettersCommand() *cobra.Command {
	connection := new(consign.Options)
	cmd := group(&cobra.Command{
		Use:     "dead-letters",
		Aliases: []string{"dlq", "dead-letter"},
		Short:   "List, show, replay, discard, export and import what could not be delivered",
		Example: `  consign dead-letters list --sink slack
  consign dead-letters show dead-letter/slack/0199…/1
  consign dead-letters replay --all --sink slack --dry-run
  consign dead-letters replay --all --sink slack --rate 20 --wait
  consign dead-letters discard dead-letter/slack/0199…/1 --reason "test data"`,
	}, listCommand(connection), showCommand(connection), replayCommand(connection), discardCommand(connection),
		ordersCommand(connection), exportCommand(connection), importCommand(connection))
	addConnection(cmd, connection)
	return cmd
}

// openIDs completes the ids of dead letters that can be replayed or discarded.
func openIDs(connection *consign.Options) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		temporal, _, err := dial(ctx, *connection)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer temporal.Close()
		var ids []string
		for entry, err := range deadletters.List(ctx, temporal, deadletters.Filter{Limit: 100}) {
			if err != nil {
				break
			}
			ids = append(ids, cobra.CompletionWithDesc(entry.ID, printable(entry.Header.Sink+": "+entry.Header.Label)))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}

// me is who gives an order: user@host.
func me() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}

// record keeps what was done, for "consign audit". What cannot be recorded is done all the same, and said.
func record(cmd *cobra.Command, temporal client.Client, act consign.Act) {
	act.By = me()
	if err := consign.RecordAct(cmd.Context(), temporal, act); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", printable(err.Error()))
	}
}

// orders are given to several dead letters one after the other. One that fails is reported and does
// not stop the others, unless Temporal itself is away.
type orders struct {
	cmd      *cobra.Command
	temporal client.Client
	asJSON   bool
	failed   bool
}

// recordEach keeps what was done to dead letters, if anything was.
func (o *orders) recordEach(act consign.Act, ids []string) {
	switch len(ids) {
	case 0:
		return
	case 1:
		act.On = ids[0]
	default:
		act.On, act.Detail = count(len(ids), "dead letter"), ids
	}
	record(o.cmd, o.temporal, act)
}

// answer is what became of an order, for machines.
type answer struct {
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
	Cause   string `json:"cause,omitempty"`
}

// each gives an order to each dead letter, and returns those that took it.
func (o *orders) each(ids []string, order func(id string) error) ([]string, error) {
	var took []string
	for _, id := range ids {
		err := order(id)
		if err == nil {
			took = append(took, id)
			continue
		}
		if err := o.refused(id, err); err != nil {
			return took, err
		}
	}
	return took, nil
}

// refused reports an order that failed; its error ends the command.
func (o *orders) refused(id string, err error) error {
	if o.cmd.Context().Err() != nil || errors.Is(err, consign.ErrUnreachable) || errors.Is(err, consign.ErrNotSetUp) {
		return err
	}
	o.failed = true
	if o.asJSON {
		return writeJSON(o.cmd.OutOrStdout(), answer{ID: id, Outcome: "failed", Cause: err.Error()})
	}
	fmt.Fprintf(o.cmd.ErrOrStderr(), "consign: %s\n", printable(err.Error()))
	return nil
}

// say prints what became of an order.
func (o *orders) say(a answer, text string) error {
	if o.asJSON {
		return writeJSON(o.cmd.OutOrStdout(), a)
	}
	_, err := fmt.Fprintln(o.cmd.OutOrStdout(), text)
	return err
}

// verdict is the error that the command ends with.
func (o *orders) verdict() error {
	if o.failed {
		return exit.With(exit.Failed, nil) // each failure has been told
	}
	return nil
}
