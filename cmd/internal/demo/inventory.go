package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/consign-dev/consign"
)

// inventory is what is at the sinks' destinations at one time.
type inventory struct {
	// kept is what each sink's destination holds, by the sink's name.
	kept map[string][]kept
	// receiver is what the receiver says.
	receiver held
}

// kept is one result as a destination holds it.
type kept struct {
	deliveryID string // empty where none is kept
	result     consign.Result
}

// look goes to each destination and takes the inventory.
func (s *stage) look(ctx context.Context) (inventory, error) {
	there := inventory{kept: map[string][]kept{}}
	for _, sink := range s.sinks {
		var err error
		if sink == webhookSink {
			there.receiver, err = s.receiver.held(ctx)
		}
		if err == nil {
			there.kept[sink], err = s.read(ctx, sink, there.receiver)
		}
		if err != nil {
			return there, err
		}
	}
	return there, nil
}

func (s *stage) read(ctx context.Context, sink string, receiver held) ([]kept, error) {
	switch sink {
	case archiveSink:
		return readFile("archive", s.archive, keptResult)
	case consoleSink:
		return s.console.show(), nil
	case webhookSink:
		return receiver.kept()
	case collectorSink:
		return readFile("collector's ledger", filepath.Join(s.dir, collectorLedger), keptEvent)
	case streamSink:
		return readStream(ctx, s.nats)
	case topicSink:
		return readTopic(ctx, s.receiver.Kafka)
	}
	return nil, fmt.Errorf("nobody knows where the sink %s delivers", sink)
}

// readFile reads a file of lines.
func readFile(what, path string, parse func(line []byte) (kept, error)) ([]kept, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	// Someone may be within a write: a last line without its end is not there yet.
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	var held []kept
	for line := range bytes.Lines(text) {
		k, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("read the %s %s: line %d: %w", what, path, len(held)+1, err)
		}
		held = append(held, k)
	}
	return held, nil
}

func keptResult(line []byte) (k kept, err error) {
	return k, json.Unmarshal(line, &k.result)
}

// keptEvent reads a CloudEvent.
func keptEvent(line []byte) (kept, error) {
	var event struct {
		Source     string          `json:"source"`
		ID         string          `json:"id"`
		DeliveryID string          `json:"deliveryid"`
		Data       json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(line, &event)
	return kept{event.DeliveryID, consign.Result{Source: event.Source, ID: event.ID, Data: event.Data}}, err
}

// kept reads the bodies that the receiver holds.
func (h held) kept() ([]kept, error) {
	var received []kept
	for _, delivery := range h.Deliveries {
		results, err := parseLines(delivery.Body)
		if err != nil || len(results) != 1 {
			return nil, fmt.Errorf("the receiver holds a body that is no result, delivery %s: %w", delivery.DeliveryID, err)
		}
		received = append(received, kept{delivery.DeliveryID, results[0]})
	}
	return received, nil
}

func ids(all []kept) map[string]bool {
	found := map[string]bool{}
	for _, k := range all {
		found[k.result.ID] = true
	}
	return found
}
