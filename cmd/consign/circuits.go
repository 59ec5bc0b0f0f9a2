package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/consign-dev/consign/cmd/internal/exit"
)

// scrapeTimeout bounds what reading the metrics of all named workers may take.
const scrapeTimeout = 5 * time.Second

// readCircuits reads the circuits of workers from their metrics: by sink, then by worker.
func readCircuits(ctx context.Context, addresses []string) (map[string]map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	circuits := map[string]map[string]string{}
	for _, address := range addresses {
		if err := readCircuitsOf(ctx, address, circuits); err != nil {
			return nil, exit.With(exit.Failed, fmt.Errorf("--metrics %s: reading a worker's metrics: %w", address, err))
		}
	}
	return circuits, nil
}

func readCircuitsOf(ctx context.Context, address string, into map[string]map[string]string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return err
	}
	for _, metric := range families["consign_circuit_state"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() != "sink" {
				continue
			}
			if into[label.GetValue()] == nil {
				into[label.GetValue()] = map[string]string{}
			}
			into[label.GetValue()][address] = circuitName(metric.GetGauge().GetValue())
		}
	}
	return nil
}

func circuitName(value float64) string {
	switch value {
	case 0:
		return "closed"
	case 1:
		return "open"
	}
	return "half-open"
}

// circuitCell is the circuit of one worker, and of several which have which.
func circuitCell(circuits map[string]string) string {
	switch len(circuits) {
	case 0:
		return "-"
	case 1:
		for _, state := range circuits {
			return state
		}
	}
	var cells []string
	for _, address := range slices.Sorted(maps.Keys(circuits)) {
		cells = append(cells, address+" "+circuits[address])
	}
	return strings.Join(cells, ", ")
}
