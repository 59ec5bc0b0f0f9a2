package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is one run. Figures that were not asked for are left out.
type Report struct {
	Machine Machine `json:"machine"`
	Load    Load    `json:"load"`
	Floor   *Floor  `json:"floor,omitempty"`
	Single  *Single `json:"single,omitempty"`
	Alone   *Alone  `json:"alone,omitempty"`
	Plain   *Plain  `json:"plain,omitempty"`
	// SingleVsPlain is how many times as many results a second single does.
	SingleVsPlain float64    `json:"single_vs_plain,omitempty"`
	Isolation     *Isolation `json:"isolation,omitempty"`
	Resident      *Resident  `json:"resident,omitempty"`
}

// Load is what was put on it.
type Load struct {
	InFlight        int `json:"in_flight"`
	PayloadBytes    int `json:"payload_bytes"`
	ResultsPerRound int `json:"results_per_round"`
	Rounds          int `json:"rounds"`
}

// Floor is the cost of the engine alone. Rates are medians of rounds.
type Floor struct {
	WorkflowsPerSecond float64 `json:"workflows_per_second"`
	Min                float64 `json:"min"`
	Max                float64 `json:"max"`
	P50                float64 `json:"p50_ms"`
	// CPU is what the process of server, worker and submitter used for each, in milliseconds. It moves
	// less than the rate when other programs use the machine as well.
	CPU float64 `json:"cpu_ms"`
}

// Single is one result per workflow.
type Single struct {
	ResultsPerSecond float64 `json:"results_per_second"`
	Min              float64 `json:"min"`
	Max              float64 `json:"max"`
	P50              float64 `json:"p50_ms"`
	CPU              float64 `json:"cpu_ms"`
	// QueuedShare of the attempts were not inline, because a sink was slow or had no free slot.
	QueuedShare float64 `json:"queued_share"`
	// RatioToFloor is the ratio of the medians; RatioMin and RatioMax are of rounds side by side.
	RatioToFloor float64 `json:"ratio_to_floor,omitempty"`
	RatioMin     float64 `json:"ratio_min,omitempty"`
	RatioMax     float64 `json:"ratio_max,omitempty"`
	// CPURatio is the floor's CPU to this one's: the ratio that a processor used by nobody else tends to.
	CPURatio float64 `json:"cpu_ratio,omitempty"`
}

// Alone is one result in flight, from Submit until the receipt.
type Alone struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
}

// Plain is what a first attempt would build.
type Plain struct {
	ResultsPerSecond float64 `json:"results_per_second"`
	Min              float64 `json:"min"`
	Max              float64 `json:"max"`
	P50              float64 `json:"p50_ms"`
	CPU              float64 `json:"cpu_ms"`
}

// Isolation is what the healthy sinks feel of a broken one.
type Isolation struct {
	PerSecond       int     `json:"results_per_second"`
	SecondsLeftOut  float64 `json:"seconds_left_out"`
	SecondsMeasured float64 `json:"seconds_measured"`
	Quiet           float64 `json:"quiet_p95_ms"`
	Refusing        float64 `json:"refusing_p95_ms"`
	Hanging         float64 `json:"hanging_p95_ms"`
	RefusingRatio   float64 `json:"refusing_ratio"`
	HangingRatio    float64 `json:"hanging_ratio"`
}

// Resident is the most memory that server, Web UI and worker in one process were seen to have, in MB of
// 10^6 bytes. It holds pages of the program itself, some 100 MB, which the system may drop.
type Resident struct {
	Idle          float64 `json:"idle_mb"`
	PacedRate     int     `json:"paced_results_per_second"`
	Paced         float64 `json:"paced_mb"`
	SaturatedRate float64 `json:"saturated_results_per_second"`
	Saturated     float64 `json:"saturated_mb"`
}

// series is the rounds of one figure.
type series struct {
	rates []float64
	cpu   []float64 // milliseconds for each, by round
	took  []time.Duration
}

func (s *series) add(l lap) {
	s.rates = append(s.rates, l.perSecond)
	s.cpu = append(s.cpu, milliseconds(l.cpu))
	s.took = append(s.took, l.took...)
}

func (s *series) p50() float64 { return milliseconds(percentile(s.took, 50)) }

func (s *series) floor() *Floor {
	if len(s.rates) == 0 {
		return nil
	}
	return &Floor{WorkflowsPerSecond: median(s.rates), Min: slices.Min(s.rates), Max: slices.Max(s.rates), P50: s.p50(), CPU: median(s.cpu)}
}

func (s *series) single(floor *series) *Single {
	if len(s.rates) == 0 {
		return nil
	}
	single := &Single{ResultsPerSecond: median(s.rates), Min: slices.Min(s.rates), Max: slices.Max(s.rates), P50: s.p50(), CPU: median(s.cpu)}
	if len(floor.rates) == len(s.rates) {
		ratios := make([]float64, len(s.rates))
		for i := range ratios {
			ratios[i] = s.rates[i] / floor.rates[i]
		}
		single.RatioToFloor = rounded(median(s.rates) / median(floor.rates))
		single.CPURatio = rounded(median(floor.cpu) / median(s.cpu))
		single.RatioMin, single.RatioMax = rounded(slices.Min(ratios)), rounded(slices.Max(ratios))
	}
	return single
}

func (s *series) plain() *Plain {
	if len(s.rates) == 0 {
		return nil
	}
	return &Plain{ResultsPerSecond: median(s.rates), Min: slices.Min(s.rates), Max: slices.Max(s.rates), P50: s.p50(), CPU: median(s.cpu)}
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
	floor := "-"
	if f := r.Floor; f != nil {
		floor = rate(f.WorkflowsPerSecond)
		fmt.Fprintf(t, "floor: workflow that does nothing\t%s, p50 %s\t%s\t1.00\t%s\n", floor, ms(f.P50), floor, spread(f.Min, f.Max))
	}
	if s := r.Single; s != nil {
		fmt.Fprintf(t, "single: one result per workflow\t%s, p50 %s\t%s\t%s\t%s, ratio %.2f to %.2f\n",
			rate(s.ResultsPerSecond), ms(s.P50), floor, ratio(s.RatioToFloor), spread(s.Min, s.Max), s.RatioMin, s.RatioMax)
	}
	if a := r.Alone; a != nil {
		fmt.Fprintf(t, "alone: one in flight\tp50 %s, p95 %s\t%s\t\t\n", ms(a.P50), ms(a.P95), floor)
	}
	if p := r.Plain; p != nil {
		to := "-"
		if r.Floor != nil {
			to = ratio(p.ResultsPerSecond / r.Floor.WorkflowsPerSecond)
		}
		fmt.Fprintf(t, "plain: what a first attempt builds\t%s, p50 %s\t%s\t%s\t%s\n", rate(p.ResultsPerSecond), ms(p.P50), floor, to, spread(p.Min, p.Max))
	}
	if r.SingleVsPlain > 0 {
		fmt.Fprintf(t, "single to plain\t%.1f times\t%s\t\t\n", r.SingleVsPlain, floor)
	}
	if i := r.Isolation; i != nil {
		fmt.Fprintf(t, "isolation: healthy sinks, faultless\tp95 %s\t%s\t\tat %d/s for %.0f s, the first %.0f s left out\n", ms(i.Quiet), floor, i.PerSecond, i.SecondsMeasured, i.SecondsLeftOut)
		fmt.Fprintf(t, "isolation: beside one that refuses\tp95 %s\t%s\t\t%.2f of faultless\n", ms(i.Refusing), floor, i.RefusingRatio)
		fmt.Fprintf(t, "isolation: beside one that hangs\tp95 %s\t%s\t\t%.2f of faultless\n", ms(i.Hanging), floor, i.HangingRatio)
	}
	if m := r.Resident; m != nil {
		fmt.Fprintf(t, "resident: server and worker, idle\t%.0f MB\t%s\t\t\n", m.Idle, floor)
		fmt.Fprintf(t, "resident: at %d/s\t%.0f MB\t%s\t\t\n", m.PacedRate, m.Paced, floor)
		fmt.Fprintf(t, "resident: at %.0f/s, %d in flight\t%.0f MB\t%s\t\t\n", m.SaturatedRate, r.Load.InFlight, m.Saturated, floor)
	}
	return t.Flush()
}

func rate(perSecond float64) string { return fmt.Sprintf("%.0f/s", perSecond) }
func ms(v float64) string           { return fmt.Sprintf("%.1f ms", v) }

func spread(least, most float64) string { return fmt.Sprintf("%.0f to %.0f/s", least, most) }

func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}
