package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/status"
)

// functions of the templates.
func functions() template.FuncMap {
	return template.FuncMap{
		"moment": moment, "ago": ago, "took": took, "rate": status.Rate, "number": humanize.Comma,
		"bytes": func(n int64) string { return humanize.Bytes(uint64(max(n, 0))) },
		"query": query, "printable": status.Printable, "data": data, "spark": spark, "plural": plural, "len64": func(n int) int64 { return int64(n) }, "badge": badge,
		"first": func(text string) string { return clip(status.Printable(text), 120) },
	}
}

// stamp is a point in time for people, and for programs.
type stamp struct{ Text, Machine string }

// moment is a point in time in the time zone of this machine, which the text names.
func moment(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	return stamp{t.Local().Format("2 Jan 15:04:05 MST"), t.UTC().Format(time.RFC3339Nano)}
}

// ago is how long ago something was, in the largest unit that fits.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return span(time.Since(t)) + " ago"
}

func span(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}} {
		if d >= unit.size {
			return fmt.Sprintf("%d %s", d/unit.size, unit.name)
		}
	}
	return "0 s"
}

func took(m consign.Milliseconds) string {
	switch d := m.Duration(); {
	case d == 0:
		return "–"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return humanize.Comma(n) + " " + one + "s"
}

// query makes the query of an address from names and values.
func query(pairs ...string) (template.URL, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("query: %q has no value", pairs[len(pairs)-1])
	}
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return template.URL(values.Encode()), nil //nolint:gosec // it is escaped here
}

func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// shownData is the most of a result's data that a page shows, in bytes.
const shownData = 64 << 10

// data is that of a result, indented. It may be long, and is cut then.
func data(raw json.RawMessage) string {
	var text bytes.Buffer
	if json.Indent(&text, raw, "", "  ") != nil {
		text.Reset()
		text.Write(raw)
	}
	shown := text.String()
	if len(shown) > shownData {
		for shown = shown[:shownData]; !utf8.ValidString(shown) && len(shown) > shownData-utf8.UTFMax; {
			shown = shown[:len(shown)-1]
		}
		shown += fmt.Sprintf("\n… of %s", humanize.Bytes(uint64(len(raw))))
	}
	return strings.ToValidUTF8(shown, "\uFFFD")
}

// badge is how a state is to be seen: good, bad, or of interest.
func badge(state string) string {
	switch state {
	case "open", "closed", "delivered", "replayed", "reading", "done", "sent", "all is well":
		return "good"
	case "circuit open", "unattended", "parked", "stalled", "failed", "full", "terminated", "abandoned", "dropped":
		return "bad"
	}
	return "note"
}
