package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Ids with the faults that faultOf gives them.
const (
	healthyID  = "det-002"
	passingID  = "det-012" // refused at first
	stubbornID = "det-062"
	invalidID  = "det-008"
)

func TestReceiver_KeepsTheBytesOfWhatItTakes(t *testing.T) {
	t.Parallel()
	r := receive(t, "")
	body := `{"source":"sigma","id":"` + healthyID + `","data":{"b":1.50,"a":"<&>\u2028","a":1e2}}`
	require.Equal(t, http.StatusOK, r.post(t, "msg_1", body))
	held := r.held(t)
	require.Len(t, held.Deliveries, 1)
	require.Equal(t, "msg_1", held.Deliveries[0].DeliveryID)
	require.Equal(t, body, string(held.Deliveries[0].Body))
}

func TestReceiver_RefusesTheFirstTriesOfSome(t *testing.T) {
	t.Parallel()
	r := receive(t, "")
	refused := 0
	for r.post(t, "msg_1", resultWith(passingID)) == http.StatusInternalServerError {
		refused++
	}
	require.Equal(t, faultOf(passingID).tries, refused)
	require.Len(t, r.held(t).Deliveries, 1)
	require.Equal(t, refused+1, r.held(t).Tries[passingID])
}

func TestReceiver_RefusesAFew_UntilItIsHealed(t *testing.T) {
	t.Parallel()
	r := receive(t, "")
	for range 20 {
		require.Equal(t, http.StatusInternalServerError, r.post(t, "msg_1", resultWith(stubbornID)))
		require.Equal(t, http.StatusUnprocessableEntity, r.post(t, "msg_2", resultWith(invalidID)))
	}
	require.Empty(t, r.held(t).Deliveries)
	answer, err := http.Post(r.url+healPath, "", nil)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusOK, r.post(t, "msg_1", resultWith(stubbornID)))
	require.Equal(t, http.StatusOK, r.post(t, "msg_2", resultWith(invalidID)))
	require.Len(t, r.held(t).Deliveries, 2)
}

func TestReceiver_WhenTheSignatureIsAnothers_RefusesAndCounts(t *testing.T) {
	t.Parallel()
	r := receive(t, "")
	r.secret = newSecret()
	require.Equal(t, http.StatusUnauthorized, r.post(t, "msg_1", resultWith(healthyID)))
	require.Equal(t, 1, r.held(t).Forged)
	require.Empty(t, r.held(t).Deliveries)
}

func TestReceiver_WhenToldToForget_AcceptsAndDoesNotKeep(t *testing.T) {
	t.Parallel()
	r := receive(t, healthyID)
	require.Equal(t, http.StatusOK, r.post(t, "msg_1", resultWith(healthyID)))
	require.Empty(t, r.held(t).Deliveries)
}

func TestReceiver_EndsWithItsStandardInput(t *testing.T) {
	t.Parallel()
	stdin, parent := io.Pipe()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- serveReceiver(t.Context(), stdin, stdout, receiverOptions{secret: newSecret(), file: filepath.Join(t.TempDir(), "held")})
	}()
	var where addresses
	require.NoError(t, json.NewDecoder(output).Decode(&where))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(where.URL + heldPath)
	require.NoError(t, err)
	answer.Body.Close()
	require.NoError(t, parent.Close())
	require.NoError(t, <-ended)
	answer, err = client.Get(where.URL + heldPath)
	if err == nil {
		answer.Body.Close()
	}
	require.Error(t, err)
}

func resultWith(id string) string { return `{"source":"sigma","id":"` + id + `","data":{}}` }

// testReceiver is a receiver in this process.
type testReceiver struct {
	url, secret string
}

func receive(t *testing.T, forget string) *testReceiver {
	t.Helper()
	o := receiverOptions{secret: newSecret(), file: filepath.Join(t.TempDir(), "held.ndjson"), forget: forget}
	r, err := newReceiver(o)
	require.NoError(t, err)
	server := httptest.NewServer(r.handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, r.file.Close())
		http.DefaultClient.CloseIdleConnections()
	})
	return &testReceiver{url: server.URL, secret: o.secret}
}

// post signs a body and returns the status of the answer.
func (r *testReceiver) post(t *testing.T, id, body string) int {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(r.secret)
	require.NoError(t, err)
	now := time.Now()
	signature, err := signer.Sign(id, now, []byte(body))
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+hookPath, bytes.NewReader([]byte(body)))
	require.NoError(t, err)
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	return answer.StatusCode
}

func (r *testReceiver) held(t *testing.T) held {
	t.Helper()
	answer, err := http.Get(r.url + heldPath)
	require.NoError(t, err)
	defer answer.Body.Close()
	var h held
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&h))
	return h
}
