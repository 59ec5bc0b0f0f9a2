package config

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// writeYAML writes a mapping in block style.
func (n *node) writeYAML(w io.Writer) error {
	var out bytes.Buffer
	n.yamlEntries(&out, "")
	_, err := w.Write(out.Bytes())
	return err
}

func (n *node) yamlEntries(out *bytes.Buffer, indent string) {
	for _, e := range n.entries {
		out.WriteString(indent + yamlText(e.key) + ":")
		if e.value.shape == mapping && len(e.value.entries) > 0 {
			out.WriteString("\n")
			e.value.yamlEntries(out, indent+"  ")
			continue
		}
		out.WriteString(" " + e.value.yamlFlow() + "\n")
	}
}

// yamlFlow is a value in one line.
func (n *node) yamlFlow() string {
	switch n.shape {
	case scalar:
		if n.quoted {
			return yamlText(n.text)
		}
		return n.text
	case list:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			parts[i] = item.yamlFlow()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case mapping:
		parts := make([]string, len(n.entries))
		for i, e := range n.entries {
			parts[i] = yamlText(e.key) + ": " + e.value.yamlFlow()
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case null:
	}
	return "null"
}

// plainText is what certainly means itself without quotes.
const plainText = `^[A-Za-z_/][A-Za-z0-9_./-]*$`

// yamlText writes a text without quotes where it can, else as JSON does, which YAML reads as well.
func yamlText(text string) string {
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return quote(text)
	}
	if regexp.MustCompile(plainText).MatchString(text) {
		return text
	}
	return quote(text)
}

func quote(text string) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return `""` // never: every string can be encoded
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// writeJSON writes the value indented.
func (n *node) writeJSON(w io.Writer) error {
	var out bytes.Buffer
	if err := json.Indent(&out, n.json(), "", "  "); err != nil {
		return err
	}
	out.WriteString("\n")
	_, err := w.Write(out.Bytes())
	return err
}

func (n *node) json() []byte {
	var out bytes.Buffer
	switch n.shape {
	case null:
		out.WriteString("null")
	case scalar:
		if n.quoted || !json.Valid([]byte(n.text)) { // durations are no JSON
			out.WriteString(quote(n.text))
		} else {
			out.WriteString(n.text)
		}
	case list:
		out.WriteString("[")
		for i, item := range n.items {
			if i > 0 {
				out.WriteString(",")
			}
			out.Write(item.json())
		}
		out.WriteString("]")
	case mapping:
		out.WriteString("{")
		for i, e := range n.entries {
			if i > 0 {
				out.WriteString(",")
			}
			out.WriteString(quote(e.key) + ":")
			out.Write(e.value.json())
		}
		out.WriteString("}")
	}
	return out.Bytes()
}
