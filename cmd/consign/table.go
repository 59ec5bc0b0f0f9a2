package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"golang.org/x/term"
)

// table prints rows: aligned and under a header on a terminal, and elsewhere with one tab between
// cells, as cut and awk take them.
type table struct {
	to     io.Writer
	header []string
	align  *tabwriter.Writer // nil: not on a terminal
}

func newTable(to io.Writer, header ...string) *table {
	t := &table{to: to, header: header}
	if file, ok := to.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		t.align = tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
		t.to = t.align
	}
	return t
}

// row prints cells, from wherever they come.
func (t *table) row(cells ...string) error {
	if t.align != nil && t.header != nil {
		fmt.Fprintln(t.to, strings.Join(t.header, "\t"))
		t.header = nil
	}
	for i, cell := range cells {
		cells[i] = printable(cell)
	}
	_, err := fmt.Fprintln(t.to, strings.Join(cells, "\t"))
	return err
}

func (t *table) flush() error {
	if t.align == nil {
		return nil
	}
	return t.align.Flush()
}

// printable is text on one line without control characters: what a receiver answered, or a producer
// named its results, must not steer the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// count of things: "1 sink", "3 sinks".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
