package demo

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
)

// rhythm is how fast the demo goes.
type rhythm struct {
	// perSecond results are submitted.
	perSecond int
	// retry is the webhook's policy, as YAML.
	retry string
	// replay is the time from one replay to the next.
	replay time.Duration
}

// Alone it hurries: a result that is never taken is parked after 2 s. For a person it takes 17 s, time
// enough to look at one in the Web UI.
func rhythmFor(once bool) rhythm {
	if once {
		return rhythm{perSecond: 80, retry: "{max: 3, backoff: 300ms, max_backoff: 2s}", replay: 100 * time.Millisecond}
	}
	return rhythm{perSecond: 25, retry: "{max: 5, backoff: 1s, max_backoff: 5s}", replay: 500 * time.Millisecond}
}

// configurationText is the demo's consign.yaml. Its circuit stays closed: what the receiver still
// fails towards the end are only results that fail every time, and an open circuit would hold them.
func configurationText(archive, hook, retry string) string {
	return fmt.Sprintf(`sinks:
  %s:
    file: {path: %q}
  %s:
    stdout: {}
  %s:
    webhook: {url: %q, secret: "${%s}"}
    retry: %s
    circuit: {failures: -1}
`, archiveSink, archive, consoleSink, webhookSink, hook, secretVariable, retry)
}

// furtherSinks are the lines of --sinks all. The collector gets CloudEvents, which hold the delivery id.
func furtherSinks(socket, natsURL, broker string) string {
	return fmt.Sprintf(`  %s:
    unix: {path: %q, format: cloudevents}
  %s:
    nats: {url: %q, subject: %s}
  %s:
    kafka: {brokers: [%q], topic: %s}
`, collectorSink, socket, streamSink, natsURL, streamSubject, topicSink, broker, topicName)
}

// parseConfiguration reads the text, and lets the stdout sink write to the demo's own console.
func parseConfiguration(text, secret string, console *console) (*config.Config, error) {
	env := func(name string) (string, bool) { return secret, name == secretVariable }
	configuration, err := config.Parse("demo.yaml", []byte(text), all.Kinds(), env)
	if err != nil {
		return nil, fmt.Errorf("the demo's own configuration: %w", err)
	}
	for i := range configuration.Sinks {
		if sink := &configuration.Sinks[i]; sink.Name == consoleSink {
			sink.Settings = onConsole{sink.Settings, console}
		}
	}
	return configuration, nil
}

// newSecret makes a secret in the form of Standard Webhooks.
func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
