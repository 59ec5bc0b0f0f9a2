package submit

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/pflag"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/intake"
)

// Results reads what submit reads, for other commands. Its flags say how results are made of values.
type Results struct{ envelope intake.Envelope }

// AddFlags adds submit's flags for it.
func (e *Results) AddFlags(flags *pflag.FlagSet) { addEnvelope(flags, &e.envelope) }

func addEnvelope(flags *pflag.FlagSet, e *intake.Envelope) {
	flags.StringVar(&e.Source, "source", "", "source of results that bring none")
	flags.StringVar(&e.Type, "type", "", "type of results that bring none")
	flags.StringVar(&e.IDField, "id-field", "", "where in the data the id of results stands that bring none, such as finding.id")
	flags.BoolVar(&e.Bare, "bare", false, "take every value as data, envelopes too")
}

// checkEnvelope finds wrong flags.
func checkEnvelope(e intake.Envelope) error {
	if e.Bare && e.Source == "" {
		return errors.New("--bare needs --source NAME, as data alone does not tell who produced it")
	}
	return nil
}

// Read hands each result of the files, "-" being stdin, to take as it would be submitted, with its place
// as FILE:LINE. A value that is no result comes with an error instead. It ends with the first error of take.
func (e *Results) Read(ctx context.Context, files []string, stdin io.Reader, take func(place string, result consign.Result, err error) error) error {
	if err := checkEnvelope(e.envelope); err != nil {
		return exit.With(exit.Usage, err)
	}
	in := input{files: files, stdin: stdin, onRead: func(int) {}}
	if _, err := in.check(); err != nil {
		return exit.With(exit.Usage, err)
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	items := make(chan item)
	go in.read(reading, items)
	for it := range items {
		result, err := consign.Result{}, it.Err
		if err == nil {
			result, err = e.result(it.Raw)
		}
		if err := take(it.String(), result, err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// result is a value as it would be submitted.
func (e *Results) result(raw json.RawMessage) (consign.Result, error) {
	result, err := e.envelope.Read(raw)
	if err != nil {
		return result, err
	}
	return result.Prepare()
}
