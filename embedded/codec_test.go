package embedded_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
)

// The temporal CLI reads a history through --codec-endpoint as this test does.
func TestWebUI_HasACodec_ByWhichTheInputOfABatchIsReadable(t *testing.T) {
	t.Parallel()
	server := start(t, embedded.Options{Ephemeral: true})
	c := dial(t, server)
	want, err := consign.DataConverter().ToPayload(consign.Consignment{Results: []consign.Entry{
		{Result: consign.Result{Source: "s", ID: "1", Data: []byte(`{"a":"<&>"}`)}},
		{Result: consign.Result{Source: "s", ID: "2", Data: []byte(`[1.0]`)}},
	}})
	require.NoError(t, err)
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "consign/batch/1", TaskQueue: "nobody's"},
		consign.DeliverWorkflow, converter.NewRawValue(compressed(t, want)))
	require.NoError(t, err)

	event, err := c.GetWorkflowHistory(t.Context(), "consign/batch/1", "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	require.NoError(t, err)
	input := event.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()
	require.Equal(t, "binary/zstd", string(input[0].GetMetadata()[converter.MetadataEncoding]))
	decoded, err := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: server.UIURL() + "/codec"}).Decode(input)
	require.NoError(t, err)
	require.True(t, proto.Equal(want, decoded[0]), "%s", decoded)

	_, settings := get(t, server.UIURL()+"/api/v1/settings", "")
	require.Contains(t, settings, `"Codec":{"Endpoint":"/codec"`)
}

func TestWebUI_Codec_AnswersNoOtherHostNorOrigin(t *testing.T) {
	t.Parallel()
	server := start(t, embedded.Options{Ephemeral: true})
	for name, test := range map[string]struct {
		host, origin string
		status       int
	}{
		"itself":        {"", "", http.StatusOK},
		"another name":  {"rebound.example", "", http.StatusMisdirectedRequest},
		"another page":  {"", "http://evil.example", http.StatusForbidden},
		"its own pages": {"localhost:8233", "http://localhost:8233", http.StatusOK},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.UIURL()+"/codec/decode", strings.NewReader(`{"payloads":[]}`))
		require.NoError(t, err)
		if test.origin != "" {
			request.Header.Set("Origin", test.origin)
		}
		request.Host = test.host
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, test.status, response.StatusCode, name)
		require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"), name)
	}
}

// compressed is a payload as Consign stores consignments of several results.
func compressed(t *testing.T, payload *commonpb.Payload) *commonpb.Payload {
	t.Helper()
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	defer encoder.Close()
	data, err := proto.Marshal(payload)
	require.NoError(t, err)
	return &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte("binary/zstd")}, Data: encoder.EncodeAll(data, nil)}
}
