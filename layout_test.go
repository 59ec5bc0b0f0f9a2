package consign_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	modulePath = "github.com/consign-dev/consign"
	// root is the folder of package consign itself.
	root = "."
	// submitLimit is what cmd/submit may weigh in bytes, as `go build` leaves it.
	submitLimit = 40_000_000
)

// layers are DESIGN.md's folders from top to bottom. A package imports only what lies below its own
// folder, or in it.
func layers() []string {
	return []string{
		"cmd", "bench", "acceptance", "examples", "embedded", "page", "sources", "worker", "status", "trace", "workflows", "activities", "sinks", "deadletters", "config", "intake", "codec", root,
	}
}

// outOfReach names, beyond the order of layers, what a folder may not reach by any path of imports.
func outOfReach() map[string][]string {
	return map[string][]string{
		// The producer's command stays small: no server and no sink inside.
		"cmd/submit": {"bench", "embedded", "sources", "worker", "workflows", "activities", "sinks"},
		// The server knows nothing of delivery.
		"embedded": {"sources", "worker", "workflows", "activities", "sinks", "deadletters", "config"},
	}
}

func TestLayout_PackagesImportOnlyWhatLiesBelow(t *testing.T) {
	t.Parallel()
	require.Empty(t, violations(readFolders(t, root)), "the import order is DESIGN.md's; layers() in layout_test.go holds it")
}

func TestLayout_WhenAPackageReachesUpOrAside_IsNamed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		folders []folder
		want    string
	}{
		"up":                           {[]folder{{dir: "sinks/file", imports: []string{"worker"}}}, "sinks/file imports worker, which lies above it"},
		"up from the root":             {[]folder{{dir: root, imports: []string{"config"}}}, ". imports config, which lies above it"},
		"unknown folder":               {[]folder{{dir: "helpers/strings"}}, `helpers is in no layer: give it its place in DESIGN.md and in layers()`},
		"out of reach":                 {[]folder{{dir: "embedded", imports: []string{"config"}}}, "embedded reaches config, which it must not: embedded -> config"},
		"out of reach through another": {[]folder{{dir: "cmd/submit", imports: []string{"cmd/internal/x"}}, {dir: "cmd/internal/x", imports: []string{"worker"}}}, "cmd/submit reaches worker, which it must not: cmd/submit -> cmd/internal/x -> worker"},
	} {
		require.Equal(t, []string{test.want}, violations(test.folders), name)
	}
	require.Empty(t, violations([]folder{
		{dir: "cmd/consign", imports: []string{"cmd/internal/x", "embedded", root}},
		{dir: "sinks/file", imports: []string{"sinks", "config"}},
		{dir: "embedded", imports: []string{root}},
	}))
}

func TestLayout_EachPackageTeachesInItsDoc(t *testing.T) {
	t.Parallel()
	for _, f := range readFolders(t, root) {
		if len(f.files) == 0 {
			continue // tests alone
		}
		// A command has main.go, a sink's room has NAME.go: whoever opens the folder sees it first.
		where := []string{"doc.go", f.files[0].Name.Name + ".go"}
		documented := slices.ContainsFunc(where, func(file string) bool {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(f.dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
			return err == nil && parsed.Doc != nil && len(strings.Fields(parsed.Doc.Text())) > 3
		})
		require.Truef(t, documented, "%s has no package comment in %s", f.dir, strings.Join(where, " or "))
	}
}

func TestLayout_RootLinksNoServerAndNoSink(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err, "go list -deps .")
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		require.False(t, within(dep, "go.temporal.io/server") || within(dep, modulePath+"/sinks"), "package consign links %s", dep)
	}
}

func TestLayout_SubmitBinaryStaysUnder40MB(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and links a binary")
	}
	binary := filepath.Join(t.TempDir(), "submit")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/submit").CombinedOutput()
	require.NoError(t, err, "go build ./cmd/submit: %s", out)
	info, err := os.Stat(binary)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(submitLimit), "see `go list -deps ./cmd/submit` for what came along")
}

// violations says what is wrong with folders, in a stable order.
func violations(folders []folder) []string {
	var found []string
	imports := map[string][]string{}
	for _, f := range folders {
		imports[f.dir] = f.imports
		own := slices.Index(layers(), top(f.dir))
		if own < 0 {
			found = append(found, top(f.dir)+" is in no layer: give it its place in DESIGN.md and in layers()")
			continue
		}
		for _, imported := range f.imports {
			if other := slices.Index(layers(), top(imported)); other >= 0 && other < own {
				found = append(found, fmt.Sprintf("%s imports %s, which lies above it", f.dir, imported))
			}
		}
	}
	for from, forbidden := range outOfReach() {
		for _, to := range forbidden {
			if way := wayTo(imports, from, to); way != nil {
				found = append(found, fmt.Sprintf("%s reaches %s, which it must not: %s", from, to, strings.Join(way, " -> ")))
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// wayTo is a shortest chain of imports between two folders; nil if there is none.
func wayTo(imports map[string][]string, from, to string) []string {
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		way := queue[0]
		for _, next := range imports[way[len(way)-1]] {
			if within(next, to) {
				return append(slices.Clone(way), next)
			}
			if !seen[next] {
				seen[next] = true
				queue = append(queue, append(slices.Clone(way), next))
			}
		}
	}
	return nil
}
