package config

import (
	"bytes"
	"encoding/json"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/consign-dev/consign"
)

// Facts are a result as conditions and expressions see it. Its data are decoded when the first of them
// asks for them, once for all, and the result itself stays as it is. Not for several goroutines at once.
type Facts struct {
	result consign.Result
	// delivery is the delivery id, for expressions.
	delivery string
	data     any
}

// NewFacts returns the facts of a result.
func NewFacts(result consign.Result) *Facts { return &Facts{result: result} }

// Report tells whether they are of a report of Consign about itself.
func (f *Facts) Report() bool { return f.result.Source == consign.ReportSource }

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
	case deliveryID:
		return f.delivery, true
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
