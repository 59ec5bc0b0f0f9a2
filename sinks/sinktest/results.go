package sinktest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
)

// sinkName is the sink's name in the delivery ids of the suite.
const sinkName = "sinktest"

// Delivery returns the first attempt of a result with this id and data.
func Delivery(id string, data []byte) sinks.Delivery {
	when := time.Date(2026, 3, 1, 12, 30, 0, 123456789, time.UTC)
	return deliver(consign.Result{
		Source: "sinktest/<source>", ID: id, Type: "detection", Time: when, Subject: "host & user", Data: data,
	})
}

// Deliveries returns n first attempts of small results whose ids start with prefix.
func Deliveries(prefix string, n int) []sinks.Delivery {
	batch := make([]sinks.Delivery, n)
	for i := range batch {
		batch[i] = Delivery(fmt.Sprintf("%s-%04d", prefix, i), fmt.Appendf(nil, `{"prefix":%q,"number":%d}`, prefix, i))
	}
	return batch
}

// Lines parses NDJSON whose lines are results in the form of [consign.Result.Encode]. Lines end at
// '\n' only, since strings may hold a raw U+2028. A half line fails the test.
func Lines(t *testing.T, ndjson []byte) []Received {
	t.Helper()
	var received []Received
	for line := range bytes.Lines(ndjson) {
		require.True(t, bytes.HasSuffix(line, []byte("\n")), "half line at the end: %.120q", line)
		received = append(received, Received{Result: parse(t, line)})
	}
	return received
}

func parse(t *testing.T, line []byte) consign.Result {
	t.Helper()
	var result consign.Result
	require.NoError(t, json.Unmarshal(line, &result), "not a line of JSON: %.120q", line)
	return result
}

func deliver(result consign.Result) sinks.Delivery {
	return sinks.Delivery{
		ID:      consign.DeliveryID(result.Source, result.ID, sinkName),
		Result:  result,
		First:   time.Now().Add(-time.Second),
		At:      time.Now(),
		Attempt: 1,
	}
}

// odd is JSON that a sink would change if it parsed and wrote it again.
func odd() []sinks.Delivery {
	var batch []sinks.Delivery
	for i, data := range []string{
		`null`, `true`, `0`, `-0`, `""`, `" "`, `[]`, `{}`,
		`"<script>&amp;</script>"`,
		"\"raw \u2028 and \u2029\"",
		`"\u003c\/\u0026\b\f\u2028\u00e9"`,
		"\"héllo \U0001F600 \x7f\"",
		`"\ud800 alone, \udfff alone"`,
		`"\u0000"`,
		`{"b":1,"a":2,"b":{"c":3,"c":4}}`,
		`{"":0}`,
		`[1.5e+9999,1E-999,1.0,1.00,100000000000000000000000000000000000001,0.1e1]`,
		`9007199254740993`,
		strings.Repeat("[", 500) + strings.Repeat("]", 500),
		`"` + strings.Repeat("x", 200_000) + `"`,
	} {
		batch = append(batch, Delivery(fmt.Sprintf("odd-%02d", i), []byte(data)))
	}
	return batch
}

// RealResults reads the results of real engines that lie beside the checkout, and skips the test where
// there are none.
func RealResults(t *testing.T) []sinks.Delivery {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleRoot(t), "..", "shared", "data", "*.ndjson"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no real results: ../shared/data is not beside this checkout")
	}
	var batch []sinks.Delivery
	for _, name := range files {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		scanner := bufio.NewScanner(bytes.NewReader(content))
		scanner.Buffer(nil, len(content)+1)
		for scanner.Scan() {
			batch = append(batch, deliver(parse(t, scanner.Bytes())))
		}
		require.NoError(t, scanner.Err(), name)
	}
	return batch
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		require.NotEqual(t, parent, dir, "no go.mod above the test")
		dir = parent
	}
}

// largest returns a result that is exactly as long as a consignment may be.
func largest(t *testing.T) sinks.Delivery {
	t.Helper()
	empty, err := Delivery("largest", []byte(`""`)).Result.Encode()
	require.NoError(t, err)
	data := `"` + strings.Repeat("é<", (consign.MaxConsignmentBytes-len(empty))/3)
	data += strings.Repeat("x", consign.MaxConsignmentBytes-len(empty)+2-len(data)-1) + `"`
	delivery := Delivery("largest", []byte(data))
	encoded, err := delivery.Result.Encode()
	require.NoError(t, err)
	require.Len(t, encoded, consign.MaxConsignmentBytes)
	return delivery
}
