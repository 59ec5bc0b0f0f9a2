package demo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/consign-dev/consign"
)

// detectionsFile holds the results that the demo submits, one a line as `consign submit` reads them.
//
//go:embed detections.ndjson
var detectionsFile []byte

func detections() ([]consign.Result, error) {
	results, err := parseLines(detectionsFile)
	if err != nil {
		return nil, fmt.Errorf("read the built-in detections: %w", err)
	}
	return results, nil
}

// parseLines reads NDJSON. The bytes of each result's data stay as they are.
func parseLines(text []byte) ([]consign.Result, error) {
	var results []consign.Result
	number := 0
	for line := range bytes.Lines(text) {
		number++
		var result consign.Result
		if err := json.Unmarshal(line, &result); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		results = append(results, result)
	}
	return results, nil
}
