package submit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"

	"github.com/consign-dev/consign"
)

// printer writes results on stdout and messages on stderr, whole lines at a time, and keeps the
// progress bar out of their way.
type printer struct {
	out, messages  io.Writer
	asJSON, quiet  bool
	receiptsWanted bool // human lines, one a result

	mutex     sync.Mutex
	bar       *progressbar.ProgressBar // nil: none
	described time.Time
	failed    error
}

// showProgress begins a bar of so many bytes; -1 if their number is not known.
func (p *printer) showProgress(total int64) {
	p.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.messages),
		progressbar.OptionSetDescription("submitting"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
	)
}

// read moves the bar by n bytes.
func (p *printer) read(n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.bar != nil {
		_ = p.bar.Add(n) // a bar that cannot be drawn is no reason to fail
	}
}

// advance shows the count beside the bar, ten times a second at most.
func (p *printer) advance(t *tally) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.bar == nil || time.Since(p.described) < 100*time.Millisecond {
		return
	}
	p.described = time.Now()
	p.bar.Describe(fmt.Sprintf("%d submitted", t.count()))
}

// end takes the bar away. The error is the first one of writing to stdout.
func (p *printer) end() error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.clear()
	p.bar = nil
	return p.failed
}

func (p *printer) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// problem says what is wrong with the value at a place.
func (p *printer) problem(at place, err error) {
	where := at.String()
	if at.line == 0 {
		where = at.file
	}
	p.message(fmt.Sprintf("%s: %v", where, err))
}

// notice says what is not wrong, but worth knowing.
func (p *printer) notice(line string) {
	if !p.quiet {
		p.message(line)
	}
}

func (p *printer) message(line string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.clear()
	fmt.Fprintln(p.messages, printable(line))
}

// result writes what became of a result; receipt is nil if nobody waits for it.
func (p *printer) result(s submitted, receipt *consign.Receipt) {
	var line []byte
	switch {
	case p.asJSON:
		line = p.encode(s, receipt)
	case receipt != nil && p.receiptsWanted:
		line = []byte(describe(s, *receipt))
	default:
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.clear()
	if _, err := p.out.Write(append(line, '\n')); err != nil && p.failed == nil {
		p.failed = fmt.Errorf("writing to stdout: %w", err)
	}
}

// encode is the JSON line of a result.
func (p *printer) encode(s submitted, receipt *consign.Receipt) []byte {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct { //nolint:errchkjson // strings, numbers and booleans only: it cannot fail
		Source     string           `json:"source"`
		ID         string           `json:"id"`
		WorkflowID string           `json:"workflow_id"`
		Duplicate  bool             `json:"duplicate"`
		Receipt    *consign.Receipt `json:"receipt,omitempty"`
	}{s.source, s.handle.ID(), s.handle.WorkflowID(), s.handle.Duplicate(), receipt})
	return bytes.TrimSuffix(line.Bytes(), []byte("\n"))
}

// describe is the human line of a result, such as
// "scanner/4711  archive delivered, slack parked (dead-letter/…): 404 Not Found".
func describe(s submitted, receipt consign.Receipt) string {
	var parts []string
	for _, leg := range receipt.Of(0).Legs {
		part := fmt.Sprintf("%s %s", leg.Sink, leg.Outcome)
		if leg.DeadLetter != "" {
			part += " (" + leg.DeadLetter + ")"
		}
		if leg.Cause != "" {
			part += ": " + leg.Cause
		}
		parts = append(parts, part)
	}
	for _, u := range receipt.Unrouted {
		parts = append(parts, fmt.Sprintf("%s: no sink wants it", u.Outcome))
	}
	for _, e := range receipt.AckErrors {
		parts = append(parts, "ack failed: "+e.Cause)
	}
	line := fmt.Sprintf("%s/%s  %s", s.source, s.handle.ID(), strings.Join(parts, ", "))
	if s.handle.Duplicate() {
		line += "  (duplicate)"
	}
	return printable(line)
}

// printable keeps a line on one line, and what others wrote from driving the terminal.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
}
