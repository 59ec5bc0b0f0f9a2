package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/webhook"
)

func TestPreview_IsTheRequestThatIsSent_WithItsSecretsMasked(t *testing.T) {
	t.Parallel()
	var got http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(receiver.Close)
	settings := webhook.Config{
		URL: receiver.URL + "/hook?a=b", Secret: config.NewSecret("0123456789abcdef0123456789abcdef"),
		Headers: map[string]config.Secret{"authorization": config.NewSecret("Bearer t0ken"), "X-Plain": config.NewSecret("plain")},
	}
	now := time.Now()
	delivery := sinks.Delivery{
		ID: consign.DeliveryID("s", "i", "one"), First: now, At: now, Attempt: 1,
		Result: consign.Result{Source: "s", ID: "i", Data: []byte(`{"z":1.0,"a":"<&>"}`)},
	}
	preview, err := settings.Preview(delivery)
	require.NoError(t, err)
	require.Nil(t, got, "nothing is sent")

	sink, err := webhook.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(t.Context())) })
	require.Equal(t, []error{nil}, sink.Deliver(t.Context(), []sinks.Delivery{delivery}))
	head, shownBody, _ := strings.Cut(preview, "\n\n")
	require.Equal(t, string(body), shownBody)
	lines := strings.Split(head, "\n")
	require.Equal(t, "POST "+settings.URL, lines[0])
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Authorization", "X-Plain":
			require.Equal(t, "••••", value)
		case "Webhook-Signature":
			require.Equal(t, "v1,••••", value)
		default:
			require.Equal(t, got.Get(name), value, name)
		}
		require.NotEmpty(t, got.Get(name))
	}
	require.Len(t, lines, 8, "URL, 2 headers, content type, user agent, id, timestamp, signature: %s", head)
}

func TestPreview_WithoutSecret_HasNoSignature(t *testing.T) {
	t.Parallel()
	settings := webhook.Config{URL: "https://example.com/x"}
	preview, err := settings.Preview(sinks.Delivery{Result: consign.Result{Source: "s", ID: "i", Data: []byte(`1`)}})
	require.NoError(t, err)
	require.NotContains(t, strings.ToLower(preview), "signature")
}

func TestPreview_OfTemplates_IsWhatIsSent_WithItsValuesMasked(t *testing.T) {
	t.Parallel()
	settings := webhook.Config{
		URL: "https://example.com/{{ .data.level }}/{{ .values.room }}", Method: http.MethodPut,
		Body:   `{"key": "{{ .values.key }}", "level": "{{ .data.level }}"}`,
		Values: map[string]config.Secret{"key": config.NewSecret("r0uting-key"), "room": config.NewSecret("secret-room")},
	}
	preview, err := settings.Preview(sinks.Delivery{Result: consign.Result{Source: "s", ID: "i", Data: []byte(`{"level":"high"}`)}})
	require.NoError(t, err)
	require.Contains(t, preview, "PUT https://example.com/high/[hidden]\n")
	require.Contains(t, preview, `{"key": "[hidden]", "level": "high"}`)
	require.NotContains(t, preview, "r0uting-key")
	require.NotContains(t, preview, "secret-room")
}
