package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/consign-dev/consign"
	source "github.com/consign-dev/consign/sources/http"
)

// posted is an answer of the HTTP source.
type posted struct {
	status  int
	Results []struct {
		ID        string           `json:"id"`
		Status    string           `json:"status"`
		Duplicate bool             `json:"duplicate"`
		Workflow  string           `json:"workflow_id"`
		Receipt   *consign.Receipt `json:"receipt"`
	} `json:"results"`
}

// takeHTTP has the stage's worker take results over HTTP, and returns what posts them.
func (s *stage) takeHTTP() func(query, body string) posted {
	s.Helper()
	settings := s.config.HTTP
	settings.Listen, settings.WaitTimeout = "127.0.0.1:0", patience
	server, err := source.Listen(s.ctx, source.Options{
		Config: settings, Registry: prometheus.NewRegistry(), Log: zaptest.NewLogger(s, zaptest.Level(zap.WarnLevel)),
	})
	require.NoError(s, err)
	submitter, err := s.client.NewSubmitter(consign.SubmitterOptions{BatchMax: settings.BatchMax})
	require.NoError(s, err)
	server.Open(submitter, func(ctx context.Context) (string, error) {
		_, err := s.temporal.CheckHealth(ctx, nil)
		return "", err
	})
	s.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(s, server.Stop(ctx))
		require.NoError(s, submitter.Close(ctx))
	})
	ready, err := http.Get(server.URL() + "/readyz")
	require.NoError(s, err)
	ready.Body.Close()
	require.Equal(s, http.StatusOK, ready.StatusCode)
	return func(query, body string) posted {
		s.Helper()
		request, err := http.NewRequestWithContext(s.ctx, http.MethodPost, server.URL()+"/v1/results"+query, strings.NewReader(body))
		require.NoError(s, err)
		request.Header.Set("Content-Type", "application/x-ndjson")
		response, err := http.DefaultClient.Do(request)
		require.NoError(s, err)
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		require.NoError(s, err)
		p := posted{status: response.StatusCode}
		require.NoError(s, json.Unmarshal(content, &p), "%s", content)
		return p
	}
}

func TestD2_ResultsOverHTTP_AreDelivered_Once_WithReceipts(t *testing.T) {
	t.Parallel()
	s := perform(t, "sinks: {one: {script: {}}, two: {script: {}}}")
	post := s.takeHTTP()
	var body strings.Builder
	for n := range 20 {
		fmt.Fprintf(&body, "{\"source\":\"stream\",\"id\":\"%d\",\"data\":{\"z\":1,\"a\":\"<&\",\"text\":\"<xx\"}}\n", n)
	}
	first := post("?wait=committed", body.String())
	require.Equal(t, http.StatusOK, first.status)
	require.Len(t, first.Results, 20)
	for n, one := range first.Results {
		require.Equal(t, fmt.Sprint("consign/stream/", n), one.Workflow)
		require.False(t, one.Duplicate)
		require.Len(t, one.Receipt.Legs, 2)
		require.True(t, one.Receipt.Delivered())
	}
	again := post("?wait=committed", body.String())
	require.Equal(t, http.StatusOK, again.status)
	for n, one := range again.Results {
		require.True(t, one.Duplicate)
		require.Equal(t, first.Results[n].Receipt, one.Receipt)
	}
	s.requireTook("one", 20)
	s.requireTook("two", 20)

	mixed := post("", `{"source":"stream","id":"new","data":1}`+"\n"+`{"source":"stream","id":"7","data":"other"}`)
	require.Equal(t, http.StatusConflict, mixed.status)
	require.Equal(t, "stored", mixed.Results[0].Status)
	require.Equal(t, "conflict", mixed.Results[1].Status)
}

func TestD2_ResultsOverHTTP_WhoseSinkIsDead_AreTakenAllTheSame(t *testing.T) {
	t.Parallel()
	s := perform(t, patientSinks)
	s.sinks["one"].answers(never)
	post := s.takeHTTP()
	answer := post("", `{"source":"test","id":"1","data":{}}`)
	require.Equal(t, http.StatusAccepted, answer.status, "it is in Temporal")
	require.Equal(t, "stored", answer.Results[0].Status)
	description, err := s.temporal.DescribeWorkflowExecution(s.ctx, answer.Results[0].Workflow, "")
	require.NoError(t, err)
	require.NotNil(t, description.GetWorkflowExecutionInfo())
}
