package webhook

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
)

// text is a template with its values escaped for where it stands, or a text as it is where nothing in it
// is between {{ and }}.
type text struct {
	plain  string
	parsed *template.Template // nil: plain is all
}

// place is where a template's values come to stand.
type place string

const (
	inURL   place = "url"
	inJSON  place = "json"
	inForm  place = "form"
	inPlain place = "plain"
)

// isTemplate tells whether a setting is a template.
func isTemplate(source string) bool { return strings.Contains(source, "{{") }

// parseText reads a setting. names are those of the values that a template may use.
func parseText(source string, where place, names []string) (text, error) {
	if !isTemplate(source) {
		return text{plain: source}, nil
	}
	parsed, err := template.New("").Option("missingkey=error").Funcs(functions()).Parse(source)
	if err != nil {
		return text{}, templateError(err)
	}
	if where == inURL && len(parsed.Templates()) > 1 {
		return text{}, errors.New("a URL has no use for define and block: where their values come to stand, and so how to escape them, cannot be told")
	}
	for _, one := range parsed.Templates() {
		w := walker{where: where, names: names}
		if one.Tree != nil {
			w.list(one.Root, one == parsed)
		}
		if w.wrong != nil {
			return text{}, w.wrong
		}
	}
	return text{parsed: parsed}, nil
}

// render fills in a result's fields.
func (t text) render(fields map[string]any) (string, error) {
	if t.parsed == nil {
		return t.plain, nil
	}
	var out strings.Builder
	if err := t.parsed.Execute(&out, fields); err != nil {
		return "", templateError(err)
	}
	return out.String(), nil
}

// walker goes through a template, checks the fields it names, and has each value it prints escaped, as
// html/template does for HTML.
type walker struct {
	where place
	names []string
	query bool // a ? stands before, in a URL
	wrong error
}

// list walks nodes. known is true where the dot is the result, and not an item of a range.
func (w *walker) list(nodes *parse.ListNode, known bool) {
	if nodes == nil {
		return
	}
	for _, node := range nodes.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			w.query = w.query || strings.Contains(string(n.Text), "?")
		case *parse.ActionNode:
			w.pipe(n.Pipe, known)
			w.escape(n.Pipe)
		case *parse.IfNode:
			w.pipe(n.Pipe, known)
			w.list(n.List, known)
			w.list(n.ElseList, known)
		case *parse.WithNode:
			w.pipe(n.Pipe, known)
			w.list(n.List, false)
			w.list(n.ElseList, known)
		case *parse.RangeNode:
			w.pipe(n.Pipe, known)
			w.list(n.List, false)
			w.list(n.ElseList, known)
		case *parse.TemplateNode:
			w.pipe(n.Pipe, known)
		}
	}
}

// pipe checks the fields in a pipeline.
func (w *walker) pipe(pipe *parse.PipeNode, known bool) {
	if pipe == nil {
		return
	}
	for _, command := range pipe.Cmds {
		for _, arg := range command.Args {
			switch n := arg.(type) {
			case *parse.PipeNode:
				w.pipe(n, known)
			case *parse.ChainNode:
				if inner, ok := n.Node.(*parse.PipeNode); ok {
					w.pipe(inner, known)
				}
			case *parse.FieldNode:
				if known {
					w.field(n.Ident)
				}
			case *parse.VariableNode:
				if n.Ident[0] == "$" {
					w.field(n.Ident[1:])
				}
			}
		}
	}
}

// field checks the first names of a field.
func (w *walker) field(path []string) {
	missing := func(what, name string, there []string) {
		if w.wrong == nil {
			w.wrong = fmt.Errorf("%s %q is unknown: there are %s", what, name, strings.Join(there, ", "))
		}
	}
	switch {
	case len(path) == 0:
	case !slices.Contains(fieldNames(), path[0]):
		missing("field", path[0], fieldNames())
	case path[0] == "values" && len(path) > 1 && !slices.Contains(w.names, path[1]):
		missing("value", path[1], append([]string{"those under values:"}, w.names...))
	}
}

// escape adds to a pipeline what makes its value fit the place, unless it ends with a function that has
// done so.
func (w *walker) escape(pipe *parse.PipeNode) {
	if len(pipe.Decl) > 0 {
		return // it prints nothing
	}
	name, done := "_"+string(w.where), []string{"raw"}
	switch w.where {
	case inJSON:
		done = append(done, "json")
	case inURL:
		done = append(done, "urlquery", "path")
		if w.query {
			name = "_query"
		}
	case inForm:
		name, done = "_query", append(done, "urlquery")
	case inPlain:
	}
	last := pipe.Cmds[len(pipe.Cmds)-1]
	if function, ok := last.Args[0].(*parse.IdentifierNode); ok && slices.Contains(done, function.Ident) {
		return
	}
	pipe.Cmds = append(pipe.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: last.Pos,
		Args: []parse.Node{parse.NewIdentifier(name).SetPos(last.Pos)},
	})
}

const whereInTemplate = `^template: :(\d+)(?::\d+)?: (?:executing "[^"]*" at )?`

// templateError is an error of text/template with no more than the line of the template in front.
func templateError(err error) error {
	return errors.New(regexp.MustCompile(whereInTemplate).ReplaceAllString(err.Error(), "line $1: "))
}

// missingKey is all that is shown of why a header's template failed, as the rest of it may be secret.
var missingKey = regexp.MustCompile(`map has no entry for key "[^"]*"$`)

// sorted names of a map.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
