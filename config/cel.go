package config

import (
	"context"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/ext"
)

const (
	// maxCEL is the longest condition or expression, in characters. A longer one belongs into the producer.
	maxCEL = 8 << 10
	// maxCost is the most that one may cost for one result, in CEL's units: a hundred for each KiB that is
	// searched, and some ten for each element that is looked at. It is used up in about 0.1 s.
	maxCost = 1_000_000
)

// compile compiles a text in CEL over a result, and more names, or says what is wrong with it, and where
// in it. fits says what is wrong with the type of its value.
func compile(text string, fits func(*cel.Type) error, more ...cel.EnvOption) (cel.Program, error) {
	env, err := cel.NewEnv(append(more,
		cel.Variable("source", cel.StringType),
		cel.Variable("id", cel.StringType),
		cel.Variable("type", cel.StringType),
		cel.Variable("subject", cel.StringType),
		cel.Variable("time", cel.TimestampType),
		cel.Variable("data", cel.DynType),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		cel.ParserExpressionSizeLimit(maxCEL),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	)...)
	if err != nil {
		return nil, fmt.Errorf("preparing CEL: %w", err)
	}
	ast, issues := env.Compile(text)
	if found := issues.Errors(); len(found) > 0 {
		return nil, &syntaxError{found[0].Location.Line(), found[0].Location.Column() + 1, found[0].Message}
	}
	if err := fits(ast.OutputType()); err != nil {
		return nil, err
	}
	return env.Program(ast, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize), cel.InterruptCheckFrequency(100))
}

// truth is the value of a condition.
func truth(ctx context.Context, condition cel.Program, facts cel.Activation) (bool, error) {
	value, _, err := condition.ContextEval(ctx, facts)
	if err != nil {
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("it is %s, not true or false", value.Type().TypeName())
	}
	return holds, nil
}

// syntaxError is a mistake in a text in CEL.
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

// advice says what to do about a condition or expression that failed. The example asks for a field first.
func advice(err error, what, example string) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "no such key"):
		return fmt.Sprintf(": ask first, as in %q", example)
	case strings.Contains(text, "no such overload"):
		return fmt.Sprintf(": the data have another type there than the %s takes them for", what)
	case strings.Contains(text, "cost limit"):
		return ": it has too much to do on this result"
	}
	return ""
}
