package demo

import (
	"context"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/twmb/franz-go/pkg/kfake"
)

// counterparts are what the further sinks of --sinks all deliver to. They live in the receiver's process.
type counterparts struct {
	collector *collector
	stream    *server.Server
	topic     *kfake.Cluster
}

// openCounterparts starts them, with their files in dir. After an error nothing of it is left.
func openCounterparts(ctx context.Context, dir string) (*counterparts, error) {
	c := &counterparts{}
	var err error
	if c.collector, err = startCollector(dir); err == nil {
		c.stream, err = startStream(ctx, dir)
	}
	if err == nil {
		c.topic, err = startTopic()
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *counterparts) close() {
	if c.topic != nil {
		c.topic.Close()
	}
	if c.stream != nil {
		stopStream(c.stream)
	}
	if c.collector != nil {
		c.collector.close()
	}
}
