package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// converter turns the parser's tree into nodes.
type converter struct {
	*reader
	anchors map[string]*node
}

func (c *converter) convert(n ast.Node, path string) *node {
	at := position(n)
	result := &node{line: at.Line, column: at.Column}
	switch n := n.(type) {
	case nil, *ast.NullNode:
	case *ast.StringNode:
		result.shape, result.text, result.quoted = scalar, n.Value, isQuoted(n.Token)
	case *ast.LiteralNode:
		result.shape, result.text, result.quoted = scalar, n.Value.Value, true
	case *ast.MappingNode:
		result.shape = mapping
		c.entries(result, n.Values, path)
	case *ast.MappingValueNode:
		result.shape = mapping
		c.entries(result, []*ast.MappingValueNode{n}, path)
	case *ast.SequenceNode:
		result.shape = list
		for i, item := range n.Values {
			result.items = append(result.items, c.convert(item, fmt.Sprintf("%s[%d]", path, i)))
		}
	case *ast.AnchorNode:
		value := c.convert(n.Value, path)
		c.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		if value, found := c.anchors[name]; found {
			return value
		}
		c.problem(at.Line, at.Column, path, fmt.Sprintf("*%s stands before any &%s: define the anchor further up", name, name))
		c.failed = append(c.failed, path)
	case *ast.TagNode:
		value := c.convert(n.Value, path)
		if n.Start.Value != "!!str" || value.shape != scalar {
			c.problem(at.Line, at.Column, path, fmt.Sprintf("tag %s is not used here: remove it", n.Start.Value))
			c.failed = append(c.failed, path)
			return value
		}
		value.quoted = true
		return value
	case ast.ScalarNode:
		result.shape, result.text = scalar, n.GetToken().Value
	default:
		c.problem(at.Line, at.Column, path, "expected a text, a number, a list or a mapping")
		c.failed = append(c.failed, path)
	}
	return result
}

func isQuoted(t *token.Token) bool {
	return t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType
}

// entries adds to a mapping what is written in it, then what its merge keys bring.
func (c *converter) entries(into *node, values []*ast.MappingValueNode, path string) {
	var merged []*node
	for _, v := range values {
		at := position(v.Key)
		if v.Key.IsMergeKey() {
			merged = append(merged, c.merged(v, path)...)
			continue
		}
		key, ok := keyText(v.Key)
		if !ok {
			c.problem(at.Line, at.Column, path, "a key must be a plain text")
			continue
		}
		below := join(path, key)
		value := c.convert(v.Value, below)
		if first, found := into.get(key); found {
			c.problem(at.Line, at.Column, below, duplicate(path, key, first.line))
			if path != "sinks" { // whose mistakes are worth telling all the same
				continue
			}
		}
		if value.shape == null {
			value.line, value.column = at.Line, at.Column
		}
		into.entries = append(into.entries, entry{key: key, line: at.Line, column: at.Column, value: value})
	}
	for _, from := range merged {
		for _, e := range from.entries {
			if _, found := into.get(e.key); !found {
				into.entries = append(into.entries, e)
			}
		}
	}
}

// merged lists the mappings that a merge key names, the strongest first.
func (c *converter) merged(v *ast.MappingValueNode, path string) []*node {
	value := c.convert(v.Value, path)
	all := []*node{value}
	if value.shape == list {
		all = value.items
	}
	for _, one := range all {
		if one.shape != mapping {
			at := position(v.Key)
			c.problem(at.Line, at.Column, path, "<< takes a mapping, an alias of one, or a list of such")
			return nil
		}
	}
	return all
}

func duplicate(path, key string, line int) string {
	if path == "sinks" {
		return fmt.Sprintf("there is a sink of this name already, at line %d: names are unique", line)
	}
	return fmt.Sprintf("%q is set already, at line %d: remove one of them", key, line)
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch key := key.(type) {
	case *ast.StringNode:
		return key.Value, true
	case *ast.MappingKeyNode:
		inner, ok := key.Value.(ast.MapKeyNode)
		if !ok {
			return "", false
		}
		return keyText(inner)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return key.GetToken().Value, true
	}
	return "", false
}

// position is where a value begins, as a person sees it.
func position(n ast.Node) token.Position {
	switch n := n.(type) {
	case nil:
		return token.Position{}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return *t.Position
	}
	return token.Position{}
}
