package main

import (
	"fmt"
	"slices"
)

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

func (s *series) floor() *Floor {
	if len(s.rates) == 0 {
		return nil
	}
	return &Floor{WorkflowsPerSecond: s.rate(), Min: s.least(), Max: s.most(), P50: s.p(50), CPU: s.cpuEach()}
}

func (f *Floor) rows() []row {
	if f == nil {
		return nil
	}
	return []row{{
		figure: "floor: workflow that does nothing", measured: rate(f.WorkflowsPerSecond) + ", p50 " + ms(f.P50), ratio: 1,
		spread: spread(f.Min, f.Max) + ", " + cost(f.CPU),
	}}
}

func (f *Floor) bars() []bar {
	if f == nil {
		return nil
	}
	return []bar{{panel: oneEach, label: "floor", value: f.WorkflowsPerSecond}}
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

func (s *series) single(floor *series) *Single {
	if len(s.rates) == 0 {
		return nil
	}
	single := &Single{ResultsPerSecond: s.rate(), Min: s.least(), Max: s.most(), P50: s.p(50), CPU: s.cpuEach()}
	if len(floor.rates) == len(s.rates) {
		ratios := make([]float64, len(s.rates))
		for i := range ratios {
			ratios[i] = s.rates[i] / floor.rates[i]
		}
		single.RatioToFloor = s.to(floor)
		single.CPURatio = rounded(floor.cpuEach() / s.cpuEach())
		single.RatioMin, single.RatioMax = rounded(slices.Min(ratios)), rounded(slices.Max(ratios))
	}
	return single
}

func (s *Single) rows() []row {
	if s == nil {
		return nil
	}
	return []row{{
		figure: "single: one result per workflow", measured: rate(s.ResultsPerSecond) + ", p50 " + ms(s.P50), ratio: s.RatioToFloor,
		spread: fmt.Sprintf("%s, ratio %.2f to %.2f, %s", spread(s.Min, s.Max), s.RatioMin, s.RatioMax, cost(s.CPU)),
	}}
}

func (s *Single) bars() []bar {
	if s == nil {
		return nil
	}
	return []bar{{panel: oneEach, label: "single", value: s.ResultsPerSecond}}
}

// Alone is one result in flight, from Submit until the receipt.
type Alone struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
}

func (a *Alone) rows() []row {
	if a == nil {
		return nil
	}
	return []row{{figure: "alone: one in flight", measured: quantiles(a.P50, a.P95)}}
}

func (a *Alone) bars() []bar {
	if a == nil {
		return nil
	}
	return []bar{{panel: latency, label: "alone, p50", value: a.P50}, {panel: latency, label: "alone, p95", value: a.P95}}
}

func quantiles(p50, p95 float64) string { return "p50 " + ms(p50) + ", p95 " + ms(p95) }
