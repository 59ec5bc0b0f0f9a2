package config

import (
	"context"
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"

	"github.com/consign-dev/consign"
)

// condition is a sink's "when", compiled.
type condition struct{ program cel.Program }

// newCondition compiles a text, or says what is wrong with it, and where in it.
func newCondition(text string) (*condition, error) {
	program, err := compile(text, func(kind *cel.Type) error {
		switch {
		case kind.IsExactType(cel.BoolType):
			return nil
		case kind.IsExactType(cel.DynType):
			return errors.New(`is a value of the data and may be no truth value: compare it, as in "data.urgent == true"`)
		}
		return fmt.Errorf(`is of type %s, not true or false: compare it, as in "data.severity >= 3"`, kind)
	})
	if err != nil {
		return nil, err
	}
	return &condition{program}, nil
}

// checkWhen compiles the condition.
func (r *reader) checkWhen(d *Delivery, layers ...layer) {
	if d.When == "" {
		return
	}
	var err error
	if d.when, err = newCondition(d.When); err == nil {
		return
	}
	message := err.Error()
	if r.variable(join(layers[len(layers)-1].path, "when")) {
		message = "is no condition that gives true or false" // the message may hold a piece of the variable
		if syntax, ok := errors.AsType[*syntaxError](err); ok {
			message += ", " + syntax.place()
		}
	}
	r.among(layers...)("when", message)
}

// variable tells whether a value came through a variable, so that no message may show a piece of it.
func (r *reader) variable(path string) bool {
	_, found := r.origins.byPath[path]
	return found
}

// Asks tells whether the sink asks for a report of Consign about itself: its "when" holds for that, and would not hold if
// the same came from elsewhere. So a sink without "when", or with one such as type != "heartbeat", gets what it got before
// there were reports.
func (s Sink) Asks(ctx context.Context, report *Facts) bool {
	if s.When == "" {
		return false
	}
	asks, err := s.Wants(ctx, report)
	if err != nil || !asks {
		return false
	}
	elsewhere := *report // with its data, which are decoded by now if anybody asks for them
	elsewhere.result.Source = ""
	otherwise, err := s.Wants(ctx, &elsewhere)
	return err != nil || !otherwise
}

// Wants tells whether the sink gets a result: whether its "when" holds. One of the type "incident" is a
// matter of "incidents" alone. The error says why the condition cannot be evaluated; data that the
// result does not have is such a reason.
func (s Sink) Wants(ctx context.Context, f *Facts) (bool, error) {
	if f.result.Type == consign.IncidentType {
		return s.Incidents, nil
	}
	if s.when == nil {
		return true, nil
	}
	holds, err := truth(ctx, s.when.program, f)
	if err != nil {
		return false, fmt.Errorf("when: %w%s", err, advice(err, "condition", "has(data.x) && data.x > 1"))
	}
	return holds, nil
}
