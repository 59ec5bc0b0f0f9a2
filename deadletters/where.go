package deadletters

import (
	"context"
	"errors"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign/config"
)

// where is the condition of a filter over whole records.
type where struct{ condition *config.RecordCondition }

// newWhere is nil for an empty text.
func newWhere(text string) (*where, error) {
	if text == "" {
		return nil, nil
	}
	condition, err := config.NewRecordCondition(text)
	if err != nil {
		return nil, err
	}
	return &where{condition}, nil
}

// selection is a filter that is ready to be applied.
type selection struct {
	Filter

	where *where // nil: any
}

// selection compiles the condition, or says what is wrong with it.
func (f Filter) selection() (selection, error) {
	where, err := newWhere(f.Where)
	return selection{f, where}, err
}

// Check tells what is wrong with the condition of a filter.
func (f Filter) Check() error {
	_, err := newWhere(f.Where)
	return err
}

// takes tells whether a dead letter that Temporal has selected is meant. The error is one of reading it.
func (s selection) takes(ctx context.Context, temporal client.Client, entry Entry) (bool, error) {
	matches := s.matches(entry.Header)
	if !matches || s.where == nil {
		return matches, nil
	}
	return s.where.holds(ctx, temporal, entry)
}

// holds tells whether the condition holds for a dead letter that is listed. The whole of it is read only where the
// condition asks for more than a listing shows. One that is gone meanwhile does not count.
func (w *where) holds(ctx context.Context, temporal client.Client, entry Entry) (bool, error) {
	if holds, known := w.condition.HoldsListed(ctx, entry.Header); known {
		return holds, nil
	}
	record, err := Show(ctx, temporal, entry.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return w.condition.Holds(ctx, record), nil
}
