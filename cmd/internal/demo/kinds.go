package demo

import (
	"fmt"
	"strings"

	"github.com/consign-dev/consign/sinks/all"
)

// Names of the demo's sinks.
const (
	archiveSink   = "archive"
	consoleSink   = "console"
	webhookSink   = "siem"
	collectorSink = "collector"
	streamSink    = "stream"
	topicSink     = "topic"
)

// allSinks is the one value of --sinks.
const allSinks = "all"

// sinkNames are the demo's sinks in the order of its configuration.
func sinkNames(further bool) []string {
	names := []string{archiveSink, consoleSink, webhookSink}
	if further {
		names = append(names, collectorSink, streamSink, topicSink)
	}
	return names
}

// needs says of the kinds of sinks that no demo shows what they would need.
func needs() map[string]string {
	return map[string]string{
		"postgres": "a database",
		"s3":       "a bucket",
		"otlp":     "an OpenTelemetry collector",
		"external": "a worker of your own",
	}
}

// leftOut lists the kinds that no demo shows, each on a line with what it would need.
func leftOut() string {
	var text strings.Builder
	for _, kind := range all.Kinds() {
		if need, ok := needs()[kind.Name]; ok {
			fmt.Fprintf(&text, "  %-8s  %s\n", kind.Name, need)
		}
	}
	return text.String()
}
