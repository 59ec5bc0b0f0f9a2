package submit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

// Results reads what submit reads, for other commands. Its flags say how results are made of values.
type Results struct{ envelope }

// AddFlags adds submit's flags for it.
func (e *Results) AddFlags(flags *pflag.FlagSet) { addEnvelope(flags, &e.envelope) }

func addEnvelope(flags *pflag.FlagSet, e *envelope) {
	flags.StringVar(&e.source, "source", "", "source of results that bring none")
	flags.StringVar(&e.kind, "type", "", "type of results that bring none")
	flags.StringVar(&e.idField, "id-field", "", "where in the data the id of results stands that bring none, such as finding.id")
	flags.BoolVar(&e.bare, "bare", false, "take every value as data, envelopes too")
}

// check finds wrong flags.
func (e envelope) check() error {
	if e.bare && e.source == "" {
		return errors.New("--bare needs --source NAME, as data alone does not tell who produced it")
	}
	return nil
}

// Read hands each result of the files, "-" being stdin, to take as it would be submitted, with its place
// as FILE:LINE. A value that is no result comes with an error instead. It ends with the first error of take.
func (e *Results) Read(ctx context.Context, files []string, stdin io.Reader, take func(place string, result consign.Result, err error) error) error {
	if err := e.check(); err != nil {
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
	result, err := e.read(raw)
	if err != nil {
		return result, err
	}
	if result.ID == "" {
		result.ID = uuid.NewString()
	}
	if err := result.Check(); err != nil {
		return result, fmt.Errorf("%w: %w", consign.ErrInvalid, err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, result.Data); err != nil {
		return result, fmt.Errorf("%w: not JSON: %w", consign.ErrInvalid, err)
	}
	result.Data = compact.Bytes()
	return result, nil
}
