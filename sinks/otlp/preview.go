package otlp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/consign-dev/consign/sinks"
)

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the request, in the JSON of the protocol in place of protobuf. The values of headers are
// masked.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	at, err := readURL(c.URL)
	if err != nil {
		return "", fmt.Errorf("url: %w", err)
	}
	var shown strings.Builder
	if at.http {
		fmt.Fprintf(&shown, "POST %s\n", at.url())
	} else {
		fmt.Fprintf(&shown, "LogsService/Export of %s\n", at.name())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		fmt.Fprintf(&shown, "%s: %s\n", name, c.Headers[name])
	}
	text, err := protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(newEnvelope(c.Resource).around([]sinks.Delivery{d}))
	if err != nil {
		return "", fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil { // else its blanks differ from build to build
		return "", err
	}
	fmt.Fprintf(&shown, "\n%s", indented.String())
	return shown.String(), nil
}
