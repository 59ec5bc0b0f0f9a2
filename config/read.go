package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSource is the most that a configuration file may hold, in bytes. A larger file is something else.
const maxSource = 1 << 20

// read turns YAML into nodes. Aliases and merge keys ("<<") are resolved. A file with nothing in it
// gives an empty mapping.
func (r *reader) read(source []byte) *node {
	if len(source) > maxSource {
		r.problem(0, 0, "", fmt.Sprintf("%d bytes are too many for a configuration, at most 1 MiB is read: is this the right file?", len(source)))
		return nil
	}
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	file, err := parse(source)
	if err != nil {
		r.syntaxProblem(source, err)
		return nil
	}
	converter := &converter{reader: r, anchors: map[string]*node{}}
	var root *node
	for _, document := range file.Docs {
		if document.Body == nil || document.Body.Type() == ast.DirectiveType {
			continue
		}
		if root != nil {
			at := position(document.Body)
			r.problem(at.Line, at.Column, "", "a second document: a file holds one configuration, so remove the line --- before it")
			break
		}
		root = converter.convert(document.Body, "")
	}
	if root == nil || root.shape == null {
		return &node{shape: mapping, line: 1, column: 1}
	}
	return root
}

// parse calls the parser, which panics on some inputs that are no YAML at all.
func parse(source []byte) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = errors.New("this cannot be read as YAML")
		}
	}()
	return parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
}

// syntaxProblem reports an error of the parser in one line, without the piece of the file that it
// shows: there may be a secret in it.
func (r *reader) syntaxProblem(source []byte, err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil || syntax.GetToken().Position == nil {
		r.problem(0, 0, "", "not YAML: "+firstLine(err.Error()))
		return
	}
	at := syntax.GetToken().Position
	message := "not YAML: " + firstLine(syntax.GetMessage())
	if lines := bytes.Split(source, []byte("\n")); at.Line >= 1 && at.Line <= len(lines) {
		line := lines[at.Line-1]
		switch {
		case bytes.Contains(line, []byte("${")) && bytes.ContainsAny(line, "{["):
			message += `: inside { } and [ ], "${NAME}" needs its quotes`
		case bytes.Contains(line, []byte("\t")):
			message += ": indent with spaces, not with tabs"
		}
	}
	r.problem(at.Line, at.Column, "", message)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.ReplaceAll(strings.ToValidUTF8(line, "�"), "\t", `\t`)
}

// join adds a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
