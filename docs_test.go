package consign_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages are the documents for people, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	found := map[string]string{}
	for _, path := range append(paths, "README.md", "SECURITY.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		found[path] = string(text)
	}
	return found
}

// A heading's anchor, as GitHub makes it.
var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(page) {
		if level := len(line) - len(strings.TrimLeft(line, "#")); level > 0 && level < 7 {
			heading := notInAnchors.ReplaceAllString(strings.ToLower(strings.TrimSpace(line[level:])), "")
			found[strings.ReplaceAll(heading, " ", "-")] = true
		}
	}
	return found
}

// brokenLinks names the links of a page that lead nowhere in the tree.
func brokenLinks(path, text string, all map[string]string) []string {
	var broken []string
	for _, match := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
		target, anchor, _ := strings.Cut(match[1], "#")
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		to := path
		if target != "" {
			to = filepath.Join(filepath.Dir(path), target)
		}
		if _, err := os.Stat(to); err != nil {
			broken = append(broken, path+" -> "+match[1])
		} else if page, known := all[to]; known && anchor != "" && !anchors(page)[anchor] {
			broken = append(broken, path+" -> "+match[1]+": no such heading")
		}
	}
	return broken
}

func TestDocs_EveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	require.Greater(t, len(all), 10)
	for path, text := range all {
		require.Empty(t, brokenLinks(path, text, all))
	}
	require.Equal(t, []string{"docs/x.md -> nowhere.md", "docs/x.md -> ../README.md#no-heading: no such heading"},
		brokenLinks("docs/x.md", "[a](nowhere.md) [b](../README.md#no-heading) [c](../README.md#run-it) [d](https://example.com)", all), "what is wrong is seen")
}

func TestDocs_EveryPageIsFoundFromTheReadme(t *testing.T) {
	t.Parallel()
	all := pages(t)
	seen := map[string]bool{"README.md": true}
	for next := []string{"README.md"}; len(next) > 0; next = next[1:] {
		for _, match := range regexp.MustCompile(`\]\(([^)#\s]+\.md)`).FindAllStringSubmatch(all[next[0]], -1) {
			if to := filepath.Join(filepath.Dir(next[0]), match[1]); !seen[to] {
				seen[to] = true
				next = append(next, to)
			}
		}
	}
	for path := range all {
		require.True(t, seen[path], "no page leads to %s", path)
	}
}

func TestDocs_EveryGoProgramBuilds(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds programs")
	}
	found := 0
	for path, text := range pages(t) {
		blocks := strings.Split(text, "```go\npackage main\n")
		for _, block := range blocks[1:] {
			program, _, closed := strings.Cut(block, "```")
			require.True(t, closed, path)
			found++
			if !strings.Contains(program, "func main()") {
				program += "\nfunc main() {}\n"
			}
			file := filepath.Join(t.TempDir(), "main.go")
			require.NoError(t, os.WriteFile(file, []byte("package main\n"+program), 0o600))
			out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput()
			require.NoError(t, err, "%s: %s", path, out)
		}
	}
	require.GreaterOrEqual(t, found, 3)
}
