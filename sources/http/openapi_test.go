package http_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

const openAPI = "openapi.json"

// document is the description as it is served.
var document = sync.OnceValues(func() (any, error) {
	text, err := os.ReadFile(openAPI)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
})

// at is the part of the description under keys; nil if there is none.
func at(t testing.TB, keys ...string) any {
	t.Helper()
	part, err := document()
	require.NoError(t, err)
	for _, key := range keys {
		object, _ := part.(map[string]any)
		part = object[key]
	}
	return part
}

// schemas that are compiled already, by their pointers.
var schemas sync.Map

// schema compiles the one under keys. Schemas of OpenAPI 3.1 are those of JSON Schema 2020-12.
func schema(t testing.TB, keys ...string) *jsonschema.Schema {
	t.Helper()
	pointer := ""
	for _, key := range keys {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
	}
	if known, ok := schemas.Load(pointer); ok {
		return known.(*jsonschema.Schema)
	}
	whole, err := document()
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("file:///openapi.json", whole))
	compiled, err := compiler.Compile("file:///openapi.json#" + (&url.URL{Path: pointer}).EscapedPath())
	require.NoError(t, err)
	schemas.Store(pointer, compiled)
	return compiled
}

// described checks that the description has the answer: its status, its media type and its body.
func described(t testing.TB, method, path string, a answer) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	if at(t, "paths", path) == nil {
		require.Equal(t, http.StatusNotFound, a.StatusCode)
		return
	}
	operation := strings.ToLower(method)
	if method == http.MethodHead {
		operation = "get"
	}
	if at(t, "paths", path, operation) == nil {
		require.Equal(t, http.StatusMethodNotAllowed, a.StatusCode)
		operation = "post"
	}
	keys := []string{"paths", path, operation, "responses", fmt.Sprint(a.StatusCode)}
	require.NotNil(t, at(t, keys...), "%s %s answers %d, which is not described", method, path, a.StatusCode)
	if method == http.MethodHead {
		return
	}
	keys = append(keys, "content", a.Header.Get("Content-Type"), "schema")
	require.NotNil(t, at(t, keys...), "%s %s answers %d in %s, which is not described", method, path, a.StatusCode, a.Header.Get("Content-Type"))
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.body))
	require.NoError(t, err, "%s", a.body)
	require.NoError(t, schema(t, keys...).Validate(value), "%s", a.body)
	headers, _ := at(t, "paths", path, operation, "responses", fmt.Sprint(a.StatusCode), "headers").(map[string]any)
	for _, name := range []string{"Allow", "Accept-Post", "Accept-Encoding", "Retry-After", "WWW-Authenticate"} {
		if a.Header.Get(name) != "" {
			require.Contains(t, headers, name, "header of %d", a.StatusCode)
		}
	}
}

func TestOpenAPI_IsServed_AndItsExamplesAreWhatItSays(t *testing.T) {
	t.Parallel()
	s := listen(t, "")
	a := s.call(http.MethodGet, "/v1/openapi.json", nil)
	require.Equal(t, http.StatusOK, a.StatusCode)
	written, err := os.ReadFile(openAPI)
	require.NoError(t, err)
	require.Equal(t, string(written), string(a.body))

	require.Equal(t, "3.1.0", at(t, "openapi"))
	examples := 0
	var walk func(part any, keys []string)
	walk = func(part any, keys []string) {
		switch part := part.(type) {
		case map[string]any:
			if reference, ok := part["$ref"].(string); ok {
				require.NotNil(t, at(t, strings.Split(strings.TrimPrefix(reference, "#/"), "/")...), reference)
			}
			var given []any
			if one, ok := part["example"]; ok {
				given = append(given, one)
			}
			several, _ := part["examples"].(map[string]any)
			for name := range several {
				given = append(given, several[name].(map[string]any)["value"])
			}
			if len(given) > 0 {
				compiled := schema(t, append(keys, "schema")...)
				for _, one := range given {
					require.NoError(t, compiled.Validate(one), keys)
					examples++
				}
			}
			for key, below := range part {
				walk(below, append(slices.Clip(keys), key))
			}
		case []any:
			for _, below := range part {
				walk(below, nil)
			}
		}
	}
	whole, err := document()
	require.NoError(t, err)
	walk(whole, nil)
	require.GreaterOrEqual(t, examples, 9)
}

// TestOpenAPI_ExamplesOfBodies_AreTaken sends what the description shows.
func TestOpenAPI_ExamplesOfBodies_AreTaken(t *testing.T) {
	t.Parallel()
	s := serve(t, "", storing())
	for _, mediaType := range []string{"application/json", "application/cloudevents+json", "application/cloudevents-batch+json"} {
		content := at(t, "paths", "/v1/results", "post", "requestBody", "content", mediaType).(map[string]any)
		bodies := []any{content["example"]}
		several, _ := content["examples"].(map[string]any)
		for name := range several {
			bodies = append(bodies, several[name].(map[string]any)["value"])
		}
		for _, body := range bodies {
			if body == nil {
				continue
			}
			text, err := json.Marshal(body)
			require.NoError(t, err)
			a := s.post("?source=x", string(text), "Content-Type", mediaType)
			require.Equal(t, http.StatusAccepted, a.StatusCode, "%s %s: %s", mediaType, text, a.body)
		}
	}
}
