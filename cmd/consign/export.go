package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

func exportCommand(connection *consign.Options) *cobra.Command {
	var (
		filter deadletters.Filter
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write open dead letters to a file, whole, for another Temporal",
		Long: `Write every open dead letter, one JSON object a line, to FILE or standard output, for "consign
dead-letters import" on another Temporal or of another release. It changes nothing, and needs a worker.

A line is what "show --json" prints (results with the bytes of their data, cause, attempts, times) and
three more fields, as rsigma's dead letter queue has them: original_event, error and timestamp.

FILE appears only when it is whole and on disk, readable by its owner alone. One that is there already
is left as it is, and the command fails. What is replayed or discarded meanwhile is left out.`,
		Example: `  consign dead-letters export letters.ndjson
  consign dead-letters export --sink slack | gzip > slack.ndjson.gz`,
		Args: arguments(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			temporal, _, err := dial(cmd.Context(), *connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			var done deadletters.Exported
			write := func(w io.Writer) (err error) {
				done, err = deadletters.Export(cmd.Context(), temporal, filter, w)
				return err
			}
			if len(args) == 0 {
				err = buffered(cmd.OutOrStdout(), write)
			} else {
				err = whole(args[0], write)
			}
			if err != nil {
				return fmt.Errorf("exporting dead letters: %w", err)
			}
			return tellExported(cmd, args, done, asJSON)
		},
	}
	addFilter(cmd, &filter)
	cmd.Flags().BoolVar(&asJSON, "json", false, "with FILE, print one JSON object with what was exported on standard output; the export itself is JSON always")
	return cmd
}

func tellExported(cmd *cobra.Command, args []string, done deadletters.Exported, asJSON bool) error {
	messages := cmd.ErrOrStderr()
	for _, id := range done.Closed {
		fmt.Fprintf(messages, "left out %s, which was replayed or discarded meanwhile\n", id)
	}
	for _, id := range done.Replaying {
		fmt.Fprintf(messages, "%s is being replayed: replaying its import delivers it again, with the same delivery id\n", id)
	}
	if asJSON && len(args) > 0 {
		return writeJSON(cmd.OutOrStdout(), done)
	}
	fmt.Fprintf(messages, "exported %s with %s\n", count(done.Letters, "dead letter"), count(done.Results, "result"))
	return nil
}

func buffered(to io.Writer, write func(io.Writer) error) error {
	buffer := bufio.NewWriter(to)
	return errors.Join(write(buffer), buffer.Flush())
}

// whole has a file written that appears under its name only when it is whole and on disk.
func whole(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return err
		}
		return fmt.Errorf("%s is there already: name another file, or move it away", path)
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part.Name())
		}
	}()
	err = errors.Join(buffered(part, write), part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return err
	}
	// The name is on disk once its directory is, where the file system can sync one.
	if directory, err := os.Open(filepath.Dir(path)); err == nil {
		_ = directory.Sync()
		_ = directory.Close()
	}
	return nil
}
