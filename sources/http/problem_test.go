package http_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	source "github.com/consign-dev/consign/sources/http"
)

func TestProblems_EachTypeLeadsToItsHeading(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/http.md")
	require.NoError(t, err)
	for slug, title := range source.Titles() {
		require.Equal(t, slug, strings.ReplaceAll(strings.ToLower(title), " ", "-"), "the anchor of a heading")
		require.Contains(t, string(manual), "\n## "+title+"\n")
	}
}
