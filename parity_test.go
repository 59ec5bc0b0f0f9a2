package consign_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParity_HasARowForEachFeature_WithTestsThatExist holds docs/parity.md to the system that Consign takes over. That
// the tests named there pass is for the run of all tests to say.
func TestParity_HasARowForEachFeature_WithTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/parity.md")
	require.NoError(t, err)
	known := testNames(t)
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		id := strings.TrimSpace(cells[0])
		if !regexp.MustCompile(`^[A-D]\d+$`).MatchString(id) {
			continue
		}
		require.NotContains(t, rows, id, "one row each")
		require.Len(t, cells, 5, "feature, Consign, tests, broken: %s", line)
		rows[id] = cells
	}
	for section, last := range map[string]int{"A": 14, "B": 8, "C": 13, "D": 8} {
		for n := range last {
			id := fmt.Sprint(section, n+1)
			row := rows[id]
			require.NotNil(t, row, "no row %s", id)
			tests := regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(row[3], -1)
			for _, test := range tests {
				require.True(t, known[test[1]], "%s names %s, which does not exist", id, test[1])
			}
			if section != "D" {
				require.NotEmpty(t, tests, "%s names no test", id)
				require.Greater(t, len(strings.TrimSpace(row[4])), 10, "%s: what was broken to see it fail?", id)
			}
		}
	}
}

// testNames are the names of all tests of this module.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllSubmatch(source, -1) {
			names[string(match[1])] = true
		}
		return err
	}))
	return names
}
