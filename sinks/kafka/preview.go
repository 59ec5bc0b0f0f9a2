package kafka

import (
	"context"
	"fmt"
	"strings"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the record that would be produced: its topic, key, headers and value.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	key, err := config.NewExpression(c.Key)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	record, err := c.record(context.Background(), key, d)
	if err != nil {
		return "", err
	}
	var shown strings.Builder
	fmt.Fprintf(&shown, "produce to %s\n", record.Topic)
	if record.Key != nil {
		fmt.Fprintf(&shown, "key: %s\n", record.Key)
	}
	for _, header := range record.Headers {
		fmt.Fprintf(&shown, "%s: %s\n", header.Key, header.Value)
	}
	fmt.Fprintf(&shown, "\n%s", record.Value)
	return shown.String(), nil
}
