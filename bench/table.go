package main

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"
)

// row is a line of the table. A floor of its own stands for one measured in turn with the figure, on the
// same server.
type row struct {
	figure, measured string
	floor            float64 // a second
	ratio            float64 // to the floor
	spread           string
}

// table prints the report for people.
func (r Report) table(to io.Writer) error {
	fmt.Fprintf(to, "%d cores", r.Machine.Cores)
	if r.Machine.CPU != "" {
		fmt.Fprintf(to, " (%s)", r.Machine.CPU)
	}
	fmt.Fprintf(to, ", %s, %s", r.Machine.OS, r.Machine.Go)
	if r.Machine.Load != "" {
		fmt.Fprintf(to, ", load average before %s", r.Machine.Load)
	}
	fmt.Fprintf(to, "\n%d in flight, %d bytes each, medians of %d rounds of %d\n\n", r.Load.InFlight, r.Load.PayloadBytes, r.Load.Rounds, r.Load.ResultsPerRound)

	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "figure\tmeasured\tfloor\tto the floor\tspread")
	var shared float64
	if r.Floor != nil {
		shared = r.Floor.WorkflowsPerSecond
	}
	for _, figure := range r.figures() {
		for _, row := range figure.rows() {
			floor := "-"
			if f := cmp.Or(row.floor, shared); f > 0 {
				floor = rate(f)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.figure, row.measured, floor, ratio(row.ratio), row.spread)
		}
	}
	return t.Flush()
}

func rate(perSecond float64) string { return fmt.Sprintf("%.0f/s", perSecond) }
func ms(v float64) string           { return fmt.Sprintf("%.1f ms", v) }
func mb(v float64) string           { return fmt.Sprintf("%.0f MB", v) }

// cost is CPU time beside a rate.
func cost(cpu float64) string { return fmt.Sprintf("%.1f ms of CPU each", cpu) }

func spread(least, most float64) string { return fmt.Sprintf("%.0f to %.0f/s", least, most) }

func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}
