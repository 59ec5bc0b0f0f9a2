package all_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sources/nats"
)

var (
	yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	// packageExample is a piece of a configuration in the documentation of a package.
	packageExample = regexp.MustCompile(`(?m)^//\tsinks:\n(//\t.*\n|//\n)+`)
)

// examples are all configurations that the documents and the packages of sinks show.
func examples(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../docs/recipes/*.yaml", "../*/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			switch filepath.Ext(file) {
			case ".md":
				for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
					found[file+": "+block[1]] = block[1]
				}
			case ".go":
				if strings.HasSuffix(file, "_test.go") {
					continue
				}
				for _, block := range packageExample.FindAllString(string(text), -1) {
					block = regexp.MustCompile(`(?m)^//\t?`).ReplaceAllString(block, "")
					found[file+": "+block] = block
				}
			default:
				found[file] = string(text)
			}
		}
	}
	return found
}

// pemFile is where an example has a certificate.
var pemFile = regexp.MustCompile(`/\S+\.pem`)

// authority is a file with a certificate.
func authority(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	return path
}

// anything stands for every variable that an example names.
func anything(name string) (string, bool) {
	switch {
	case name == "WAREHOUSE_URL":
		return "postgres://consign:word@db.example.com/security", true
	case strings.HasSuffix(name, "URL"):
		return "https://example.com/hook", true
	}
	return "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", true
}

func TestSchema_TakesEveryExample_AsLoadDoes(t *testing.T) {
	t.Parallel()
	kinds := append(all.Kinds(), nats.Kind())
	text, err := json.Marshal(config.Schema(kinds, all.Documentation()))
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("consign.schema.json", document))
	schema, err := compiler.Compile("consign.schema.json")
	require.NoError(t, err)
	shown := examples(t)
	ca := authority(t)
	require.Greater(t, len(shown), 4)
	for where, source := range shown {
		source = pemFile.ReplaceAllString(source, ca)
		inJSON, err := yaml.YAMLToJSON([]byte(source))
		require.NoError(t, err, where)
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(inJSON))
		require.NoError(t, err, where)
		require.NoError(t, schema.Validate(value), where)
		_, err = config.Parse("example.yaml", []byte(source), kinds, anything)
		require.NoError(t, err, where)
	}
}
