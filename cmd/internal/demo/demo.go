// Package demo is the command `consign demo`: a Temporal server with its Web UI, a worker with three
// sinks, or six, and a receiver in a process of its own that fails on purpose. It submits results, shows
// what becomes of them, heals the receiver, replays the dead letters, and judges by what the sinks hold.
//
// demo.go tells the story. stage.go starts its parts, receiver.go is the receiver and faults.go its
// faults, counterparts.go what stands beside it with --sinks all, inventory.go looks at what each sink's
// destination has, screen.go shows it, verdict.go judges.
package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

// options of the command.
type options struct {
	once, json bool
	// sinks is empty for the three that the demo is about, or "all".
	sinks string
	// vanish and vanishArchive name a result that the receiver, or the archive, loses.
	vanish, vanishArchive string
}

func (o options) all() bool { return o.sinks == allSinks }

// Command returns `consign demo`.
func Command(version string) *cobra.Command {
	var o options
	command := &cobra.Command{
		Use:   "demo",
		Short: "Watch results being delivered, retried, parked and replayed",
		Long: `Starts a Temporal server with its Web UI, and a worker with three sinks: a file, standard output in
miniature, and an HTTP receiver in a process of its own that fails some results at first and a few every
time. It submits about a hundred security detections, shows what each sink has taken, is retrying and has
parked, then heals the receiver, replays the dead letters and checks that nothing was lost.

With --sinks all there are three sinks more, which deliver to the receiver's process too: to a collector
behind a Unix socket, a stream of a NATS server, and a topic of kfake, a broker for tests that speaks
Kafka's protocol. They fail nothing, and are read back in the end. Left out is what needs more:

` + leftOut() + `
It uses free ports and a temporary directory, and leaves nothing behind.`,
		Example: `  consign demo           # waits for you before it heals the receiver; Ctrl-C ends it
  consign demo --once    # runs through; exit status 1 if anything is missing anywhere
  consign demo --sinks all --once`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return exit.With(exit.Usage, err)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.json && !o.once {
				return exit.With(exit.Usage, errors.New("--json prints the verdict, so it needs --once"))
			}
			if cmd.Flags().Changed("sinks") && !o.all() {
				return exit.With(exit.Usage, fmt.Errorf("--sinks %q: the only choice is %s; without it there are a file, stdout and a webhook", o.sinks, allSinks))
			}
			story := cmd.OutOrStdout()
			if o.json {
				story = cmd.ErrOrStderr()
			}
			show := &show{
				options: o, screen: newScreen(story), stdin: bufio.NewReader(cmd.InOrStdin()),
				stdout: cmd.OutOrStdout(), began: time.Now(), arrived: map[string]bool{},
			}
			show.screen.notef("Consign %s, the demo. It starts a Temporal server, which takes some seconds.", version)
			return show.run(cmd.Context())
		},
	}
	flags := command.Flags()
	flags.BoolVar(&o.once, "once", false, "run through without waiting, then exit with the verdict")
	flags.BoolVar(&o.json, "json", false, "with --once: print the verdict as JSON on standard output, and the story on standard error")
	flags.StringVar(&o.sinks, "sinks", "", "`all`: every sink that needs no server of yours, not just three")
	flags.StringVar(&o.vanish, "vanish", "", "let the receiver lose the result with this id, to see the verdict notice it")
	flags.StringVar(&o.vanishArchive, "vanish-archive", "", "let the archive lose the result with this id, to see the verdict notice it")
	for _, hidden := range []string{"vanish", "vanish-archive"} {
		if err := flags.MarkHidden(hidden); err != nil {
			panic(err) // a flag of that name is defined just above
		}
	}
	command.AddCommand(receiverCommand())
	return command
}

// show is one run of the demo.
type show struct {
	options
	screen  *screen
	stdin   *bufio.Reader
	stdout  io.Writer
	began   time.Time
	results []consign.Result
	stage   *stage
	linked  bool            // the Web UI's link was shown
	arrived map[string]bool // dead letters whose replay was shown, by workflow id
}

var errNegative = errors.New("the demo's verdict is negative: what is wrong stands above")

// run tells the story.
func (s *show) run(ctx context.Context) (err error) {
	if s.results, err = detections(); err != nil {
		return err
	}
	if err := s.checkIDs(); err != nil {
		return err
	}
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	if s.stage, err = openStage(ctx, s.options); err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, s.stage.close(ctx)) }()
	watching.Go(func() { s.stage.watchOver(ctx, end) })

	s.introduce()
	for _, part := range []func(context.Context) error{s.deliver, s.listDeadLetters, s.await, s.healAndReplay} {
		if err := part(ctx); err != nil {
			return interrupted(ctx, err)
		}
	}
	v, err := s.verdict(ctx)
	if err != nil {
		return interrupted(ctx, err)
	}
	if !s.once {
		s.screen.notef("\nThe Web UI stays up at %s and the archive at %s until you press Ctrl-C.", s.stage.server.UIURL(), s.stage.archive)
		<-ctx.Done()
	}
	if !v.Pass {
		return errNegative
	}
	return nil
}

// interrupted gives the reason why ctx ended before err, which is then but a consequence.
func interrupted(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, context.Canceled):
		return errors.New("the demo was interrupted; nothing of it is left")
	default:
		return cause
	}
}

func (s *show) checkIDs() error {
	known := map[string]bool{"": true}
	for _, result := range s.results {
		known[result.ID] = true
	}
	for _, id := range []string{s.vanish, s.vanishArchive} {
		if !known[id] {
			return exit.With(exit.Usage, fmt.Errorf("no detection has the id %q: the first is %s", id, s.results[0].ID))
		}
	}
	return nil
}

func (s *show) introduce() {
	s.screen.notef("\n  Web UI    %s\n  Temporal  %s", s.stage.server.UIURL(), s.stage.server.Address())
	s.screen.notef("\nThe configuration:\n\n  %s", strings.ReplaceAll(strings.TrimSpace(s.stage.configuration), "\n", "\n  "))
	if s.stage.all() {
		s.screen.notef("\nThe collector, a NATS server and kfake, which stands in for Kafka, live in the receiver's process.")
		s.screen.notef("Left out are the kinds that need more than this program has in it:\n\n%s", strings.TrimSuffix(leftOut(), "\n"))
	}
	s.screen.notef("\nSubmitting %d detections. The receiver behind %q fails some at first, and a few every time.\n", len(s.results), webhookSink)
}

func (s *show) listDeadLetters(ctx context.Context) error {
	e, err := s.stage.askEngine(ctx)
	if err != nil {
		return err
	}
	s.screen.notef("\nEvery result is committed. %d are parked as dead letters, each with its cause:\n", len(e.letters))
	for _, l := range e.letters {
		s.screen.notef("  %s  %s  attempts: %d  %s", l.header.ID, l.header.Label, l.header.Made, l.header.Cause)
	}
	return nil
}

// await waits for a person, if there is one.
func (s *show) await(ctx context.Context) error {
	if s.once {
		return nil
	}
	s.screen.notef(`
Press Enter to heal the receiver and replay them. Until then, in another terminal:

  consign dead-letters list --address %s`, s.stage.server.Address())
	entered := make(chan struct{})
	go func() { // a read of a terminal heeds no context: it may last as long as the process
		_, _ = s.stdin.ReadString('\n')
		close(entered)
	}()
	select {
	case <-entered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *show) verdict(ctx context.Context) (*verdict, error) {
	if s.vanishArchive != "" {
		if err := s.stage.cutFromArchive(s.vanishArchive); err != nil {
			return nil, err
		}
	}
	e, err := s.stage.gather(ctx, s.results)
	if err != nil {
		return nil, err
	}
	v := judge(e)
	v.Seconds = time.Since(s.began).Round(10 * time.Millisecond).Seconds()
	s.screen.notef("\n%s", v)
	if s.json {
		return v, json.NewEncoder(s.stdout).Encode(v)
	}
	return v, nil
}
