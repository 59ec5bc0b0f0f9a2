package trace

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/consign-dev/consign"
)

const (
	// attemptsFirst and attemptsLast are how many attempts of a leg are shown where there are more.
	attemptsFirst, attemptsLast = 3, 7
	// leastWidth is the narrowest text, in columns.
	leastWidth = 80
)

// Write tells the story for people, in lines of about that many columns; ids and links are never cut. A width below
// 80 is taken for 80.
func (s Story) Write(w io.Writer, width int) error {
	p := page{width: max(width, leastWidth)}
	kind := ""
	if s.Type != "" {
		kind = " (" + s.Type + ")"
	}
	p.linef("%s/%s%s: %s", s.Source, s.ID, kind, strings.ToUpper(s.State))
	p.linef("")
	submitted := "submitted  " + moment(s.Submitted)
	if s.By != "" {
		submitted += " by " + s.By
	}
	p.linef("%s", submitted)
	carried := ""
	if s.Results > 1 {
		carried = fmt.Sprintf(", with %d other results", s.Results-1)
	}
	p.linef("delivery   %s%s", s.Workflow, carried)
	p.whole("           ", s.Link)
	if !s.Closed.IsZero() {
		p.linef("closed     %s, after %s", moment(s.Closed), took(s.Closed.Sub(s.Submitted)))
	}
	if s.Failed != "" {
		p.cut("ABANDONED  ", s.Failed+": what its sinks had not taken by then is not delivered")
	}
	if s.Unrouted != "" {
		p.cut("routed     ", s.Unrouted)
	}
	if len(s.NotWanted) > 0 {
		p.cut("not wanted ", "by "+strings.Join(s.NotWanted, ", ")+" (their \"when\" said no)")
	}
	for _, l := range s.Legs {
		p.leg(l, s.Submitted)
	}
	p.acks(s.Acks)
	if len(s.Notes) > 0 {
		p.linef("")
	}
	for _, note := range s.Notes {
		p.cut("note: ", note)
	}
	_, err := io.WriteString(w, p.text.String())
	return err
}

type page struct {
	text  strings.Builder
	width int
}

// line prints text without bound.
func (p *page) linef(format string, args ...any) {
	p.text.WriteString(strings.TrimRight(printable(fmt.Sprintf(format, args...)), " ") + "\n")
}

// whole prints what must not be cut, if there is anything.
func (p *page) whole(prefix, text string) {
	if text != "" {
		p.linef("%s%s", prefix, text)
	}
}

// cut prints text over at most three lines, which are cut at words.
func (p *page) cut(prefix, text string) {
	const most = 3
	words := strings.Fields(printable(text))
	indent := strings.Repeat(" ", len(prefix))
	for n := 1; len(words) > 0; n++ {
		line := words[0]
		words = words[1:]
		for len(words) > 0 && len([]rune(line))+1+len([]rune(words[0])) <= p.width-len(prefix) {
			line += " " + words[0]
			words = words[1:]
		}
		if n == most && len(words) > 0 {
			line, words = line+" …", nil
		}
		p.linef("%s%s", prefix, line)
		prefix = indent
	}
}

func (p *page) leg(l Leg, day time.Time) {
	p.linef("")
	kind := ""
	if l.Kind != "" {
		kind = " (" + l.Kind + ")"
	}
	p.linef("%s%s: %s", l.Sink, kind, strings.ToUpper(l.State))
	p.linef("  delivery id %s", l.DeliveryID)
	p.attempts(l, day)
	switch {
	case !l.Next.IsZero() && l.Waiting != "":
		p.cut("  next        ", clock(l.Next, day)+", "+l.Waiting)
	case !l.Next.IsZero():
		p.linef("  next        %s", clock(l.Next, day))
	case l.Waiting != "":
		p.cut("  waits for   ", l.Waiting)
	}
	for _, letter := range l.DeadLetters {
		p.deadLetter(letter, day)
	}
}

// attempts prints attempts and, among them by time, those that were not made.
func (p *page) attempts(l Leg, day time.Time) {
	skips := l.Skipped
	left := 0
	if count := len(l.Attempts); count > attemptsFirst+attemptsLast {
		left = count - attemptsFirst - attemptsLast
	}
	for i, a := range l.Attempts {
		hidden := i >= attemptsFirst && i < attemptsFirst+left
		for len(skips) > 0 && skips[0].At.Before(a.At) {
			if !hidden {
				p.skip(skips[0], day)
			}
			skips = skips[1:]
		}
		if hidden {
			if i == attemptsFirst {
				p.linef("  … %d more (--json has all)", left)
			}
			continue
		}
		if i > 0 && a.Failed && a.Answer == l.Attempts[i-1].Answer && a.Sink == l.Attempts[i-1].Sink && (left == 0 || i != attemptsFirst+left) {
			a.Answer, a.Sink = "the same", ""
		}
		p.attempt(a, day)
	}
	for _, skip := range skips {
		p.skip(skip, day)
	}
}

func (p *page) attempt(a Attempt, day time.Time) {
	lasted := "-"
	if a.Took > 0 {
		lasted = took(a.Took.Duration())
	}
	answer := a.Answer
	if a.Sink != "" {
		answer = "at " + a.Sink + ": " + answer
	}
	p.cut(fmt.Sprintf("  %3d  %s  %-6s  %7s  ", a.Number, clock(a.At, day), a.How, lasted), answer)
}

func (p *page) skip(s Skip, day time.Time) {
	p.cut(fmt.Sprintf("    -  %s  not made: ", clock(s.At, day)), s.Why)
}

func (p *page) deadLetter(d DeadLetter, day time.Time) {
	p.linef("  parked      %s as %s", clock(d.Parked, day), d.ID)
	p.whole("              ", d.Link)
	if d.Cause != "" {
		p.cut("              ", d.Cause)
	}
	for _, act := range d.Acts {
		said := act.What + " by " + cmp.Or(act.By, "unknown")
		if act.Reason != "" {
			said += " (" + act.Reason + ")"
		}
		p.cut("  "+clock(act.At, day)+"  ", said+": "+act.Outcome)
	}
	if d.State == consign.StateParked {
		p.linef("              > consign dead-letters replay %s", d.ID)
	}
}

func (p *page) acks(acks []Ack) {
	if len(acks) > 0 {
		p.linef("")
	}
	for _, ack := range acks {
		said := ack.Target
		if ack.To != "" {
			said += " to " + ack.To
		}
		said += ": " + ack.Outcome
		if !ack.At.IsZero() {
			said += " at " + moment(ack.At)
		}
		if ack.Cause != "" {
			said += ", " + ack.Cause
		}
		p.cut("ack        ", said)
	}
}

// printable is text on one line without control characters: what a receiver answered must not steer the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

func moment(t time.Time) string { return t.Local().Format("2 Jan 15:04:05 MST") }

// clock is a time of the day that the story began on, and of any other day with its date in place of the
// milliseconds: all take the same room.
func clock(t, day time.Time) string {
	if t.IsZero() {
		return "            "
	}
	t, day = t.Local(), day.Local()
	if t.YearDay() == day.YearDay() && t.Year() == day.Year() {
		return t.Format("15:04:05.000")
	}
	return t.Format("Jan _2 15:04")
}

func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}
