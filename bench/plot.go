package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bar is one value of a drawing. Bars of one panel share a scale, and stand in the order in which they come.
type bar struct {
	panel, label string
	value        float64
	target       float64 // marked by a line; 0 for none
}

// Panels, in the order in which they are drawn.
const (
	oneEach   = "Results a second, one workflow each"
	manyEach  = "Results a second, many to a workflow"
	slowSink  = "Results a second, to a sink that takes its time"
	latency   = "Latency, ms"
	deadSinks = "95th percentile of the healthy sinks, ms"
	memory    = "Most resident memory, MB"
	grownRate = "Rate with so many workflows retained, beside a fresh database"
)

// drawing is a report with the name of what was measured.
type drawing struct {
	name   string
	report Report
}

// drawFiles draws reports that -json has written.
func drawFiles(to string, files []string) error {
	drawings := make([]drawing, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &drawings[i].report)
		}
		if err != nil {
			return fmt.Errorf("-plot: %s is no report of -json: %w", file, err)
		}
		drawings[i].name = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	return draw(to, drawings)
}

// draw writes an SVG file of bars, a panel for each kind of figure and a colour for each report.
func draw(to string, drawings []drawing) error {
	if err := os.WriteFile(to, picture(drawings), 0o644); err != nil {
		return fmt.Errorf("-plot: %w", err)
	}
	return nil
}

// Measures of the picture, in pixels.
const (
	width, margin = 860, 20
	labelWidth    = 210
	valueWidth    = 90
	barHeight     = 14
	barGap        = 8 // between labels
	panelGap      = 28
	titleHeight   = 26
)

// colours of reports; more than six begin anew. https://personal.sron.nl/~pault/ (vibrant)
var colours = []string{"#0077bb", "#ee7733", "#009988", "#cc3311", "#33bbee", "#ee3377"}

// page is a picture that is being drawn, down to y.
type page struct {
	bytes.Buffer

	y int
}

func picture(drawings []drawing) []byte {
	p := &page{y: margin}
	p.heading(drawings)
	for _, panel := range []string{oneEach, manyEach, slowSink, latency, deadSinks, memory, grownRate} {
		p.panel(panel, drawings)
	}
	return fmt.Appendf(nil, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"+
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n%s</svg>\n", width, p.y, p.Bytes())
}

// heading names the reports, and the machines.
func (p *page) heading(drawings []drawing) {
	for i, d := range drawings {
		p.y += barHeight
		p.rect(margin, barHeight, barHeight, colour(i))
		m := d.report.Machine
		p.text(margin+barHeight+6, "start", fmt.Sprintf("%s: %d cores, %s, %s, load before %s", d.name, m.Cores, m.CPU, m.Go, m.Load), "")
		p.y += barGap
	}
}

func (p *page) panel(title string, drawings []drawing) {
	var labels []string
	most := 0.0
	values := make([]map[string]bar, len(drawings))
	for i, d := range drawings {
		values[i] = map[string]bar{}
		for _, figure := range d.report.figures() {
			for _, b := range figure.bars() {
				if b.panel != title {
					continue
				}
				if !slices.Contains(labels, b.label) {
					labels = append(labels, b.label)
				}
				values[i][b.label] = b
				most = max(most, b.value, b.target)
			}
		}
	}
	if most == 0 {
		return
	}
	p.y += panelGap
	p.text(margin, "start", title, ` font-size="14" font-weight="bold"`)
	p.y += titleHeight - barHeight
	const left = margin + labelWidth
	scale := (width - left - valueWidth - margin) / most
	for _, label := range labels {
		for i := range drawings {
			b, there := values[i][label]
			if !there {
				continue
			}
			p.y += barHeight
			p.rect(left, barHeight-2, int(b.value*scale), colour(i))
			p.text(left+int(max(b.value, b.target)*scale)+6, "start", number(b), "")
			if b.target > 0 {
				x := left + int(b.target*scale)
				fmt.Fprintf(p, "<path d=\"M%d %dv%d\" stroke=\"black\" stroke-dasharray=\"3 2\"/>\n", x, p.y-barHeight, barHeight+2)
			}
			if label != "" {
				p.text(left-8, "end", label, "")
				label = "" // once
			}
		}
		p.y += barGap
	}
}

func number(b bar) string {
	text := fmt.Sprintf("%.4g", b.value)
	if b.value >= 1000 {
		text = fmt.Sprintf("%.0f", b.value)
	}
	if b.target > 0 {
		text += fmt.Sprintf(" (target %.3g)", b.target)
	}
	return text
}

func colour(i int) string { return colours[i%len(colours)] }

func (p *page) rect(x, height, long int, fill string) {
	fmt.Fprintf(p, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, p.y-barHeight+1, max(long, 1), height, fill)
}

func (p *page) text(x int, anchor, text, attributes string) {
	fmt.Fprintf(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\"%s>", x, p.y-2, anchor, attributes)
	_ = xml.EscapeText(p, []byte(text))
	fmt.Fprint(p, "</text>\n")
}
