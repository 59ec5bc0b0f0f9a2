package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/consign-dev/consign/config"
)

const (
	// dialTimeout and answerTimeout are how long a broker that takes no connection, or sends no answer
	// beyond the time that the request grants it, keeps anything of the client busy.
	dialTimeout, answerTimeout = 5 * time.Second, 5 * time.Second
	// recordRetries is how often the client itself tries to produce a record again, after pauses of
	// firstPause and then twice the last: enough for a leader that moves. What takes longer is up to
	// the sink's retries, which people see.
	recordRetries, firstPause = 3, 100 * time.Millisecond
	// lookAgain is the least time between two questions for the topics and their leaders.
	lookAgain = 250 * time.Millisecond
	// maxMessage is the most that max_message_bytes may be, in bytes: what the client writes at once.
	maxMessage = 64 << 20
)

// Validate reports what is wrong, and shows no secret in doing so. It reads the files of tls.
func (c *Config) Validate(report func(field, problem string)) {
	if len(c.Brokers) == 0 {
		report("brokers", "is missing: say where the cluster is, such as [kafka.example.com:9092]")
	}
	for i, broker := range c.Brokers {
		if err := checkBroker(broker); err != nil {
			report(fmt.Sprintf("brokers[%d]", i), err.Error())
		}
	}
	if err := checkTopic(c.Topic); err != nil {
		report("topic", err.Error())
	}
	if c.IncidentTopic != c.Topic {
		if err := checkTopic(c.IncidentTopic); err != nil {
			report("incident_topic", err.Error())
		}
	}
	if _, err := config.NewExpression(c.Key); err != nil {
		report("key", fmt.Sprintf("%q: %s", c.Key, err))
	}
	c.Format.Validate(report)
	if _, err := c.codec(); err != nil {
		report("compression", err.Error())
	}
	if c.MaxMessageBytes < 1024 || c.MaxMessageBytes > maxMessage {
		report("max_message_bytes", fmt.Sprintf("%d: expected 1024 to %d bytes", c.MaxMessageBytes, maxMessage))
	}
	c.SASL.validate(report)
	c.TLS.Validate(report)
}

func checkBroker(broker string) error {
	host := broker
	if strings.Contains(broker, "://") || strings.ContainsAny(broker, "/@ ,") {
		// The broker is not shown, as what stands before an @ may be a password.
		return errors.New("is not HOST:PORT: leave out scheme and login, and make an item of each broker")
	}
	if strings.Contains(broker, ":") {
		name, port, err := net.SplitHostPort(broker)
		if err != nil {
			return fmt.Errorf("%q is not HOST:PORT, with an IPv6 address in brackets", broker)
		}
		host = name
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q has the port %q: ports are 1 to 65535", broker, port)
		}
	}
	if host == "" {
		return errors.New("names no host: write HOST:PORT")
	}
	return nil
}

func checkTopic(topic string) error {
	switch {
	case topic == "":
		return errors.New("is missing: name the topic to produce to")
	case topic == ".", topic == "..", !regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`).MatchString(topic):
		return fmt.Errorf("%.60q is no name for a topic: letters, digits, dots, underscores and dashes, at most 249", topic)
	}
	return nil
}

func (s *SASL) validate(report func(field, problem string)) {
	if s == nil {
		return
	}
	switch s.Mechanism {
	case "plain", "scram-sha-256", "scram-sha-512":
	case "":
		report("sasl.mechanism", "is missing: one of plain, scram-sha-256, scram-sha-512")
	default:
		report("sasl.mechanism", fmt.Sprintf("%q: expected one of plain, scram-sha-256, scram-sha-512", s.Mechanism))
	}
	if s.User == "" {
		report("sasl.user", "is missing: say who logs in")
	}
	if s.Password.IsZero() {
		report("sasl.password", "is missing: say what the password of user is")
	}
}

// login returns the client's option to log in.
func (s *SASL) login() kgo.Opt {
	switch s.Mechanism {
	case "scram-sha-256":
		return kgo.SASL(scram.Auth{User: s.User, Pass: s.Password.Reveal()}.AsSha256Mechanism())
	case "scram-sha-512":
		return kgo.SASL(scram.Auth{User: s.User, Pass: s.Password.Reveal()}.AsSha512Mechanism())
	}
	return kgo.SASL(plain.Auth{User: s.User, Pass: s.Password.Reveal()}.AsMechanism())
}

func (c *Config) codec() (kgo.CompressionCodec, error) {
	switch c.Compression {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.NoCompression(), fmt.Errorf("%q: expected one of none, gzip, snappy, lz4, zstd", c.Compression)
}

// pause is the time before the client's own next try, a half of it at random so that workers do not
// come all at once.
func pause(failed int) time.Duration {
	longest := firstPause << min(max(failed-1, 0), 4)
	return longest/2 + rand.N(longest/2)
}

// options are those of the client.
func (s *Sink) options() ([]kgo.Opt, error) {
	c := s.settings
	codec, err := c.codec()
	if err != nil {
		return nil, fmt.Errorf("compression: %w", err)
	}
	options := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("consign"),
		kgo.WithHooks(s),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(c.MaxMessageBytes),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(0), // a delivery waits for its answers
		// An attempt that is over must not stay in the client until the cluster is back: it is made
		// again, and the delivery id tells what was stored twice.
		kgo.AllowIdempotentProduceCancellation(),
		kgo.RecordRetries(recordRetries),
		kgo.RetryBackoffFn(pause),
		kgo.DialTimeout(dialTimeout),
		kgo.RequestTimeoutOverhead(answerTimeout),
		kgo.MetadataMinAge(lookAgain),
		kgo.DisableClientMetrics(), // nothing is sent but results
	}
	secure, err := c.TLS.Config()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, kgo.DialTLSConfig(secure))
	}
	if c.SASL != nil {
		options = append(options, c.SASL.login())
	}
	return options, nil
}
