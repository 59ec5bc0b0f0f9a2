package main

import (
	"context"
	"slices"
)

// step measures figures that share a server.
type step struct {
	figures []string
	// long ones are measured only where -only names them.
	long    bool
	measure func(context.Context, *Report) error
}

// steps lists what can be measured, in the order in which it is.
func (b *bench) steps() []step {
	return []step{
		{figures: []string{"floor", "single", "alone"}, measure: b.deliveries},
		{figures: []string{"plain"}, measure: b.plain},
		{figures: []string{"paced"}, measure: b.paced},
		{figures: []string{"flooded"}, measure: b.flooded},
		{figures: []string{"flooded_webhook"}, measure: b.floodedWebhook},
		{figures: []string{"http_ingest"}, measure: b.httpIngest},
		{figures: []string{"two_workers"}, measure: b.twoWorkers},
		{figures: []string{"dead_sink"}, measure: b.deadSink},
		{figures: []string{"replay"}, measure: b.replay},
		{figures: []string{"resident"}, measure: b.resident},
		{figures: []string{"steady"}, long: true, measure: b.steady},
		{figures: []string{"growth"}, long: true, measure: b.growth},
	}
}

// figures are the names of all.
func figures() []string {
	var names []string
	for _, s := range new(bench).steps() {
		names = append(names, s.figures...)
	}
	return names
}

// wants tells whether a figure is asked for; one that takes long has to be named.
func (o *options) wants(figure string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, figure)
}

func (o *options) wantsStep(s step) bool {
	if len(o.only) == 0 {
		return !s.long
	}
	return slices.ContainsFunc(s.figures, o.wants)
}
