package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/consign-dev/consign/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const webUI = "https://temporal.example.com"

func serve(t *testing.T, o codec.Options) *httptest.Server {
	t.Helper()
	handler, err := codec.Handler(o)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// remote asks a server as the temporal CLI does with --codec-endpoint.
func remote(server *httptest.Server, path string) converter.PayloadCodec {
	return converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{
		Endpoint: server.URL + path, Client: *server.Client(),
		ModifyRequest: func(r *http.Request) error {
			r.Header.Set("X-Namespace", "default")
			return nil
		},
	})
}

func plain(data string) *commonpb.Payload {
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(data)}
}

// packed is a payload as consignments of several results are stored.
func packed(t *testing.T, payload *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	defer encoder.Close()
	data, err := proto.Marshal(payload)
	require.NoError(t, err)
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("binary/zstd")}, Data: encoder.EncodeAll(data, nil)}
}

// answer is the head of a response whose body has been read.
type answer struct {
	StatusCode int
	Header     http.Header
}

func ask(t *testing.T, server *httptest.Server, method, path, body string, header ...string) (answer, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	request.Host = request.Header.Get("Host")
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{StatusCode: response.StatusCode, Header: response.Header}, string(content)
}

func TestHandler_AskedAsTheCLIDoes_ExpandsWhatIsCompressed(t *testing.T) {
	t.Parallel()
	server := serve(t, codec.Options{Guarded: true})
	one, other := plain(`{"results":[{"data":"<&\u2028>"}]}`), plain("1")
	for _, path := range []string{"", "/codec", "/behind/a/proxy"} {
		decoded, err := remote(server, path).Decode([]*commonpb.Payload{packed(t, one), other})
		require.NoError(t, err)
		require.Len(t, decoded, 2)
		require.True(t, proto.Equal(one, decoded[0]))
		require.True(t, proto.Equal(other, decoded[1]))
		encoded, err := remote(server, path).Encode([]*commonpb.Payload{one})
		require.NoError(t, err)
		require.True(t, proto.Equal(one, encoded[0]), "it stays readable")
	}
}

func TestHandler_ForAPageOfAnotherOrigin_AnswersOnlyThoseThatAreNamed(t *testing.T) {
	t.Parallel()
	server := serve(t, codec.Options{Origins: []string{webUI}})
	for origin, status := range map[string]int{webUI: http.StatusOK, "https://evil.example": http.StatusForbidden, webUI + ".evil.example": http.StatusForbidden, "null": http.StatusForbidden} {
		allowed := ""
		if status == http.StatusOK {
			allowed = origin
		}
		preflight, _ := ask(t, server, http.MethodOptions, "/decode", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-namespace")
		require.Equal(t, allowed, preflight.Header.Get("Access-Control-Allow-Origin"), origin)
		require.Equal(t, allowed != "", preflight.Header.Get("Access-Control-Allow-Headers") == "content-type,x-namespace", origin)
		require.Equal(t, "Origin", preflight.Header.Get("Vary"))
		// A form sends text/plain without asking first.
		for _, kind := range []string{"application/json", "text/plain"} {
			answer, _ := ask(t, server, http.MethodPost, "/decode", `{"payloads":[]}`, "Origin", origin, "Sec-Fetch-Site", "cross-site", "Content-Type", kind)
			require.Equal(t, status, answer.StatusCode, origin)
			require.Equal(t, allowed, answer.Header.Get("Access-Control-Allow-Origin"), origin)
		}
	}
}

func TestHandler_Guarded_AnswersToNamesOfLoopbackAndOfItsOrigins(t *testing.T) {
	t.Parallel()
	guarded := serve(t, codec.Options{Origins: []string{webUI}, Guarded: true})
	open := serve(t, codec.Options{})
	for host, status := range map[string]int{
		"localhost:8089": 200, "127.0.0.1": 200, "[::1]:8089": 200, "temporal.example.com": 200,
		"rebound.example": http.StatusMisdirectedRequest, "127.0.0.1.evil.example:80": http.StatusMisdirectedRequest,
	} {
		answer, _ := ask(t, guarded, http.MethodPost, "/decode", `{"payloads":[]}`, "Host", host)
		require.Equal(t, status, answer.StatusCode, host)
		answer, _ = ask(t, open, http.MethodPost, "/decode", `{"payloads":[]}`, "Host", host)
		require.Equal(t, http.StatusOK, answer.StatusCode, host)
	}
}

func TestHandler_WhatIsTooMuchOrNoPayload_IsRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	server := serve(t, codec.Options{})
	bomb := packed(t, plain(strings.Repeat("x", 3<<20)))
	require.Less(t, len(bomb.GetData()), 2_000)
	_, err := remote(server, "").Decode([]*commonpb.Payload{bomb, bomb})
	require.NoError(t, err)
	_, err = remote(server, "").Decode([]*commonpb.Payload{bomb, bomb, bomb, bomb})
	require.ErrorContains(t, err, "these 4 payloads are more than")
	_, err = remote(server, "").Decode([]*commonpb.Payload{plain("1"), packed(t, plain(strings.Repeat("x", 5<<20)))})
	require.ErrorContains(t, err, "payload 2 of 2: expanding a payload")

	large, err := json.Marshal(map[string][]byte{"payloads": bytes.Repeat([]byte("x"), 9<<20)})
	require.NoError(t, err)
	answer, _ := ask(t, server, http.MethodPost, "/decode", string(large))
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.StatusCode)
	for _, body := range []string{"", "no JSON", `{"payloads":[{"metadata":{"encoding":"YmluYXJ5L3pzdGQ="},"data":"MQ=="}]}`} {
		answer, said := ask(t, server, http.MethodPost, "/decode", body)
		require.Equal(t, http.StatusBadRequest, answer.StatusCode, said)
		require.NotEmpty(t, said)
		require.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"))
	}
	for _, wrong := range [][2]string{{http.MethodGet, "/decode"}, {http.MethodPost, "/"}, {http.MethodPost, "/decoded"}} {
		answer, _ := ask(t, server, wrong[0], wrong[1], `{"payloads":[]}`)
		require.Equal(t, http.StatusNotFound, answer.StatusCode, wrong)
	}
}

func TestHandler_ManyAtOnce_AreAllAnswered(t *testing.T) {
	t.Parallel()
	server := serve(t, codec.Options{})
	payload := packed(t, plain(strings.Repeat("y", 1<<16)))
	done := make(chan error)
	const many = 32
	for range many {
		go func() {
			_, err := remote(server, "").Decode([]*commonpb.Payload{payload})
			done <- err
		}()
	}
	for range many {
		require.NoError(t, <-done)
	}
}

func TestHandler_OriginThatIsNone_IsNamed(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{"temporal.example.com", "https://temporal.example.com/", "https://temporal.example.com/ui", "*", ""} {
		_, err := codec.Handler(codec.Options{Origins: []string{origin}})
		require.ErrorContains(t, err, fmt.Sprintf("origin %q", origin))
		require.ErrorContains(t, err, "scheme://host")
	}
}
