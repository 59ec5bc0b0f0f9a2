package nats

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks/nats"
)

// Settings of the source.
type Settings struct {
	nats.Server `yaml:",inline"`

	// Stream to read from. A person creates it. Required.
	Stream string `yaml:"stream"`
	// Durable is the name of the consumer, which remembers what is acked. Processes that name the same one
	// share its messages. Default "consign".
	Durable string `yaml:"durable"`
	// Filter lists the subjects of the stream to read, with wildcards if need be. Default: all.
	Filter []string `yaml:"filter"`
	// Deliver says where to begin when the consumer is made: "all", "new", "sequence 4711" of the stream, or
	// "time 2026-01-31T12:00:00Z". Default all.
	Deliver string `yaml:"deliver"`
	// MaxOpen is the most messages that this process holds whose results are not committed at every sink,
	// which a dead sink makes many. No more are read beyond it. The consumer's max_ack_pending is raised to
	// it; where several processes share a consumer, give it that of all together. Default 10,000.
	MaxOpen int `yaml:"max_open"`
	// AckWait is how long after its last sign of life a process's messages are delivered to another, at
	// least 1s. Default 30s.
	AckWait time.Duration `yaml:"ack_wait"`
	// BatchMax is the most results that one workflow may carry, up to 1,024. Above 1, messages that are
	// delivered again are submitted again as well, and sinks get their results twice, with the same delivery
	// ids. Default 1.
	BatchMax int `yaml:"batch_max"`
	// Source of results that bring none. Default: the name of the stream.
	Source string `yaml:"source"`
	// Type of results that bring none. Default: none.
	Type string `yaml:"type"`
	// IDField is where in the data the id of results stands that bring none, such as finding.id. Default: the
	// message's Nats-Msg-Id, else the stream's name with the place and time of the message in it.
	IDField string `yaml:"id_field"`
}

// SetDefaults fills in what is left out.
func (s *Settings) SetDefaults() {
	s.Server.SetDefaults()
	if s.Durable == "" {
		s.Durable = "consign"
	}
	if s.Deliver == "" {
		s.Deliver = "all"
	}
	if s.MaxOpen == 0 {
		s.MaxOpen = 10_000
	}
	if s.AckWait == 0 {
		s.AckWait = 30 * time.Second
	}
	if s.BatchMax == 0 {
		s.BatchMax = 1
	}
	if s.Source == "" {
		s.Source = s.Stream
	}
}

const (
	// maxOpen bounds max_open: a million messages, each held in memory.
	maxOpen = 1_000_000
	// sourceMost bounds the source of results, so that even escaped it leaves room for an id.
	sourceMost = 60
)

// Validate reports what is wrong.
func (s *Settings) Validate(report func(field, problem string)) {
	s.Server.Validate(report)
	if s.Stream == "" {
		report("stream", "is missing: name the stream to read from")
	} else if err := checkName(s.Stream); err != nil {
		report("stream", err.Error())
	}
	if err := checkName(s.Durable); err != nil {
		report("durable", err.Error())
	}
	for i, subject := range s.Filter {
		if subject == "" || strings.ContainsAny(subject, " \t\r\n\f") {
			report(fmt.Sprintf("filter[%d]", i), fmt.Sprintf("%q is no subject, such as detections.edr or detections.>", subject))
		}
	}
	if err := start(s.Deliver, &jetstream.ConsumerConfig{}); err != nil {
		report("deliver", err.Error())
	}
	if s.MaxOpen < 1 || s.MaxOpen > maxOpen {
		report("max_open", fmt.Sprintf("must be between 1 and %d", maxOpen))
	}
	if len(s.Source) > sourceMost {
		report("source", fmt.Sprintf("is %d bytes, at most %d are taken: it is a part of workflow ids", len(s.Source), sourceMost))
	}
	if s.Source == consign.ReportSource {
		report("source", fmt.Sprintf("%q is that of Consign's reports about itself: name another", s.Source))
	}
	if s.AckWait < time.Second {
		report("ack_wait", "must be at least 1s")
	}
	if s.BatchMax < 1 || s.BatchMax > consign.MaxConsignmentResults {
		report("batch_max", fmt.Sprintf("must be between 1 and %d", consign.MaxConsignmentResults))
	}
}

// checkName looks at what stands in subjects of JetStream's own.
func checkName(name string) error {
	if strings.ContainsAny(name, " \t\r\n\f.*>/\\") {
		return fmt.Errorf("%q holds a blank or one of . * > / \\, which such a name must not", name)
	}
	return nil
}

// start sets where a consumer begins.
func start(deliver string, c *jetstream.ConsumerConfig) error {
	word, where, _ := strings.Cut(deliver, " ")
	switch {
	case deliver == "all":
		c.DeliverPolicy = jetstream.DeliverAllPolicy
		return nil
	case deliver == "new":
		c.DeliverPolicy = jetstream.DeliverNewPolicy
		return nil
	case word == "sequence":
		sequence, err := strconv.ParseUint(strings.TrimSpace(where), 10, 64)
		if err != nil || sequence == 0 {
			return fmt.Errorf("%q: name the first message to read, such as sequence 4711", deliver)
		}
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, sequence
		return nil
	case word == "time":
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(where))
		if err != nil {
			return fmt.Errorf("%q: the time is not RFC 3339, such as time 2026-01-31T12:00:00Z", deliver)
		}
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &at
		return nil
	}
	return errors.New(strconv.Quote(deliver) + ": expected all, new, sequence NUMBER or time TIME")
}
