package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/status"
)

// tailOutcomes are what --outcome takes.
func tailOutcomes() []string {
	return []string{
		activities.EventResult, string(consign.Delivered), activities.EventFailed, activities.EventRefused,
		string(consign.Parked), string(consign.Dropped), string(consign.Unmatched), activities.EventAcked,
	}
}

func tailCommand() *cobra.Command {
	var (
		connection consign.Options
		filter     activities.TailInput
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Show results and what becomes of them as it happens, in all workers",
		Long: `Show results and what becomes of them as it happens, in all workers, from now on until Ctrl-C. Workers keep events
only while somebody tails, and never wait for whoever does: of a flood the latest are shown, at most some
hundred a second, and how many were missed is said. For all of them read a sink, or "consign trace" for one result.

An outcome is "result" when a result was routed, then for each sink delivered, failed (it is tried again), refused (it
is not), parked or dropped; unmatched when no sink wants it; acked when the upstream has its ack.`,
		Example: `  consign tail
  consign tail --sink slack --outcome failed
  consign tail --source scanner --json | jq -c '{id, outcome}'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if filter.Outcome != "" && !slices.Contains(tailOutcomes(), filter.Outcome) {
				return usage(cmd, "--outcome %q: give one of %s", filter.Outcome, strings.Join(tailOutcomes(), ", "))
			}
			temporal, namespace, err := dial(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			t := tailer{out: cmd.OutOrStdout(), say: cmd.ErrOrStderr(), asJSON: asJSON, silent: map[string]bool{}}
			return status.Tail(cmd.Context(), temporal, namespace, filter, t.show)
		},
	}
	addConnection(cmd, &connection)
	f := cmd.Flags()
	f.StringVar(&filter.Source, "source", "", "only of this source")
	f.StringVar(&filter.Type, "type", "", "only of this type")
	f.StringVar(&filter.Sink, "sink", "", "only what is for this sink")
	f.StringVar(&filter.Outcome, "outcome", "", "only this outcome: "+strings.Join(tailOutcomes(), ", "))
	addJSON(cmd, &asJSON)
	return cmd
}

// tailer prints what workers tell.
type tailer struct {
	out, say io.Writer
	asJSON   bool
	silent   map[string]bool // workers, by whether they have last not answered
}

// tailed is an event in JSON. The worker stands beside it.
type tailed struct {
	Worker string `json:"worker"`
	activities.Event
}

func (t *tailer) show(told status.Tailed) {
	if told.Err != nil {
		if !t.silent[told.Worker] {
			fmt.Fprintf(t.say, "# %s: %s\n", printable(cmp.Or(told.Worker, "temporal")), printable(told.Err.Error()))
		}
		t.silent[told.Worker] = true
		return
	}
	if silent, known := t.silent[told.Worker]; !known || silent {
		fmt.Fprintf(t.say, "# tailing worker %s\n", printable(told.Worker))
	}
	t.silent[told.Worker] = false
	if told.Missed > 0 {
		fmt.Fprintf(t.say, "# %s: %d events missed\n", printable(told.Worker), told.Missed)
	}
	for _, e := range told.Events {
		if t.asJSON {
			_ = writeJSON(t.out, tailed{told.Worker, e})
			continue
		}
		fmt.Fprintln(t.out, printable(line(e)))
	}
}

// line is an event for people.
func line(e activities.Event) string {
	name := e.Source + "/" + e.ID
	if e.Type != "" {
		name += " (" + e.Type + ")"
	}
	text := fmt.Sprintf("%s  %-9s  %s", e.At.Local().Format("15:04:05.000"), e.Outcome, name)
	switch {
	case e.Outcome == activities.EventResult:
		text += " -> " + strings.Join(e.Sinks, ", ")
	case e.Sink != "":
		text += " at " + e.Sink
	}
	if e.Attempt > 0 {
		text += fmt.Sprintf(", attempt %d", e.Attempt)
	}
	if e.Took > 0 {
		text += ", " + e.Took.Duration().String()
	}
	if e.Cause != "" {
		text += ": " + e.Cause
	}
	if e.Data != "" {
		text += "  " + e.Data
	}
	return text
}
