package config

import (
	"context"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"

	"github.com/consign-dev/consign"
)

// RecordCondition is a condition over dead letters, in CEL. It knows the names of "when", which are those of a result
// that is held, and of the dead letter sink, kind, label and cause (texts), made and replays (numbers), parked_at (a
// time).
type RecordCondition struct{ program cel.Program }

// NewRecordCondition compiles a text, or says what is wrong with it, and where in it.
func NewRecordCondition(text string) (*RecordCondition, error) {
	program, err := compile(text, func(kind *cel.Type) error {
		if kind.IsExactType(cel.BoolType) || kind.IsExactType(cel.DynType) {
			return nil
		}
		return fmt.Errorf(`is of type %s, not true or false: compare it, as in "made >= 3"`, kind)
	}, cel.Variable("sink", cel.StringType), cel.Variable("kind", cel.StringType), cel.Variable("label", cel.StringType),
		cel.Variable("cause", cel.StringType), cel.Variable("made", cel.IntType), cel.Variable("replays", cel.IntType),
		cel.Variable("parked_at", cel.TimestampType))
	if err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	return &RecordCondition{program}, nil
}

// Holds tells whether it holds for one of the results that a dead letter holds. It does not where it cannot be
// evaluated, as for data that the result does not have.
func (c *RecordCondition) Holds(ctx context.Context, record consign.Record) bool {
	return slices.ContainsFunc(record.Results, func(result consign.Result) bool {
		return c.holds(ctx, &recordFacts{Facts: Facts{result: result}, record: record})
	})
}

// HoldsListed tells the same of a dead letter as it is listed. known is false where the condition asks for more than a
// listing shows.
func (c *RecordCondition) HoldsListed(ctx context.Context, h consign.Header) (holds, known bool) {
	facts := &recordFacts{
		Facts:  Facts{result: consign.Result{Source: h.Source, ID: h.ID, Type: h.Type}},
		record: consign.Record{Sink: h.Sink, Kind: h.Kind, Label: h.Label, ParkedAt: h.ParkedAt, Made: h.Made},
		listed: true, several: h.Results != 1,
	}
	holds = c.holds(ctx, facts)
	return holds && !facts.more, !facts.more
}

func (c *RecordCondition) holds(ctx context.Context, facts *recordFacts) bool {
	holds, err := truth(ctx, c.program, facts)
	return err == nil && holds
}

// recordFacts are a dead letter, and one result of it, as a condition sees them.
type recordFacts struct {
	Facts

	record consign.Record
	// listed says that no more is known than a listing shows, which of several results is the first.
	listed, several bool
	// more is set when more was asked for.
	more bool
}

// ResolveName implements CEL's activation.
func (f *recordFacts) ResolveName(name string) (any, bool) {
	switch name {
	case "sink":
		return f.record.Sink, true
	case "kind":
		return f.record.Kind, true
	case "label":
		return f.record.Label, true
	case "made":
		return f.record.Made, true
	case "parked_at":
		return f.record.ParkedAt, true
	case "source", "id", "type":
		f.more = f.more || f.several
	default:
		f.more = f.more || f.listed
	}
	switch name {
	case "cause":
		return f.record.Cause, true
	case "replays":
		return f.record.Replays, true
	}
	return f.Facts.ResolveName(name)
}
