package s3

import "github.com/consign-dev/consign/sinks"

var _ sinks.Previewer = (*Config)(nil)

// Preview shows the object that would be stored if this delivery were a batch of its own: its key, and
// its line before compression.
func (c *Config) Preview(d sinks.Delivery) (string, error) {
	compression, err := compressionNamed(c.Compression)
	if err != nil {
		return "", err
	}
	line, err := line(d, c.Format)
	return "PUT s3://" + c.Bucket + "/" + key(directory(c.Prefix), []sinks.Delivery{d}) + compression.extension + "\n" + string(line), err
}
