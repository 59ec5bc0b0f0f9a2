package sinktest

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Example returns the configuration example in the package doc of a sink: the indented lines from
// "sinks:" on, in the file whose name is given.
func Example(t *testing.T, name string) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
	require.NoError(t, err)
	_, rest, found := strings.Cut(parsed.Doc.Text(), "\tsinks:\n")
	require.True(t, found, "the package doc in %s shows no configuration", name)
	var example strings.Builder
	example.WriteString("sinks:\n")
	for line := range strings.Lines(rest) {
		line, indented := strings.CutPrefix(line, "\t")
		if !indented {
			break
		}
		example.WriteString(line)
	}
	return example.String()
}
