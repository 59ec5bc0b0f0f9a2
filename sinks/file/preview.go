package file

import "github.com/consign-dev/consign/sinks"

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the file and the line that would be appended to it.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	line, err := c.Format.Encode(d)
	return "append to " + c.Path + "\n" + string(line), err
}
