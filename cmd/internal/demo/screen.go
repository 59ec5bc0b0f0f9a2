package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen tells the story: notes that stay, and below them a table that is redrawn in place where out
// is a terminal, or printed as a line now and then where it is not.
type screen struct {
	out   io.Writer
	live  bool
	drawn int    // lines of the table that stands at the end of a terminal
	line  string // last line of numbers
}

func newScreen(out io.Writer) *screen {
	file, ok := out.(*os.File)
	return &screen{out: out, live: ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb"}
}

// interval between two looks at the state.
func (s *screen) interval() time.Duration {
	if s.live {
		return 200 * time.Millisecond
	}
	return time.Second
}

// notef prints a text that stays. A table that stands there gives way to it.
func (s *screen) notef(format string, values ...any) {
	s.erase()
	fmt.Fprintf(s.out, format+"\n", values...)
}

// show draws the state.
func (s *screen) show(now state) {
	if s.live {
		table := tableOf(now)
		s.erase()
		fmt.Fprint(s.out, table)
		s.drawn = strings.Count(table, "\n")
		return
	}
	if line := lineOf(now); line != s.line {
		fmt.Fprintln(s.out, line)
		s.line = line
	}
}

// leave lets the table stand where it is.
func (s *screen) leave() { s.drawn = 0 }

func (s *screen) erase() {
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.drawn) // up, and clear to the end
		s.drawn = 0
	}
}

func tableOf(now state) string {
	var text strings.Builder
	width := 8
	for _, r := range now.rows {
		width = max(width, len(r.sink))
	}
	fmt.Fprintf(&text, "  %-*s  %6s  %8s  %6s\n", width, "SINK", "TAKEN", "RETRYING", "PARKED")
	for _, r := range now.rows {
		fmt.Fprintf(&text, "  %-*s  %6d  %8d  %6d\n", width, r.sink, r.taken, r.retrying, r.parked)
	}
	fmt.Fprintf(&text, "  last on the %s: %s\n", consoleSink, headline(now.last))
	return text.String()
}

func lineOf(now state) string {
	var parts []string
	for _, r := range now.rows {
		part := fmt.Sprintf("%s took %d", r.sink, r.taken)
		if r.retrying > 0 {
			part += fmt.Sprintf(", retries %d", r.retrying)
		}
		if r.parked > 0 {
			part += fmt.Sprintf(", parked %d", r.parked)
		}
		parts = append(parts, part)
	}
	return "  " + strings.Join(parts, " | ")
}
