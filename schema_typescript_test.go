package consign_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

func TestSchemas_TheTypesOfTheTypeScriptExample_HaveTheSameFields(t *testing.T) {
	t.Parallel()
	compiled := schemas(t)
	described := map[string]*jsonschema.Schema{
		"Consignment": compiled["consignment"], "Entry": item(t, compiled["consignment"], "results"), "Result": compiled["result"],
		"AckTarget": compiled["ack-target"], "Ack": compiled["ack"],
		"FirstAttemptsRequest": compiled["first-attempts-request"], "FirstAttempts": compiled["first-attempts"],
		"RetryNowRequest": compiled["retry-now-request"], "ParkNowRequest": compiled["park-now-request"], "Waiting": compiled["waiting"],
		"Receipt": compiled["receipt"], "LegReceipt": item(t, compiled["receipt"], "legs"),
		"LegException": item(t, item(t, compiled["receipt"], "legs"), "except"), "DeadLetter": compiled["dead-letter"],
		"DeliverInput": compiled["deliver-input"], "Item": item(t, compiled["deliver-input"], "batch"),
		"Policy": compiled["deliver-input"].Properties["policy"], "Outcome": compiled["deliver-outcome"],
		"Failed": item(t, compiled["deliver-outcome"], "failures"), "Attempt": compiled["attempt"],
	}
	source, err := os.ReadFile("examples/typescript/contract.ts")
	require.NoError(t, err)
	types := map[string][]string{}
	for _, found := range regexp.MustCompile(`(?s)export interface (\w+)(?: extends (\w+))? \{\n(.*?)\n\}`).FindAllStringSubmatch(string(source), -1) {
		fields := types[found[2]] // a type that is extended stands before
		for _, field := range regexp.MustCompile(`(?m)^ {2}(\w+\??):`).FindAllStringSubmatch(found[3], -1) {
			fields = append(slices.Clip(fields), field[1])
		}
		types[found[1]] = fields
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(described)), slices.Collect(maps.Keys(types)))
	for name, schema := range described {
		require.ElementsMatch(t, inTypeScript(schema), types[name], "fields of %s", name)
	}
}

// item is what describes an item of the list that is a property.
func item(t *testing.T, schema *jsonschema.Schema, property string) *jsonschema.Schema {
	t.Helper()
	for schema.Properties[property] == nil {
		require.NotNil(t, schema.Ref, property)
		schema = schema.Ref
	}
	return schema.Properties[property].Items2020
}

// inTypeScript names the properties of a schema, each with a question mark that need not be there.
func inTypeScript(schema *jsonschema.Schema) []string {
	var names, required []string
	for ; schema != nil; schema = schema.Ref {
		names = slices.AppendSeq(names, maps.Keys(schema.Properties))
		required = append(required, schema.Required...)
	}
	for i, name := range names {
		if !slices.Contains(required, name) {
			names[i] += "?"
		}
	}
	return names
}
