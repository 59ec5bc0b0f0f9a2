package nats_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sources/nats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "B0DEADBEEF0-password"

func parse(text string) (*config.Config, error) {
	return config.Parse("consign.yaml", []byte(text), append(all.Kinds(), nats.Kind()),
		func(name string) (string, bool) { return password, name == "NATS_PASSWORD" })
}

func TestSettings_ExampleOfThePackage_IsAConfigurationThatShowsNoSecret(t *testing.T) {
	t.Parallel()
	c, err := parse(sinktest.Example(t, "nats.go"))
	require.NoError(t, err)
	require.Len(t, c.Sources, 1)
	settings := c.Sources[0].Settings.(*nats.Settings)
	require.Equal(t, "DETECTIONS", settings.Source)
	require.Equal(t, 10_000, settings.MaxOpen)
	require.Equal(t, 30*time.Second, settings.AckWait)
	var shown strings.Builder
	require.NoError(t, c.Show(&shown))
	require.NotContains(t, shown.String(), password)
	again, err := parse(shown.String())
	require.NoError(t, err, "%s", shown.String())
	require.Equal(t, settings, again.Sources[0].Settings)
	sources, err := nats.New(c, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	require.NoError(t, sources.Close(t.Context()))
}

func TestSettings_EachMistake_NamesItsPlaceAndTheRemedy(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		"{stream: S}":                                                         "consign.yaml:1:17: sources.edr.nats.url: is missing",
		"{url: nats://h}":                                                     "sources.edr.nats.stream: is missing",
		"{url: nats://h, stream: a.b}":                                        `sources.edr.nats.stream: "a.b" holds a blank or one of`,
		"{url: nats://h, stream: S, durable: a*}":                             `sources.edr.nats.durable: "a*" holds`,
		"{url: nats://h, stream: S, filter: [a, 'b c']}":                      `sources.edr.nats.filter[1]: "b c" is no subject`,
		"{url: nats://h, stream: S, deliver: newest}":                         `sources.edr.nats.deliver: "newest": expected all, new, sequence NUMBER or time TIME`,
		"{url: nats://h, stream: S, deliver: sequence 0}":                     "name the first message to read",
		"{url: nats://h, stream: S, deliver: time monday}":                    "the time is not RFC 3339",
		"{url: nats://h, stream: S, max_open: -1}":                            "sources.edr.nats.max_open: must be between 1 and 1000000",
		"{url: nats://h, stream: S, ack_wait: 10ms}":                          "sources.edr.nats.ack_wait: must be at least 1s",
		"{url: nats://h, stream: S, batch_max: 2000}":                         "sources.edr.nats.batch_max: must be between 1 and 1024",
		"{url: nats://h, stream: S, user: me}":                                "sources.edr.nats.password: is missing",
		"{url: nats://h, stream: S, streams: S}":                              `sources.edr.nats.streams: unknown field "streams" (did you mean "stream"?)`,
		"{url: nats://h, stream: S, source: consign}":                         `sources.edr.nats.source: "consign" is that of Consign's reports about itself`,
		"{url: nats://h, stream: S, source: " + strings.Repeat("s", 61) + "}": "sources.edr.nats.source: is 61 bytes, at most 60 are taken",
	} {
		_, err := parse("sources: {edr: {nats: " + settings + "}}\nsinks: {a: {stdout: {}}}\n")
		require.ErrorContains(t, err, want, settings)
	}
	for text, want := range map[string]string{
		"sources: [a]":                "sources: expected a mapping of names to sources",
		"sources: {edr: {kafka: {}}}": `sources.edr.kafka: unknown kind "kafka"; allowed: nats`,
		"sources: {edr: {}}":          "sources.edr: expected a mapping with a kind of source, one of nats",
		"sources: {Edr: {nats: {url: nats://h, stream: S}}}":     `"Edr" is no name for a source`,
		"sinks: {a: {nats: {url: nats://h, subject: s}}, b: {}}": "sinks.b: no kind of sink",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestSettle_SourceThatThisWorkerLacks_IsNamed(t *testing.T) {
	t.Parallel()
	c, err := parse("sinks: {a: {stdout: {}}}")
	require.NoError(t, err)
	sources, err := nats.New(c, zap.NewNop(), prometheus.NewRegistry())
	require.NoError(t, err)
	err = sources.Settle(t.Context(), consign.NATSTarget{Source: "edr", Subject: "$JS.ACK.S.c.1.1.1.1.0"}, false)
	require.ErrorContains(t, err, `no source "edr" of kind nats`)
}

func TestPage_HasEverySetting(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/nats-source.md")
	require.NoError(t, err)
	for _, setting := range config.SettingsOf(nats.Kind()) {
		require.Contains(t, string(page), "| `"+setting.Name+"` |")
		require.NotEmpty(t, all.Documentation()[setting.Key], setting.Key)
	}
}

func TestCheckShared_TwoSourcesThatReadByOneConsumer_AreRefused(t *testing.T) {
	t.Parallel()
	for other, refused := range map[string]bool{
		"{url: 'nats://g,nats://h', stream: S, filter: [a]}":       true,
		"{url: nats://h, stream: S, durable: other}":               false,
		"{url: nats://h, stream: T}":                               false,
		"{url: nats://g, stream: S}":                               false,
		"{url: nats://h, stream: S, token: of-another-account}":    false,
		"{url: nats://h, stream: S, user: other, password: other}": false,
	} {
		c, err := parse("sources: {a: {nats: {url: nats://h, stream: S}}, b: {nats: " + other + "}}\nsinks: {a: {stdout: {}}}\n")
		require.NoError(t, err)
		_, err = nats.New(c, zap.NewNop(), prometheus.NewRegistry())
		if refused {
			require.EqualError(t, err, "sources.b.nats.durable: source a reads stream S by the consumer consign too: name another durable")
		} else {
			require.NoError(t, err, other)
		}
	}
}

func TestMetrics_StandAtZeroFromTheStart(t *testing.T) {
	t.Parallel()
	c, err := parse("sources: {edr: {nats: {url: nats://h, stream: S}}, ndr: {nats: {url: nats://h, stream: T}}}\nsinks: {a: {stdout: {}}}\n")
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	_, err = nats.New(c, zap.NewNop(), registry)
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/nats-source.md")
	require.NoError(t, err)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 7)
	for _, family := range families {
		series := 2
		if family.GetName() == "consign_nats_messages_total" {
			series = 8
		}
		require.Len(t, family.GetMetric(), series, family.GetName())
		require.Contains(t, string(page), "| `"+family.GetName()+"{source")
	}
}
