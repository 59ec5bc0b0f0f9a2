package nats

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/consign-dev/consign/sinks"
)

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the message that would be published: its subject, headers and body.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	message, err := c.message(d)
	if err != nil {
		return "", err
	}
	var shown strings.Builder
	fmt.Fprintf(&shown, "publish to %s\n", message.Subject)
	for _, name := range slices.Sorted(maps.Keys(message.Header)) {
		fmt.Fprintf(&shown, "%s: %s\n", name, message.Header.Get(name))
	}
	fmt.Fprintf(&shown, "\n%s", message.Data)
	return shown.String(), nil
}
