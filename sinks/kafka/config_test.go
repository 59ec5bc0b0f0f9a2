package kafka_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestConfig_EachMistake_NamesTheFieldAndTheRemedyAndNoSecret(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(password)
	with := func(change func(*kafka.Config)) kafka.Config {
		changed := kafka.Config{Brokers: []string{"localhost"}, Topic: topic}
		change(&changed)
		return changed
	}
	brokers := func(list ...string) kafka.Config {
		return with(func(c *kafka.Config) { c.Brokers = list })
	}
	for _, test := range []struct {
		config        kafka.Config
		field, remedy string
	}{
		{brokers(), "brokers", "is missing"},
		{brokers("a:9092", ""), "brokers[1]", "names no host"},
		{brokers(":9092"), "brokers[0]", "names no host"},
		{brokers("a:b:c"), "brokers[0]", "IPv6 address in brackets"},
		{brokers("a:99999"), "brokers[0]", "1 to 65535"},
		{brokers("kafka://a:9092"), "brokers[0]", "leave out scheme"},
		{brokers("me:" + password + "@a:9092"), "brokers[0]", "leave out scheme and login"},
		{brokers("a:9092,b:9092"), "brokers[0]", "an item of each broker"},
		{with(func(c *kafka.Config) { c.Topic = "" }), "topic", "is missing"},
		{with(func(c *kafka.Config) { c.Topic = "a b" }), "topic", "no name for a topic"},
		{with(func(c *kafka.Config) { c.Topic = strings.Repeat("a", 250) }), "topic", "at most 249"},
		{with(func(c *kafka.Config) { c.IncidentTopic = ".." }), "incident_topic", "no name for a topic"},
		{with(func(c *kafka.Config) { c.Key = "host" }), "key", `"host": at character 1: undeclared reference to "host"`},
		{with(func(c *kafka.Config) { c.Key = "size(source)" }), "key", `is of type int, not a text: make one of it`},
		{with(func(c *kafka.Config) { c.Key = "has(data.host)" }), "key", `is of type bool, not a text`},
		{with(func(c *kafka.Config) { c.Format = "ocfs" }), "format", `expected one of ndjson, ocsf, cloudevents (did you mean "ocsf"?)`},
		{with(func(c *kafka.Config) { c.Compression = "brotli" }), "compression", "none, gzip, snappy, lz4, zstd"},
		{with(func(c *kafka.Config) { c.MaxMessageBytes = 100 }), "max_message_bytes", "expected 1024 to"},
		{with(func(c *kafka.Config) { c.MaxMessageBytes = 1 << 30 }), "max_message_bytes", "expected 1024 to"},
		{with(func(c *kafka.Config) { c.SASL = &kafka.SASL{User: "me", Password: secret} }), "sasl.mechanism", "is missing"},
		{with(func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: "SCRAM", User: "me", Password: secret} }), "sasl.mechanism", "scram-sha-512"},
		{with(func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: "plain", Password: secret} }), "sasl.user", "is missing"},
		{with(func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: "plain", User: "me"} }), "sasl.password", "is missing"},
		{with(func(c *kafka.Config) { c.TLS = &sinks.TLS{CA: "missing.pem"} }), "tls.ca", "open missing.pem: no such file"},
	} {
		test.config.SetDefaults()
		var fields []string
		test.config.Validate(func(field, problem string) {
			fields = append(fields, field)
			require.Contains(t, problem, test.remedy)
			require.NotContains(t, problem, password)
		})
		require.Equal(t, []string{test.field}, fields, test.remedy)
		_, err := kafka.New(test.config)
		require.ErrorContains(t, err, "kafka."+test.field+": ")
	}
}

func TestConfig_AKeyThatIsNoExpression_IsRefusedAtItsLineWithNothingOfAVariable(t *testing.T) {
	t.Parallel()
	check := func(key string) error {
		_, err := config.Parse("consign.yaml", []byte("sinks:\n  lake:\n    kafka:\n      brokers: [a]\n      topic: b\n      key: "+key+"\n"), []config.Kind{kafka.Kind()},
			func(name string) (string, bool) { return "source + hunter2", name == "KEY" })
		return err
	}
	require.NoError(t, check(`source + "/" + type`))
	require.EqualError(t, check("source + host"), `consign.yaml:6:12: sinks.lake.kafka.key: "source + host": at character 10: undeclared reference to "host"`)
	require.EqualError(t, check("data.port > 1"), `consign.yaml:6:12: sinks.lake.kafka.key: "data.port > 1": is of type bool, not a text: make one of it, as in "string(data.port)"`)
	require.NotContains(t, check(`"${KEY}"`).Error(), "hunter2")
	require.ErrorContains(t, check(`"${KEY}"`), `consign.yaml:6:12: sinks.lake.kafka.key: "${KEY}": at character 10: undeclared reference to `)
}

func TestConfig_ExampleOfThePackage_IsAConfiguration(t *testing.T) {
	t.Parallel()
	parsed, err := config.Parse("example.yaml", []byte(sinktest.Example(t, "kafka.go")), []config.Kind{kafka.Kind()},
		func(name string) (string, bool) { return password, name == "KAFKA_PASSWORD" })
	require.NoError(t, err)
	require.Len(t, parsed.Sinks, 1)
	require.True(t, parsed.Sinks[0].Incidents)
	settings := parsed.Sinks[0].Settings.(*kafka.Config)
	require.Equal(t, &kafka.Config{
		Brokers: []string{"kafka-1.example.com:9093", "kafka-2.example.com:9093"},
		Topic:   "detections", IncidentTopic: "incidents", Key: "source", Compression: "zstd", MaxMessageBytes: 1048588,
		SASL: &kafka.SASL{Mechanism: "scram-sha-512", User: "consign", Password: config.NewSecret(password)},
		TLS:  &sinks.TLS{ServerName: "kafka.example.com"},
	}, settings)
	sink, err := settings.Open(t.Context(), parsed.Sinks[0].Name)
	require.NoError(t, err)
	require.NoError(t, sink.Close(t.Context()))
}
