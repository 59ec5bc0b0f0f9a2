package unix

import "github.com/consign-dev/consign/sinks"

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the line that would be sent.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	line, err := c.Format.Encode(d)
	return "send to unix socket " + c.Path + "\n" + string(line), err
}
