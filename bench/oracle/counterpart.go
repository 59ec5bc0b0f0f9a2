package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/consign-dev/consign/sinks/postgres/postgrestest"
)

// counterpart is what stands behind a sink that a run has beside the file and the webhooks.
type counterpart struct {
	// name of the sink, which is that of its kind.
	name string
	// settings of the kind, in YAML, with ADDRESS for the address and PID for the worker's process.
	settings string
	// host runs it in the rack. Nil: it needs no place there.
	host func(ctx context.Context, r *rack, address string) error
	// read returns what it has taken in the end.
	read func(ctx context.Context, p *plan, address string) (taken, error)
}

// Names of the sinks.
const (
	stdoutName   = "stdout"
	unixName     = "unix"
	postgresName = "postgres"
	s3Name       = "s3"
	natsName     = "nats"
	kafkaName    = "kafka"
	otlpName     = "otlp"
)

func allCounterparts() []counterpart {
	return []counterpart{
		{stdoutName, `{format: cloudevents}`, nil, readPrinted},
		{unixName, `{path: "ADDRESS", format: cloudevents}`, hostSocket, readSocket},
		{postgresName, `{url: "` + tableURL + `"}`, hostTable, readTable},
		{s3Name, `{bucket: "` + bucketName + `", endpoint: "http://ADDRESS", access_key: "` + storeKey + `", secret_key: "` + storeKey + `"}`, hostBucket, readBucket},
		{natsName, `{url: "nats://ADDRESS", subject: "` + subjectName + `"}`, hostJetStream, readJetStream},
		{kafkaName, `{brokers: ["ADDRESS"], topic: "` + topicName + `"}`, hostTopic, readTopic},
		{otlpName, `{url: "otlp://ADDRESS", headers: {` + workerHeader + `: "PID"}}`, hostCollector, readCollected},
	}
}

func counterpartNames() []string {
	var names []string
	for _, c := range allCounterparts() {
		names = append(names, c.name)
	}
	return names
}

// allSinks stands for every kind.
const allSinks = "all"

// counterparts are those that the plan asks for.
func (p *plan) counterparts() []counterpart {
	asked := strings.Split(p.sinks, ",")
	return slices.DeleteFunc(allCounterparts(), func(c counterpart) bool {
		return p.sinks != allSinks && !slices.Contains(asked, c.name)
	})
}

// unknownSink is one that is asked for and that there is not. Empty: there are all.
func (p *plan) unknownSink() string {
	if p.sinks == "" || p.sinks == allSinks {
		return ""
	}
	for name := range strings.SplitSeq(p.sinks, ",") {
		if !slices.Contains(counterpartNames(), name) {
			return cmp.Or(name, " ")
		}
	}
	return ""
}

// withoutMissing leaves out, and says so, what this machine has not.
func (p *plan) withoutMissing() error {
	_, err := postgrestest.Find()
	if err == nil || !slices.ContainsFunc(p.counterparts(), func(c counterpart) bool { return c.name == postgresName }) {
		return nil
	}
	if os.Getenv(postgrestest.RequireVariable) == "1" {
		return fmt.Errorf("%s=1, but %w", postgrestest.RequireVariable, err)
	}
	fmt.Fprintln(os.Stderr, "oracle: without the sink postgres:", err)
	var rest []string
	for _, c := range p.counterparts() {
		if c.name != postgresName {
			rest = append(rest, c.name)
		}
	}
	p.sinks = strings.Join(rest, ",")
	return nil
}

// sinkNames are the sinks of a run, receivers first.
func (p *plan) sinkNames() []string {
	names := []string{hookName, deskName, archiveName}
	for _, c := range p.counterparts() {
		names = append(names, c.name)
	}
	return names
}

// sinkSettings are the counterparts' part of the workers' configuration: patient ones, as the hook.
func (p *plan) sinkSettings(at addresses) string {
	var text strings.Builder
	for _, c := range p.counterparts() {
		fmt.Fprintf(&text, `  %s:
    %s: %s
    timeout: 3s
    retry: {max: 20, backoff: 200ms, max_backoff: 2s}
    circuit: {open: 1s}
`, c.name, c.name, strings.NewReplacer("ADDRESS", at.Of[c.name], "PID", strconv.Itoa(os.Getpid())).Replace(c.settings))
	}
	return text.String()
}

// taken are the takes of a sink, in their order, by the number of the result.
type taken map[int][]take

// add takes in what a counterpart holds: a result under that id, with that data.
func (t taken) add(id string, data []byte, of take) error {
	n, err := number(id)
	if err != nil {
		return fmt.Errorf("nobody submitted %q: %w", id, err)
	}
	of.mangled = string(data) != string(result(n).Data)
	t[n] = append(t[n], of)
	return nil
}
