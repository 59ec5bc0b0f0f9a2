package webhook

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

const recipes = "../../docs/recipes/"

const routingKey = "0123456789abcdef0123456789abcdef"

func recipeEnvironment(name string) (string, bool) {
	value, found := map[string]string{
		"SLACK_URL": "https://hooks.slack.com/services/T0/B0/" + password, "TEAMS_URL": "https://example.logic.azure.com/workflows/" + password,
		"DISCORD_URL": "https://discord.com/api/webhooks/1/" + password, "PAGERDUTY_ROUTING_KEY": routingKey, "OPSGENIE_KEY": bearer,
	}[name]
	return value, found
}

// recipe reads one.
func recipe(t *testing.T, name string) *Config {
	t.Helper()
	return recipeSink(t, name).Settings.(*Config)
}

func recipeSink(t *testing.T, name string) config.Sink {
	t.Helper()
	source, err := os.ReadFile(recipes + name + ".yaml")
	require.NoError(t, err)
	parsed, err := config.Parse(name, source, []config.Kind{Kind()}, recipeEnvironment)
	require.NoError(t, err)
	require.Len(t, parsed.Sinks, 1)
	return parsed.Sinks[0]
}

// said is a body as a service reads it.
type said struct {
	t    *testing.T
	body any
}

// at follows keys, and fails where they lead nowhere.
func (s said) at(keys ...any) any {
	s.t.Helper()
	value := s.body
	for _, key := range keys {
		switch k := key.(type) {
		case string:
			require.Contains(s.t, value, k, "%v", keys)
			value = value.(map[string]any)[k]
		case int:
			require.Greater(s.t, len(value.([]any)), k, "%v", keys)
			value = value.([]any)[k]
		}
	}
	return value
}

// text is a text of 1 to limit characters.
func (s said) text(limit int, keys ...any) string {
	s.t.Helper()
	value, ok := s.at(keys...).(string)
	require.True(s.t, ok, "%v", keys)
	require.NotEmpty(s.t, value, "%v", keys)
	require.LessOrEqual(s.t, utf8.RuneCountInString(value), limit, "%v", keys)
	return value
}

// services are what each of them documents of a body, by the name of its recipe. They return what the
// severity became.
func services() map[string]func(said, sinks.Delivery) string {
	return map[string]func(said, sinks.Delivery) string{
		"slack": func(s said, _ sinks.Delivery) string {
			text := s.text(4000, "text")
			require.NotContains(s.t, text, "<!")
			require.Equal(s.t, "header", s.at("blocks", 0, "type"))
			require.Equal(s.t, "plain_text", s.at("blocks", 0, "text", "type"))
			s.text(150, "blocks", 0, "text", "text")
			require.Equal(s.t, "section", s.at("blocks", 1, "type"))
			for i, field := range s.at("blocks", 1, "fields").([]any) {
				require.Equal(s.t, "mrkdwn", field.(map[string]any)["type"])
				require.NotContains(s.t, s.text(2000, "blocks", 1, "fields", i, "text"), "<!")
			}
			require.Equal(s.t, "context", s.at("blocks", 2, "type"))
			require.NotContains(s.t, s.text(2000, "blocks", 2, "elements", 0, "text"), "<!")
			return strings.Fields(s.text(2000, "blocks", 1, "fields", 0, "text"))[1]
		},
		"teams": func(s said, _ sinks.Delivery) string {
			require.Equal(s.t, "message", s.at("type"))
			require.Len(s.t, s.at("attachments"), 1)
			require.Equal(s.t, "application/vnd.microsoft.card.adaptive", s.at("attachments", 0, "contentType"))
			require.Equal(s.t, "AdaptiveCard", s.at("attachments", 0, "content", "type"))
			s.text(10, "attachments", 0, "content", "version")
			require.Equal(s.t, "TextBlock", s.at("attachments", 0, "content", "body", 0, "type"))
			s.text(1000, "attachments", 0, "content", "body", 0, "text")
			require.Equal(s.t, "FactSet", s.at("attachments", 0, "content", "body", 1, "type"))
			for i := range s.at("attachments", 0, "content", "body", 1, "facts").([]any) {
				s.text(100, "attachments", 0, "content", "body", 1, "facts", i, "title")
				s.text(1000, "attachments", 0, "content", "body", 1, "facts", i, "value")
			}
			whole, err := json.Marshal(s.body)
			require.NoError(s.t, err)
			require.Less(s.t, len(whole), 28<<10)
			return s.text(20, "attachments", 0, "content", "body", 0, "color")
		},
		"discord": func(s said, d sinks.Delivery) string {
			s.text(80, "username")
			require.Empty(s.t, s.at("allowed_mentions", "parse"))
			require.Len(s.t, s.at("embeds"), 1)
			total := len(s.text(256, "embeds", 0, "title")) + len(s.text(2048, "embeds", 0, "footer", "text"))
			for i := range s.at("embeds", 0, "fields").([]any) {
				total += len(s.text(256, "embeds", 0, "fields", i, "name")) + len(s.text(1024, "embeds", 0, "fields", i, "value"))
			}
			require.LessOrEqual(s.t, total, 6000)
			if !d.Result.Time.IsZero() {
				_, err := time.Parse(time.RFC3339, s.text(40, "embeds", 0, "timestamp"))
				require.NoError(s.t, err)
			}
			color := s.at("embeds", 0, "color").(float64)
			require.LessOrEqual(s.t, color, float64(0xffffff))
			return fmt.Sprintf("#%06x", int(color))
		},
		"pagerduty": func(s said, d sinks.Delivery) string {
			require.Equal(s.t, routingKey, s.text(32, "routing_key"))
			require.Contains(s.t, []any{"trigger", "resolve"}, s.at("event_action"))
			require.Equal(s.t, identity(d), s.text(255, "dedup_key"))
			s.text(1024, "payload", "summary")
			s.text(1<<20, "payload", "source")
			require.IsType(s.t, map[string]any{}, s.at("payload", "custom_details"))
			severity := s.text(10, "payload", "severity")
			require.Contains(s.t, []string{"critical", "error", "warning", "info"}, severity)
			return severity
		},
		"opsgenie": func(s said, d sinks.Delivery) string {
			s.text(130, "message")
			require.Equal(s.t, identity(d), s.text(512, "alias"))
			s.text(15_000, "description")
			s.text(100, "source")
			tags := s.at("tags").([]any)
			require.LessOrEqual(s.t, len(tags), 20)
			for i := range tags {
				s.text(50, "tags", i)
			}
			for _, value := range s.at("details").(map[string]any) {
				require.IsType(s.t, "", value)
			}
			return s.text(2, "priority")
		},
	}
}

func TestRecipes_EachResult_BecomesWhatTheServiceDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(recipes + "*.yaml")
	require.NoError(t, err)
	require.Len(t, files, len(services()), "each recipe has its check here")
	for name, check := range services() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := recipe(t, name)
			_, err := New(*settings)
			require.NoError(t, err, "its own samples are delivered to its own URL")
			bodies := make(chan []byte, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies <- body
				if name == "opsgenie" && r.Header.Get("Authorization") != "GenieKey "+bearer {
					w.WriteHeader(http.StatusUnauthorized)
				}
			}))
			t.Cleanup(server.Close)
			settings.URL = server.URL
			sink := build(t, *settings)
			deliver := func(d sinks.Delivery) said {
				require.NoError(t, attempt(t, sink, d))
				s := said{t: t}
				require.NoError(t, json.Unmarshal(<-bodies, &s.body))
				return s
			}
			for _, d := range recipeResults(t) {
				check(deliver(d), d)
			}
			for level, want := range severities()[name] {
				d := delivery(`{"rule_title":"x","level":"` + level + `"}`)
				require.Equal(t, want, check(deliver(d), d), level)
			}
			if name == "pagerduty" {
				for state, want := range map[string]string{"open": "trigger", "resolved": "resolve"} {
					require.Equal(t, want, deliver(delivery(`{"incident_id":"i-1","state":"`+state+`"}`)).at("event_action"))
				}
			}
		})
	}
}

// identity is what an alert is known by: the incident that it reports on, or the delivery.
func identity(d sinks.Delivery) string {
	var data struct {
		Incident string `json:"incident_id"`
	}
	_ = json.Unmarshal(d.Result.Data, &data) // not every result is an object
	return cmp.Or(data.Incident, d.ID)
}

// severities are what a level becomes at each service.
func severities() map[string]map[string]string {
	return map[string]map[string]string{
		"slack":     {"critical": ":red_circle:", "High": ":large_orange_circle:", "medium": ":large_yellow_circle:", "low": ":large_blue_circle:", "odd": ":white_circle:"},
		"teams":     {"critical": "Attention", "High": "Attention", "medium": "Warning", "low": "Accent", "odd": "Default"},
		"discord":   {"critical": "#e74c3c", "High": "#e67e22", "medium": "#f1c40f", "low": "#3498db", "odd": "#95a5a6"},
		"pagerduty": {"critical": "critical", "High": "error", "medium": "warning", "low": "info", "informational": "info", "odd": "info"},
		"opsgenie":  {"critical": "P1", "High": "P2", "medium": "P3", "low": "P4", "informational": "P5", "odd": "P5"},
	}
}

// recipeResults are odd ones, and those of a real engine where they lie beside the checkout.
func recipeResults(t *testing.T) []sinks.Delivery {
	t.Helper()
	long := strings.Repeat("é<!channel>", 2000)
	tags := strings.Repeat(`"`+strings.Repeat("t", 60)+`",`, 30)
	results := []sinks.Delivery{
		hostileDelivery(), delivery(`{"rule_title":"<!channel> \"quoted\" & <@U1>","level":"critical","tags":[]}`),
		delivery(`{"rule_title":"` + long + `","level":"low","tags":[` + strings.TrimSuffix(tags, ",") + `]}`),
		delivery(`{"incident_id":"i-1","state":"open","trigger":"burst","max_level":"high"}`),
		delivery(`{}`), delivery(`null`), delivery(`[1,2]`), delivery(`"text"`), delivery(`{"level":null,"tags":null}`),
	}
	file, err := os.Open("../../../shared/data/rsigma.ndjson")
	if err != nil {
		return results
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var result consign.Result
		require.NoError(t, json.Unmarshal(lines.Bytes(), &result))
		results = append(results, sinks.Delivery{ID: consign.DeliveryID(result.Source, result.ID, "hook"), Result: result, First: time.Now(), Attempt: 1})
	}
	return results
}

func TestRecipes_ARefusal_ShowsNoKey(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		http.Error(w, r.Header.Get("Authorization")+string(body), http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	for name := range services() {
		settings := recipe(t, name)
		settings.URL = server.URL
		failure := refused(t, attempt(t, build(t, *settings), delivery(`{"level":"high"}`)))
		require.NotContains(t, failure.Message, routingKey, name)
	}
}

func TestRecipes_AServiceThatIsKnownToLimitRates_GetsNoMore(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]struct{ seconds, requests float64 }{
		"slack": {1, 1}, "discord": {2, 5}, "pagerduty": {60, 120},
	} {
		rate := recipeSink(t, name).RateLimit.PerSecond()
		require.Positive(t, rate, name)
		require.LessOrEqual(t, rate*most.seconds, most.requests, name)
	}
}
