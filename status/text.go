package status

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// DefaultWidth is that of a text that no terminal bounds, in columns.
const DefaultWidth = 100

// Write prints an overview for people: what is wrong first, then the details, in lines of at most that many columns.
// A width below 80 is taken for 80.
func (o Overview) Write(w io.Writer, width int) error {
	width = max(width, 80)
	p := page{width: width}
	p.linef("Consign in namespace %s of %s, at %s", o.Engine.Namespace, cmp.Or(o.Engine.Address, "Temporal"), clock(o.At))
	p.linef("")
	if len(o.Attention) == 0 {
		p.linef("All is well.")
	} else {
		p.linef("NEEDS ATTENTION")
		for _, one := range o.Attention {
			p.wrapped("  ! ", "    ", one.About+": "+one.What)
			if one.Do != "" {
				p.wrapped("      > ", "        ", one.Do)
			}
		}
	}
	for _, missing := range o.Missing {
		p.wrapped("  ? ", "    ", "not known: "+missing)
	}
	p.linef("")
	o.sinks(&p)
	o.workers(&p)
	o.sources(&p)
	o.engine(&p)
	_, err := io.WriteString(w, p.text.String())
	return err
}

func (o Overview) sinks(p *page) {
	if len(o.Sinks) == 0 {
		p.linef("No sink is known, since no worker has told of one.")
		p.linef("")
		return
	}
	t := grid{header: []string{"SINK", "STATE", "RUN", "WAIT", "RETRY", "DEAD", "OK/S", "FAIL/S", "P95", "LAST ERROR"}, right: "2345678"}
	for _, s := range o.Sinks {
		state := s.State
		switch {
		case s.State == StateCircuitOpen && len(s.Circuits) > 1:
			state = fmt.Sprintf("%s %d/%d", s.State, s.CircuitsOpen, len(s.Circuits))
		case s.State == StateRateLimited:
			state = fmt.Sprintf("open, %g/s", s.RateLimit)
		}
		retrying := strconv.FormatInt(s.Retrying, 10)
		if o.Engine.Retrying > o.Engine.Sampled && s.Retrying > 0 {
			retrying += "+"
		}
		last := ""
		if s.LastError != nil {
			last = since(o.At, s.LastError.At) + " ago " + cmp.Or(s.LastError.Label, s.LastError.Cause)
		}
		t.rows = append(t.rows, []string{
			s.Name, state, strconv.Itoa(s.InFlight), strconv.FormatInt(s.Backlog, 10), retrying, strconv.FormatInt(s.DeadLetters, 10),
			Rate(s.Rate), Rate(s.Failing), took(s.P95.Duration()), last,
		})
	}
	p.grid(t)
}

func (o Overview) workers(p *page) {
	if len(o.Workers) == 0 {
		return
	}
	t := grid{header: []string{"WORKER", "RELEASE", "UP", "RESULTS/S", "CLOCK", "CONFIGURATION"}, right: "23"}
	for _, w := range o.Workers {
		if w.Standing == nil {
			t.rows = append(t.rows, []string{w.Identity, "-", "-", "-", "-", fmt.Sprintf("%s; last seen %s ago", w.Silence, since(o.At, w.LastSeen))})
			continue
		}
		s, skewed := w.Standing, "right"
		if ahead := s.Ahead.Duration(); ahead.Abs() > clockSlack {
			skewed = skew(ahead)
		}
		name := "built-in"
		if s.Config.Path != "" {
			name = filepath.Base(s.Config.Path)
		}
		t.rows = append(t.rows, []string{w.Identity, cmp.Or(s.Release, "-"), since(o.At, s.Since), Rate(s.Rate), skewed, s.Config.Digest + " " + name})
	}
	p.grid(t)
}

func (o Overview) sources(p *page) {
	t := grid{header: []string{"SOURCE", "KIND", "STATE", "RESULTS/S", "OPEN", "WAIT", "AT", "WORKER"}, right: "345"}
	for _, w := range o.Workers {
		if w.Standing == nil {
			continue
		}
		for _, s := range w.Standing.Sources {
			open := strconv.FormatInt(s.Open, 10)
			if s.Limit > 0 {
				open += "/" + strconv.FormatInt(s.Limit, 10)
			}
			t.rows = append(t.rows, []string{s.Name, s.Kind, s.State, Rate(s.Rate), open, strconv.FormatInt(s.Waiting, 10), s.Address, w.Identity})
		}
	}
	if len(t.rows) > 0 {
		p.grid(t)
	}
}

func (o Overview) engine(p *page) {
	const first, then = "ENGINE  ", "        "
	e := o.Engine
	where := ""
	if e.Disk != nil {
		where = ", embedded"
	}
	p.wrapped(first, then, fmt.Sprintf("Temporal %s%s; closed deliveries are kept for %s", cmp.Or(e.Version, "of unknown version"), where, kept(e.Retention.Duration())))
	looked := ""
	if e.Retrying > e.Sampled {
		looked = fmt.Sprintf(" (RETRY tells of %d of them)", e.Sampled)
	}
	p.wrapped(then, then, fmt.Sprintf("%s open, of which %d are retried%s; %s",
		countedAs(e.OpenDeliveries, "delivery", "deliveries"), e.Retrying, looked, counted(e.DeadLetters, "dead letter")))
	if d := e.Disk; d != nil {
		limit := "no limit"
		if d.Limit > 0 {
			limit = "of " + inBytes(d.Limit)
		}
		p.wrapped(then, then, fmt.Sprintf("database %s (%s) in %s; the disk has room for %s", inBytes(d.Used), limit, d.Dir, inBytes(d.Room)))
	}
}

// page is text whose lines are bounded.
type page struct {
	text  strings.Builder
	width int
}

func (p *page) linef(format string, args ...any) {
	p.text.WriteString(strings.TrimRight(clip(Printable(fmt.Sprintf(format, args...)), p.width), " "))
	p.text.WriteByte('\n')
}

// wrapped prints text over several lines, which are cut at words where they can be.
func (p *page) wrapped(first, then, text string) {
	const most = 4 // lines
	prefix := first
	words := strings.Fields(Printable(text))
	for n := 1; len(words) > 0; n++ {
		room := p.width - len(prefix)
		line := words[0]
		words = words[1:]
		for len(words) > 0 && length(line)+1+length(words[0]) <= room {
			line += " " + words[0]
			words = words[1:]
		}
		if n == most && len(words) > 0 {
			line, words = clip(line+" "+strings.Join(words, " "), room), nil
		}
		p.linef("%s", prefix+line)
		prefix = then
	}
}

// grid is a table. right lists the columns, by digit, whose cells are aligned to the right.
type grid struct {
	header []string
	right  string
	rows   [][]string
}

// grid prints a table whose last column takes what is left of the width. Where that is little, wide columns give way.
func (p *page) grid(t grid) {
	all := append([][]string{t.header}, t.rows...)
	widths := make([]int, len(t.header))
	for _, row := range all {
		for i := range row {
			row[i] = Printable(row[i])
			widths[i] = max(widths[i], length(row[i]))
		}
	}
	const gap, leastLast, leastCell = 2, 18, 12
	last := len(widths) - 1
	total := func() (sum int) {
		for _, w := range widths[:last] {
			sum += w + gap
		}
		return sum
	}
	for total()+min(widths[last], leastLast) > p.width {
		widest := 0
		for i, w := range widths[:last] {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastCell {
			break
		}
		widths[widest]--
	}
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row[:last] {
			cell = clip(cell, widths[i])
			pad := strings.Repeat(" ", widths[i]-length(cell))
			if strings.Contains(t.right, strconv.Itoa(i)) {
				cell, pad = pad+cell, ""
			}
			line.WriteString(cell + pad + strings.Repeat(" ", gap))
		}
		p.linef("%s", line.String()+row[last])
	}
	p.linef("")
}

func length(text string) int { return len([]rune(text)) }

// clip cuts a text to that many columns.
func clip(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width-1, 0)]) + "…"
}

// Printable is text on one line without control characters: what a receiver answered must not steer the terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

func clock(t time.Time) string { return t.Local().Format("2 Jan 15:04:05 MST") }

// since is how long ago something was, in one or two units.
func since(now, then time.Time) string { return short(now.Sub(then)) }

func short(d time.Duration) string {
	d = max(d, 0)
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}
	at := slices.IndexFunc(units, func(u struct {
		name string
		size time.Duration
	},
	) bool {
		return d >= u.size
	})
	if at < 0 {
		return "0s"
	}
	text := fmt.Sprintf("%d%s", d/units[at].size, units[at].name)
	if rest := d % units[at].size; at < len(units)-1 && rest >= units[at+1].size {
		text += fmt.Sprintf("%d%s", rest/units[at+1].size, units[at+1].name)
	}
	return text
}

func kept(d time.Duration) string {
	if d == 0 {
		return "an unknown time"
	}
	return short(d)
}

func skew(ahead time.Duration) string {
	if ahead < 0 {
		return fmt.Sprintf("%.1fs behind", -ahead.Seconds())
	}
	return fmt.Sprintf("%.1fs ahead", ahead.Seconds())
}

// Rate is how many a second, in as many digits as say something.
func Rate(r float64) string {
	if r >= 100 {
		return strconv.FormatFloat(r, 'f', 0, 64)
	}
	return strconv.FormatFloat(r, 'f', 1, 64)
}

func took(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

func inBytes(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

func counted(n int64, thing string) string { return countedAs(n, thing, thing+"s") }

func countedAs(n int64, one, several string) string {
	return fmt.Sprintf("%d %s", n, agree(n, one, several))
}

func agree(n int64, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}
