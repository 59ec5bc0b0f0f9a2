// Package all lists the kinds of sinks that Consign has.
package all

import (
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/external"
	"github.com/consign-dev/consign/sinks/file"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/postgres"
	"github.com/consign-dev/consign/sinks/s3"
	"github.com/consign-dev/consign/sinks/stdout"
	"github.com/consign-dev/consign/sinks/unix"
	"github.com/consign-dev/consign/sinks/webhook"
)

// Kinds returns every kind, in the order in which they are shown. A new kind is one line here.
func Kinds() []config.Kind {
	return []config.Kind{
		stdout.Kind(),
		file.Kind(),
		unix.Kind(),
		webhook.Kind(),
		postgres.Kind(),
		s3.Kind(),
		nats.Kind(),
		kafka.Kind(),
		otlp.Kind(),
		external.Kind(),
	}
}
