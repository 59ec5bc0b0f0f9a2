package stdout

import "github.com/consign-dev/consign/sinks"

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the stream and the line that would be printed to it.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	line, err := c.Format.Encode(d)
	return "print to " + c.Stream + "\n" + string(line), err
}
