package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bar is one value of a drawing. Bars of one panel share a scale, and stand in the order in which they come.
type bar struct {
	panel, label    string
	value           float64
	atLeast, atMost float64 // targets, one of them at most, marked by a line; 0 for none
}

func (b bar) target() float64 { return max(b.atLeast, b.atMost) }

func (b bar) String() string {
	text := short(b.value)
	switch {
	case b.atLeast > 0:
		text += " (target ≥ " + short(b.atLeast) + ")"
	case b.atMost > 0:
		text += " (target ≤ " + short(b.atMost) + ")"
	}
	return text
}

// short is a number to three digits.
func short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
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

func panels() []string {
	return []string{oneEach, manyEach, slowSink, latency, deadSinks, memory, grownRate}
}

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
