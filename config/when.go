package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/consign-dev/consign"
)

const (
	// maxWhen is the longest condition, in characters. A longer one belongs into the producer.
	maxWhen = 8 << 10
	// maxCost is the most that one condition may cost for one result, in CEL's units: a hundred for each
	// KiB that is searched, and some ten for each element that is looked at. It is used up in about 0.1 s.
	maxCost = 1_000_000
)

// condition is a sink's "when", compiled.
type condition struct{ program cel.Program }

// newCondition compiles a text, or says what is wrong with it, and where in it.
func newCondition(text string) (*condition, error) {
	env, err := cel.NewEnv(
		cel.Variable("source", cel.StringType),
		cel.Variable("id", cel.StringType),
		cel.Variable("type", cel.StringType),
		cel.Variable("subject", cel.StringType),
		cel.Variable("time", cel.TimestampType),
		cel.Variable("data", cel.DynType),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		cel.ParserExpressionSizeLimit(maxWhen),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	)
	if err != nil {
		return nil, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(text)
	if found := issues.Errors(); len(found) > 0 {
		return nil, &syntaxError{found[0].Location.Line(), found[0].Location.Column() + 1, found[0].Message}
	}
	if kind := ast.OutputType(); !kind.IsExactType(cel.BoolType) {
		if kind.IsExactType(cel.DynType) {
			return nil, errors.New(`is a value of the data and may be no truth value: compare it, as in "data.urgent == true"`)
		}
		return nil, fmt.Errorf(`is of type %s, not true or false: compare it, as in "data.severity >= 3"`, kind)
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, err
	}
	return &condition{program}, nil
}

// syntaxError is a mistake in a condition.
type syntaxError struct {
	line, column int
	message      string
}

func (e *syntaxError) Error() string {
	// The parser lists everything that might have stood there.
	message, _, _ := strings.Cut(strings.TrimPrefix(e.message, "Syntax error: "), " expecting ")
	return e.place() + ": " + message
}

func (e *syntaxError) place() string {
	if e.line > 1 {
		return fmt.Sprintf("at line %d, character %d of it", e.line, e.column)
	}
	return fmt.Sprintf("at character %d", e.column)
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
	value, _, err := s.when.program.ContextEval(ctx, f)
	if err != nil {
		return false, fmt.Errorf("when: %w%s", err, advice(err))
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("when: it is %s, not true or false", value.Type().TypeName())
	}
	return holds, nil
}

// advice says what to do about a condition that failed.
func advice(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "no such key"):
		return `: ask first, as in "has(data.x) && data.x > 1"`
	case strings.Contains(text, "no such overload"):
		return ": the data have another type there than the condition takes them for"
	case strings.Contains(text, "cost limit"):
		return ": it has too much to do on this result"
	}
	return ""
}

// Facts are a result as conditions see it. Its data are decoded when the first condition asks for them,
// once for all, and the result itself stays as it is. Not for several goroutines at once.
type Facts struct {
	result consign.Result
	data   any
}

// NewFacts returns the facts of a result.
func NewFacts(result consign.Result) *Facts { return &Facts{result: result} }

// Parent implements CEL's activation: there is none.
func (f *Facts) Parent() cel.Activation { return nil }

// ResolveName implements CEL's activation.
func (f *Facts) ResolveName(name string) (any, bool) {
	switch name {
	case "source":
		return f.result.Source, true
	case "id":
		return f.result.ID, true
	case "type":
		return f.result.Type, true
	case "subject":
		return f.result.Subject, true
	case "time":
		return f.result.Time, true
	case "data":
		if f.data == nil {
			f.data = decodeData(f.result.Data)
		}
		return f.data, true
	}
	return nil, false
}

// decodeData turns JSON into values of CEL. Numbers that are written as integers are integers where they
// fit into 64 bits; all others are floating point.
func decodeData(raw json.RawMessage) any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return types.NewErr("the data are no JSON: %v", err)
	}
	if value = numbers(value); value == nil {
		return types.NullValue
	}
	return value
}

func numbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			value[key] = numbers(inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = numbers(inner)
		}
	case json.Number:
		if whole, err := strconv.ParseInt(value.String(), 10, 64); err == nil {
			return whole
		}
		number, _ := strconv.ParseFloat(value.String(), 64) // out of range, it is infinite
		return number
	}
	return value
}
