package submit

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/propagation"
	"golang.org/x/term"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/intake"
)

const long = `Submit hands results to Consign, which delivers each to every sink. When it says that a
result is submitted, the result is durably in Temporal.

Input is files, or stdin if there is none or "-": one JSON value a line (NDJSON), objects one after
the other, or arrays of values. A value is either an envelope or bare data:

  {"source":"scanner","id":"4711","type":"detection","time":"2026-01-31T12:00:00Z","subject":"host-7","data":{…}}

is an envelope: an object with "data" and with "source" or "id", and no fields but these; or a
CloudEvent (told by its "specversion"), of which fields besides these are left out. All else, and
with --bare everything, is bare data and needs --source.

Submitting the same source, id and data again does no harm: it is recognised as a duplicate, and
delivered no second time. A result without an id gets a fresh one, and is never recognised.

A value that cannot be submitted is reported as FILE:LINE and does not stop the rest. If Temporal
goes away, the run stops and says where to go on.

`

const examples = `  submit results.ndjson
  scanner --json | submit --source scanner --type finding --id-field finding.id
  submit --wait results.ndjson          # until each result is delivered or parked
  submit --wait --json results.json | jq .receipt`

// batchConcurrency is how many workflows are in flight at once where each carries several results.
const batchConcurrency = 16

// settings are the command's flags.
type settings struct {
	connection  consign.Options
	envelope    intake.Envelope
	ackURL      string
	wait        bool
	json        bool
	quiet       bool
	strict      bool
	concurrency int
	batch       int
	timeout     time.Duration
}

// Command is the command "submit". Run it by ExecuteContext: when the context is over, it stops
// reading and says where to go on. What it returns is for [exit.Report].
func Command(version string) *cobra.Command { return command(version, dial) }

func command(version string, connect dialer) *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:           "submit [flags] [FILE...]",
		Short:         "Submit results from files or stdin",
		Long:          long + exit.Help,
		Example:       examples,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, files []string) error {
			return s.run(cmd, files, connect)
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exit.With(exit.Usage, fmt.Errorf("%w (see \"%s --help\")", err, cmd.CommandPath()))
	})
	flags := cmd.Flags()
	flags.SortFlags = false
	addEnvelope(flags, &s.envelope)
	flags.BoolVar(&s.wait, "wait", false, "wait until each result is committed at every sink, and print its receipt")
	flags.StringVar(&s.ackURL, "ack-url", "", "have the worker post each result's receipt to this URL once it is committed")
	flags.BoolVar(&s.json, "json", false, "print one JSON object a result")
	flags.BoolVar(&s.strict, "strict", false, "stop at the first value that cannot be submitted")
	flags.BoolVar(&s.quiet, "quiet", false, "no progress bar, notices and summary; what goes wrong is said all the same")
	flags.IntVar(&s.concurrency, "concurrency", 64, fmt.Sprintf("submissions in flight at once; with --batch, workflows (default %d)", batchConcurrency))
	flags.IntVar(&s.batch, "batch", 1, "let up to this many results share a workflow, when more come than are taken at once: many times the speed, but what shared one is delivered again when it is submitted again")
	flags.DurationVar(&s.timeout, "timeout", 0, "stop after this long, such as 10m (default: never)")
	flags.StringVar(&s.connection.Address, "address", "", "host:port of Temporal (default: TEMPORAL_ADDRESS, temporal.toml, "+consign.DefaultAddress+")")
	flags.StringVar(&s.connection.Namespace, "namespace", "", "namespace in Temporal (default: TEMPORAL_NAMESPACE, temporal.toml, default)")
	flags.StringVar(&s.connection.Profile, "profile", "", "profile of temporal.toml")
	return cmd
}

// check finds wrong flags.
func (s settings) check() error {
	switch {
	case s.concurrency < 1:
		return fmt.Errorf("--concurrency %d: at least 1", s.concurrency)
	case s.batch < 1 || s.batch > consign.MaxConsignmentResults:
		return fmt.Errorf("--batch %d: at least 1, at most %d", s.batch, consign.MaxConsignmentResults)
	case s.timeout < 0:
		return fmt.Errorf("--timeout %s: a positive duration, such as 10m", s.timeout)
	case s.ackURL != "":
		if err := (consign.AckTarget{HTTP: &consign.HTTPTarget{URL: s.ackURL}}).Check(); err != nil {
			return fmt.Errorf("--ack-url: %w", err)
		}
	}
	return checkEnvelope(s.envelope)
}

func (s settings) run(cmd *cobra.Command, files []string, connect dialer) error {
	if err := s.check(); err != nil {
		return exit.With(exit.Usage, err)
	}
	if len(files) == 0 {
		files = []string{stdin}
	}
	p := &printer{out: cmd.OutOrStdout(), messages: cmd.ErrOrStderr(), asJSON: s.json, quiet: s.quiet, receiptsWanted: s.wait}
	in := input{files: files, stdin: cmd.InOrStdin(), onRead: p.read}
	size, err := in.check()
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	// As programs hand it on to those that they start: https://opentelemetry.io/docs/specs/otel/context/env-carriers/
	ctx := propagation.TraceContext{}.Extract(cmd.Context(), propagation.MapCarrier{"traceparent": os.Getenv("TRACEPARENT"), "tracestate": os.Getenv("TRACESTATE")})
	client, err := connect(ctx, s.connection)
	if err != nil {
		return err
	}
	concurrency := s.concurrency
	if direct, ok := client.(temporal); ok && s.batch > 1 {
		if !cmd.Flags().Changed("concurrency") {
			concurrency = batchConcurrency
		}
		if client, err = openStream(direct, s.batch, concurrency); err != nil {
			return err
		}
		concurrency *= 2 * s.batch // as many again wait, from which the next consignments are made
	}
	defer client.Close()

	if s.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, s.timeout, errTimeout)
		defer cancel()
	}
	switch {
	case !s.quiet && onTerminal(cmd.InOrStdin()) && files[0] == stdin:
		p.notice("reading results from the terminal: end with Ctrl-D")
	case !s.quiet && onTerminal(cmd.ErrOrStderr()) && !(onTerminal(cmd.OutOrStdout()) && (s.json || s.wait)):
		p.showProgress(size)
	}
	r := run{
		envelope: s.envelope, client: client, concurrency: concurrency, wait: s.wait, strict: s.strict,
		print: p, tally: &tally{ids: true},
	}
	if s.ackURL != "" {
		r.options = append(r.options, consign.AckByHTTP(s.ackURL))
	}
	began := time.Now()
	stopped := r.do(ctx, in)
	failed := p.end()
	p.notice(r.tally.summary(s.wait, time.Since(began)))
	if err := r.tally.verdict(stopped); err != nil && failed == nil {
		return err
	}
	return failed
}

// onTerminal tells whether a stream is a terminal.
func onTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
