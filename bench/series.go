package main

import (
	"slices"
	"time"
)

// series is the rounds of one figure.
type series struct {
	rates []float64
	cpu   []float64 // milliseconds for each, by round
	took  []time.Duration
}

func (s *series) add(l Lap) {
	s.rates = append(s.rates, l.PerSecond)
	s.cpu = append(s.cpu, milliseconds(l.CPU))
	s.took = append(s.took, l.Took...)
}

func (s *series) rate() float64            { return median(s.rates) }
func (s *series) least() float64           { return slices.Min(s.rates) }
func (s *series) most() float64            { return slices.Max(s.rates) }
func (s *series) p(of float64) float64     { return milliseconds(percentile(s.took, of)) }
func (s *series) cpuEach() float64         { return median(s.cpu) }
func (s *series) to(other *series) float64 { return rounded(s.rate() / other.rate()) }
func (s *series) beside() Beside {
	return Beside{FloorPerSecond: s.rate(), FloorCPU: s.cpuEach()}
}
