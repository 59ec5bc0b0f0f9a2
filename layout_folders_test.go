package consign_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder is one package of this module: where it lies and which others of the module it imports, tests
// left out. A test may stand on anything: workflows are tested on the embedded server.
type folder struct {
	dir     string
	imports []string
	files   []*ast.File
}

// readFolders parses every Go file of this module under dir, imports and package clauses only.
func readFolders(t *testing.T, dir string) []folder {
	t.Helper()
	byDir := map[string]*folder{}
	require.NoError(t, filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipped(file)
		}
		if filepath.Ext(file) != ".go" {
			return nil
		}
		f := byDir[filepath.Dir(file)]
		if f == nil {
			f = &folder{dir: filepath.ToSlash(filepath.Dir(file))}
			byDir[filepath.Dir(file)] = f
		}
		if strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f.files = append(f.files, parsed)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if within(imported, modulePath) {
				f.imports = append(f.imports, path.Clean(strings.TrimPrefix(strings.TrimPrefix(imported, modulePath), "/")))
			}
		}
		return nil
	}))
	folders := make([]folder, 0, len(byDir))
	for _, f := range byDir {
		folders = append(folders, *f)
	}
	return folders
}

// skipped is SkipDir for what the go command would not look at either.
func skipped(dir string) error {
	if dir == root {
		return nil
	}
	name := filepath.Base(dir)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	return nil
}

// top is the layer that a folder belongs to.
func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

// within says whether an import path or folder is the other one or lies in it.
func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}
