package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a file, or one note on it.
type Problem struct {
	// File as it was named to [Load].
	File string `json:"file"`
	// Line and Column count from 1, columns in characters. 0: the problem has no place.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Path of the setting: "sinks.slack.webhook.url". Empty: the file as a whole.
	Path string `json:"path,omitempty"`
	// Message says what is wrong and what is allowed there, in one line.
	Message string `json:"message"`
}

// Error is the problem in one line: "consign.yaml:7:12: sinks.slack.webhook.url: …".
func (p Problem) Error() string {
	var line strings.Builder
	if p.File != "" {
		line.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		fmt.Fprintf(&line, "%d:%d:", p.Line, p.Column)
	}
	if line.Len() > 0 {
		line.WriteString(" ")
	}
	if p.Path != "" {
		line.WriteString(p.Path + ": ")
	}
	line.WriteString(p.Message)
	return line.String()
}

// Problems are all mistakes of a file, in its order. It is the error that [Load] and [Parse] return
// for a file that can be read but not used.
type Problems []Problem

// Error has one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted brings problems into the order of the file, each once: a mistake in "defaults" is met again
// with every sink.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(p)
}
