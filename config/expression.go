package config

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/consign-dev/consign"
)

// deliveryID is what an expression knows beside the names of "when".
const deliveryID = "delivery_id"

// Expression gives a text for each delivery, for a setting of a kind of sink. It is in CEL and knows the
// names of "when", within its limits, and delivery_id.
type Expression struct{ program cel.Program }

// NewExpression compiles a text, or says what is wrong with it, and where in it, for
// [Settings].Validate to report. An empty text is no expression, nil, which gives "".
func NewExpression(text string) (*Expression, error) {
	if text == "" {
		return nil, nil
	}
	program, err := compile(text, func(kind *cel.Type) error {
		if kind.IsExactType(cel.StringType) || kind.IsExactType(cel.DynType) {
			return nil
		}
		return fmt.Errorf(`is of type %s, not a text: make one of it, as in "string(data.port)"`, kind)
	}, cel.Variable(deliveryID, cel.StringType))
	if syntax, ok := errors.AsType[*syntaxError](err); ok {
		// What CEL quotes may have come through a variable. In these quotes it is known for what it is.
		return nil, errors.New(strings.ReplaceAll(syntax.Error(), "'", `"`))
	}
	if err != nil {
		return nil, err
	}
	return &Expression{program}, nil
}

// Of returns the text for a result and its delivery id. The error says why there is none: data that the
// result does not have is such a reason, or a value that is no text. On the same result it is the same
// again, unless ctx was over.
func (e *Expression) Of(ctx context.Context, result consign.Result, delivery string) (string, error) {
	if e == nil {
		return "", nil
	}
	value, _, err := e.program.ContextEval(ctx, &Facts{result: result, delivery: delivery})
	if err != nil {
		return "", fmt.Errorf("%w%s", err, advice(err, "expression", "has(data.x) ? data.x : source"))
	}
	text, ok := value.Value().(string)
	if !ok {
		return "", fmt.Errorf(`it is of type %s, not a text: make one of it, as in "string(data.port)"`, value.Type().TypeName())
	}
	return text, nil
}
