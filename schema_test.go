package consign_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/deadletters"
)

// contract names, for each schema in docs/schemas, the Go type whose JSON it describes.
func contract() map[string]any {
	return map[string]any{
		"result":                 consign.Result{},
		"ack-target":             consign.AckTarget{},
		"consignment":            consign.Consignment{},
		"receipt":                consign.Receipt{},
		"ack":                    consign.Ack{},
		"attempt":                consign.Attempt{},
		"dead-letter":            consign.Record{},
		"first-attempts-request": consign.FirstAttemptsRequest{},
		"first-attempts":         consign.FirstAttempts{},
		"retry-now-request":      consign.RetryNowRequest{},
		"park-now-request":       consign.ParkNowRequest{},
		"waiting":                consign.Waiting{},
		"order-outcome":          consign.OrderOutcome{},
		"bulk-order":             deadletters.Bulk{},
		"bulk-progress":          deadletters.Progress{},
		"act":                    consign.Act{},
		"deliver-input":          activities.DeliverInput{},
		"deliver-outcome":        activities.Outcome{},
	}
}

// schemas reads docs/schemas.
func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob("docs/schemas/*.schema.json")
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled := map[string]*jsonschema.Schema{}
	for _, file := range files {
		schema, err := compiler.Compile(file)
		require.NoError(t, err)
		compiled[strings.TrimSuffix(filepath.Base(file), ".schema.json")] = schema
	}
	return compiled
}

// validate holds a JSON text against a schema.
func validate(t *testing.T, schema *jsonschema.Schema, text []byte) error {
	t.Helper()
	require.NotNil(t, schema)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, "%s", text)
	return schema.Validate(value)
}

func TestSchemas_HaveTheFieldsOfTheGoTypes_AndNoOthers(t *testing.T) {
	t.Parallel()
	compiled := schemas(t)
	require.Equal(t, slices.Sorted(maps.Keys(contract())), slices.Sorted(maps.Keys(compiled)))
	for name, value := range contract() {
		sameFields(t, name, reflect.TypeOf(value), compiled[name])
	}
}

// sameFields compares a Go type with what describes it. What the Go type always writes is required.
func sameFields(t *testing.T, path string, typ reflect.Type, schema *jsonschema.Schema) {
	t.Helper()
	require.NotNil(t, schema, "%s is described by nothing", path)
	properties, required := map[string]*jsonschema.Schema{}, []string{}
	described := schema
	for ; ; schema = schema.Ref {
		maps.Copy(properties, schema.Properties)
		required = append(required, schema.Required...)
		if schema.Types != nil || schema.Items2020 != nil || schema.Ref == nil {
			break
		}
	}
	switch {
	case typ == reflect.TypeFor[json.RawMessage]():
		require.Nil(t, schema.Types, "%s may be any JSON", path)
		return
	case typ == reflect.TypeFor[time.Time]():
		require.Equal(t, "date-time", schema.Format.Name, path)
		return
	case typ.Kind() == reflect.Pointer:
		sameFields(t, path, typ.Elem(), described)
		return
	case typ.Kind() == reflect.Slice:
		sameFields(t, path+"[]", typ.Elem(), schema.Items2020)
		return
	case typ.Kind() != reflect.Struct:
		if schema.Enum == nil {
			require.Contains(t, schema.Types.ToStrings(), jsonType(typ.Kind()), path)
		}
		return
	}
	var names, always []string
	for _, field := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "-" {
			continue
		}
		names = append(names, name)
		if !strings.Contains(options, "omit") {
			always = append(always, name)
		}
		sameFields(t, path+"."+name, field.Type, properties[name])
	}
	require.ElementsMatch(t, names, slices.Collect(maps.Keys(properties)), "fields of %s", path)
	require.ElementsMatch(t, always, required, "required fields of %s", path)
}

func jsonType(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float64:
		return "number"
	default:
		return "integer"
	}
}

func TestSchemas_TypicalMistakes_AreRefused(t *testing.T) {
	t.Parallel()
	compiled := schemas(t)
	entry := func(more string) string { return `{"results":[{"source":"s","id":"i","data":1` + more + `}]}` }
	require.NoError(t, validate(t, compiled["consignment"], []byte(entry(`,"ack":{"signal":{"workflow_id":"w"}}`))))
	for mistake, test := range map[string]struct{ schema, text string }{
		"a result alone":                     {"consignment", `{"source":"s","id":"i","data":1}`},
		"no results":                         {"consignment", `{"results":[]}`},
		"no data":                            {"consignment", `{"results":[{"source":"s","id":"i"}]}`},
		"an empty id":                        {"consignment", `{"results":[{"source":"s","id":"","data":1}]}`},
		"a number as id":                     {"consignment", `{"results":[{"source":"s","id":7,"data":1}]}`},
		"a misspelt field":                   {"consignment", entry(`,"subjekt":"x"`)},
		"a time that is none":                {"consignment", entry(`,"time":"yesterday"`)},
		"an ack to nowhere":                  {"consignment", entry(`,"ack":{}`)},
		"an ack to two places":               {"consignment", entry(`,"ack":{"signal":{"workflow_id":"w"},"http":{"url":"http://h/"}}`)},
		"an ack to no workflow":              {"consignment", entry(`,"ack":{"signal":{"workflow_id":""}}`)},
		"an ack to another scheme":           {"consignment", entry(`,"ack":{"http":{"url":"ftp://h/"}}`)},
		"an ack with credentials":            {"consignment", entry(`,"ack":{"http":{"url":"http://user:pass@h/"}}`)},
		"an ack to any subject":              {"consignment", entry(`,"ack":{"nats":{"source":"s","subject":"orders.new"}}`)},
		"an ack to many subjects":            {"consignment", entry(`,"ack":{"nats":{"source":"s","subject":"$JS.ACK.>"}}`)},
		"an ack to no source":                {"consignment", entry(`,"ack":{"nats":{"subject":"$JS.ACK.S.c.1.1.1.1.0"}}`)},
		"an incident with an ack":            {"consignment", entry(`,"type":"incident","ack":{"signal":{"workflow_id":"w"}}`)},
		"a digest without its kind":          {"first-attempts-request", `{"digest":"00"}`},
		"an order about no sink":             {"retry-now-request", `{"by":"ann"}`},
		"a spread of more than a day":        {"retry-now-request", `{"sink":"s","spread_ms":86400001}`},
		"a spread of what is parked":         {"park-now-request", `{"sink":"s","spread_ms":1}`},
		"an answer that counts nothing":      {"waiting", `{}`},
		"an unknown outcome":                 {"receipt", `{"results":1,"legs":[{"sink":"s","outcome":"ok","attempts":1}],"ack":"none"}`},
		"a receipt without legs":             {"receipt", `{"results":1,"ack":"none"}`},
		"a receipt as an ack":                {"ack", `{"results":1,"legs":[],"ack":"sent"}`},
		"an outcome in camel case":           {"deliver-outcome", `{"made":1,"afterMs":100}`},
		"a failure without its index":        {"deliver-outcome", `{"made":1,"failures":[{"label":"l","cause":"c"}]}`},
		"a failure without a cause":          {"deliver-outcome", `{"made":1,"failures":[{"index":0,"label":"l"}]}`},
		"attempts not counted":               {"deliver-outcome", `{"failures":[{"index":0,"label":"l","cause":"c"}]}`},
		"an attempt without a place in time": {"attempt", `{"number":1,"took_ms":1}`},
		"an order about nothing":             {"bulk-order", `{}`},
		"a discard without a reason":         {"bulk-order", `{"act":"discard","ids":["dead-letter/s/r/1"]}`},
		"a resend without a beginning":       {"bulk-order", `{"act":"resend","filter":{"sink":"s"}}`},
		"an order by ids and a filter":       {"bulk-order", `{"act":"replay","ids":["dead-letter/s/r/1"],"filter":{"sink":"s"}}`},
		"an order about a workflow":          {"bulk-order", `{"act":"replay","ids":["s/1"]}`},
		"an order with a misspelt filter":    {"bulk-order", `{"act":"replay","filter":{"sinks":"s"}}`},
		"a dead letter in no state":          {"dead-letter", `{"id":"dead-letter/s/r/1","sink":"s"}`},
	} {
		require.Error(t, validate(t, compiled[test.schema], []byte(test.text)), mistake)
	}
}

func TestSchemas_TakeEveryOutcomeThatTheCodeKnows(t *testing.T) {
	t.Parallel()
	receipt := schemas(t)["receipt"]
	for _, outcome := range []consign.Outcome{consign.Delivered, consign.Parked, consign.Dropped} {
		for _, ack := range []consign.AckOutcome{consign.AckNone, consign.AckSent, consign.AckFailed} {
			for _, unrouted := range []consign.Outcome{consign.Unmatched, consign.Rejected} {
				text, err := json.Marshal(consign.Receipt{
					Results: 1, Legs: []consign.LegReceipt{{Sink: "s", Outcome: outcome}}, Ack: ack, Unrouted: []consign.Unrouted{{Outcome: unrouted}},
				})
				require.NoError(t, err)
				require.NoError(t, validate(t, receipt, text))
			}
		}
	}
}

func TestSchemas_FieldsOfLaterReleases_AreAllowedInWhatConsignWrites(t *testing.T) {
	t.Parallel()
	compiled := schemas(t)
	for name, text := range map[string]string{
		"receipt":        `{"results":1,"legs":[{"sink":"s","outcome":"delivered","attempts":1,"new":1}],"ack":"none","new":1}`,
		"ack":            `{"source":"s","id":"i","receipt":{"results":1,"legs":[],"ack":"none"},"new":1}`,
		"first-attempts": `{"committed":false,"new":1}`,
		"waiting":        `{"legs":0,"new":1}`,
		"order-outcome":  `{"state":"replayed","new":1}`,
		"result":         `{"source":"s","id":"i","data":null,"new":1}`,
		"attempt":        `{"number":1,"at":"2026-11-24T12:00:00Z","took_ms":0,"new":1}`,
	} {
		require.NoError(t, validate(t, compiled[name], []byte(text)), name)
	}
}

// readJSON decodes JSON into a Go type, which must know each of its fields.
func readJSON(t *testing.T, text []byte, into reflect.Type) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(reflect.New(into).Interface()), "%s", text)
}

// readDocument returns a page of docs.
func readDocument(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("docs", name))
	require.NoError(t, err)
	return string(text)
}
