package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/deadletters"
)

func importCommand(connection *consign.Options) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "import {FILE | -}",
		Short: "Take in dead letters that were exported elsewhere",
		Long: `Take in dead letters that "consign dead-letters export" has written, from FILE or, with "-", from
standard input. Each keeps its id, its cause and its attempts, and is listed, shown, replayed and
discarded as one that was parked here; receivers see the same delivery ids. No worker is needed.

The whole input is checked first. When a line is bad, each bad one is named with file, line and what is
wrong, nothing is imported, and the exit code is 1.

It can be run again at any time, also after it was killed half-way: what is here already, open or closed,
stays as it is. That holds for as long as the namespace keeps closed workflows.

A dead letter whose sink is not configured here can be imported. A replay then parks it again and says
so, until the sink is configured.`,
		Example: `  consign dead-letters import letters.ndjson
  gunzip -c slack.ndjson.gz | consign dead-letters import - --namespace security`,
		Args: arguments(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, name, err := openImport(cmd, args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			temporal, namespace, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if err := consign.CheckSetup(cmd.Context(), temporal, namespace); err != nil {
				return err
			}
			return runImport(&arrivals{cmd: cmd, name: name, asJSON: asJSON}, temporal, file)
		},
	}
	addJSON(cmd, &asJSON)
	return cmd
}

// openImport opens the file. Standard input is kept in a temporary one, since it is read twice.
func openImport(cmd *cobra.Command, path string) (file *os.File, name string, err error) {
	if path != "-" {
		file, err = os.Open(path)
		if err != nil {
			return nil, "", fmt.Errorf("import: %w", err)
		}
		return file, path, nil
	}
	file, err = os.CreateTemp("", "consign-import-")
	if err != nil {
		return nil, "", fmt.Errorf("import: keeping standard input: %w", err)
	}
	_ = os.Remove(file.Name()) // it lasts as long as it is open
	_, err = io.Copy(file, cmd.InOrStdin())
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("import: keeping standard input: %w", err), file.Close())
	}
	return file, "standard input", nil
}

func runImport(a *arrivals, temporal client.Client, file io.ReadSeeker) error {
	err := deadletters.Import(a.cmd.Context(), temporal, file, a.report)
	if a.new > 0 {
		record(a.cmd, temporal, consign.Act{Act: "import", On: a.name, Detail: []string{count(a.new, "dead letter")}})
	}
	switch {
	case a.failed != nil:
		return a.failed
	case err != nil && !errors.Is(err, deadletters.ErrNotImported):
		if a.new+a.there > 0 {
			err = fmt.Errorf("%w (%s imported before; run it again for the others)", err, count(a.new, "dead letter"))
		}
		return err
	case err != nil && !a.started():
		fmt.Fprintf(a.cmd.ErrOrStderr(), "consign: %s: nothing was imported\n", a.name)
		return exit.With(exit.Failed, nil)
	}
	if !a.asJSON {
		text := "imported " + count(a.new, "dead letter")
		if a.there > 0 {
			text += fmt.Sprintf(", %d were here already", a.there)
		}
		if _, err := fmt.Fprintln(a.cmd.OutOrStdout(), text); err != nil {
			return err
		}
	}
	if err != nil {
		return exit.With(exit.Failed, nil) // each failure has been told
	}
	return nil
}

// arrivals tells what became of each line.
type arrivals struct {
	cmd        *cobra.Command
	name       string
	asJSON     bool
	new, there int
	failed     error // of printing
}

func (a *arrivals) started() bool { return a.new+a.there > 0 }

// arrival is what became of a line, for machines.
type arrival struct {
	Line    int    `json:"line"`
	ID      string `json:"id,omitempty"`
	Outcome string `json:"outcome"` // imported, there or failed
	Cause   string `json:"cause,omitempty"`
}

func (a *arrivals) report(imported deadletters.Imported) {
	told := arrival{Line: imported.Line, ID: imported.ID, Outcome: "imported"}
	switch {
	case imported.Err != nil:
		told.Outcome, told.Cause = "failed", imported.Err.Error()
		fmt.Fprintf(a.cmd.ErrOrStderr(), "%s:%d: %s\n", a.name, imported.Line, printable(told.Cause))
	case imported.There:
		told.Outcome = "there"
		a.there++
	default:
		a.new++
	}
	if a.asJSON {
		a.failed = errors.Join(a.failed, writeJSON(a.cmd.OutOrStdout(), told))
	}
}
