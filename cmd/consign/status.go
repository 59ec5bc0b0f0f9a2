package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"golang.org/x/term"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/status"
)

// watchEvery is the time from one look of "status --watch" to the next.
const watchEvery = 2 * time.Second

func statusCommand() *cobra.Command {
	var (
		connection           consign.Options
		watch, check, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how everything stands: what needs attention, sinks, workers, sources and the engine",
		Long: `Show how everything stands: what needs attention first, then sinks, workers, sources and the engine.

RUN counts attempts under way, WAIT queued attempts that no worker has taken, RETRY deliveries that wait to be tried
again, as far as they were looked into (31+: there are more), DEAD open dead letters. OK/S and FAIL/S are results a
second over the last 10 seconds, and P95 is how long all but the slowest twentieth of the last attempts took. A circuit
is each worker's own: "circuit open 1/2" is open in one of two.

Each worker tells of itself, through Temporal. One that does not is listed with when it was last seen, until 5 minutes
after that; one that has stopped in good order is not.`,
		Example: `  consign status
  consign status --watch
  consign status --check || page-somebody
  consign status --json | jq -r '.sinks[] | select(.state != "open") | .name'`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && check {
				return usage(cmd, "--watch and --check exclude each other: leave out one of them")
			}
			temporal, options, err := dialAt(cmd.Context(), connection)
			if err != nil {
				return err
			}
			defer temporal.Close()
			s := stander{cmd: cmd, temporal: temporal, options: options, asJSON: asJSON}
			if watch {
				return s.watch(cmd.Context())
			}
			overview, err := s.read(cmd.Context())
			if err != nil {
				return err
			}
			if err := s.show(cmd.OutOrStdout(), overview); err != nil {
				return err
			}
			if check && len(overview.Attention) > 0 {
				return exit.With(exit.Failed, errors.New("something needs attention"))
			}
			return nil
		},
	}
	addConnection(cmd, &connection)
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "look again every 2 seconds, until Ctrl-C")
	cmd.Flags().BoolVar(&check, "check", false, "end with exit code 1 when something needs attention")
	addJSON(cmd, &asJSON)
	return cmd
}

// stander shows how everything stands.
type stander struct {
	cmd      *cobra.Command
	temporal client.Client
	options  client.Options
	asJSON   bool
}

func (s stander) read(ctx context.Context) (status.Overview, error) {
	overview, err := status.Read(ctx, s.temporal, s.options.Namespace)
	overview.Engine.Address = s.options.HostPort
	return overview, err
}

func (s stander) show(to io.Writer, overview status.Overview) error {
	if s.asJSON {
		return writeJSON(to, overview)
	}
	return overview.Write(to, width(to))
}

// watch looks again and again. On a terminal each look takes the place of the last.
func (s stander) watch(ctx context.Context) error {
	out := s.cmd.OutOrStdout()
	redraw := onTerminal(out) && !s.asJSON
	for {
		overview, err := s.read(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was stopped, which is how a watch ends
		}
		if redraw {
			fmt.Fprint(out, "\x1b[H\x1b[2J") // to the top left, and clear
		}
		if err != nil {
			fmt.Fprintln(s.cmd.ErrOrStderr(), printable(err.Error()))
		} else if err := s.show(out, overview); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// width of a terminal; of anything else, that of text which nothing bounds.
func width(to io.Writer) int {
	if file, ok := to.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return status.DefaultWidth
}

func onTerminal(to io.Writer) bool {
	file, ok := to.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
