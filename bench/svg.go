package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
)

// Measures of the picture, in pixels.
const (
	width, margin = 860, 20
	labelWidth    = 210
	valueWidth    = 150
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
	for _, panel := range panels() {
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

// panel draws the bars of one kind, those of one label side by side.
func (p *page) panel(title string, drawings []drawing) {
	labels, values, most := collect(title, drawings)
	if most == 0 {
		return
	}
	p.y += panelGap
	p.text(margin, "start", title, ` font-size="14" font-weight="bold"`)
	p.y += titleHeight - barHeight
	const left = margin + labelWidth
	scale := (width - left - valueWidth - margin) / most
	for _, label := range labels {
		p.textAt(left-8, p.y+barHeight, "end", label, "")
		for i := range drawings {
			b, there := values[i][label]
			if !there {
				continue
			}
			p.y += barHeight
			p.rect(left, barHeight-2, int(b.value*scale), colour(i))
			p.text(left+int(max(b.value, b.target())*scale)+6, "start", b.String(), "")
			if b.target() > 0 {
				x := left + int(b.target()*scale)
				fmt.Fprintf(p, "<path d=\"M%d %dv%d\" stroke=\"black\" stroke-dasharray=\"3 2\"/>\n", x, p.y-barHeight, barHeight+2)
			}
		}
		p.y += barGap
	}
}

// collect finds the bars of a panel: the labels in their order, the bars by report and label, and the largest value.
func collect(panel string, drawings []drawing) (labels []string, values []map[string]bar, most float64) {
	for _, d := range drawings {
		bars := map[string]bar{}
		for _, figure := range d.report.figures() {
			for _, b := range figure.bars() {
				if b.panel != panel {
					continue
				}
				if !slices.Contains(labels, b.label) {
					labels = append(labels, b.label)
				}
				bars[b.label] = b
				most = max(most, b.value, b.target())
			}
		}
		values = append(values, bars)
	}
	return labels, values, most
}

func colour(i int) string { return colours[i%len(colours)] }

func (p *page) rect(x, height, long int, fill string) {
	fmt.Fprintf(p, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, p.y-barHeight+1, max(long, 1), height, fill)
}

func (p *page) text(x int, anchor, text, attributes string) {
	p.textAt(x, p.y, anchor, text, attributes)
}

func (p *page) textAt(x, y int, anchor, text, attributes string) {
	fmt.Fprintf(p, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\"%s>", x, y-2, anchor, attributes)
	_ = xml.EscapeText(p, []byte(text))
	fmt.Fprint(p, "</text>\n")
}
