package http_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	source "github.com/consign-dev/consign/sources/http"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come: far more than it takes.
const patience = time.Minute

// submitter stands for a consign.Submitter: it does with each result what its script says, and remembers it.
type submitter struct {
	script func(ctx context.Context, in consign.Submission) error
	// forgets: it remembers nothing.
	forgets bool

	mu   sync.Mutex
	got  []consign.Submission
	full error
}

func (s *submitter) Full() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}

func (s *submitter) fill(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = reason
}

func (s *submitter) Submit(ctx context.Context, in consign.Submission) error {
	s.mu.Lock()
	if !s.forgets {
		s.got = append(s.got, in)
	}
	s.mu.Unlock()
	return s.script(ctx, in)
}

func (s *submitter) results() []consign.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []consign.Result
	for _, in := range s.got {
		all = append(all, in.Result)
	}
	return all
}

func where(in consign.Submission) consign.Stored {
	return consign.Stored{ID: in.Result.ID, WorkflowID: consign.WorkflowID(in.Result.Source, in.Result.ID), RunID: "r"}
}

// storing stores each result at once, and commits none.
func storing() *submitter {
	return &submitter{script: func(_ context.Context, in consign.Submission) error {
		in.Stored(where(in), nil)
		return nil
	}}
}

// delivering commits each result at once.
func delivering() *submitter {
	return &submitter{script: func(_ context.Context, in consign.Submission) error {
		in.Stored(where(in), nil)
		commit(in, receipt(), nil)
		return nil
	}}
}

// commit tells those who asked that a result is committed.
func commit(in consign.Submission, receipt consign.Receipt, err error) {
	if in.Committed != nil {
		in.Committed(receipt, err)
	}
}

func receipt() consign.Receipt {
	return consign.Receipt{Results: 1, Ack: consign.AckNone, Legs: []consign.LegReceipt{{Sink: "archive", Kind: "file", Outcome: consign.Delivered, Attempts: 1}}}
}

// server is one that runs for a test.
type server struct {
	*source.Server
	t        *testing.T
	registry *prometheus.Registry
	client   *http.Client
}

// listen starts a server with settings over the defaults.
func listen(t *testing.T, yaml string) *server {
	t.Helper()
	c, err := config.Parse("consign.yaml", []byte("http: {listen: 127.0.0.1:0, "+yaml+"}"), nil, func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	s := &server{t: t, registry: prometheus.NewRegistry(), client: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	s.Server, err = source.Listen(t.Context(), source.Options{Config: c.HTTP, Registry: s.registry, Log: zaptest.NewLogger(t)})
	require.NoError(t, err)
	t.Cleanup(s.stop)
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(s.t, s.Stop(ctx))
}

// serve starts a server that takes results.
func serve(t *testing.T, yaml string, to source.Submitter) *server {
	t.Helper()
	s := listen(t, yaml)
	s.Open(to, func(context.Context) (string, error) { return "", nil })
	return s
}

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

type outcome struct {
	Source     string           `json:"source"`
	ID         string           `json:"id"`
	Status     string           `json:"status"`
	Detail     string           `json:"detail"`
	IDGiven    bool             `json:"id_given"`
	WorkflowID string           `json:"workflow_id"`
	Duplicate  bool             `json:"duplicate"`
	Receipt    *consign.Receipt `json:"receipt"`
}

// said is a body of either kind.
type said struct {
	Type    string    `json:"type"`
	Title   string    `json:"title"`
	Detail  string    `json:"detail"`
	Status  any       `json:"status"`
	Line    int       `json:"line"`
	Index   *int      `json:"index"`
	Results []outcome `json:"results"`
}

func (a answer) said(t *testing.T) said {
	t.Helper()
	var s said
	require.NoError(t, json.Unmarshal(a.body, &s), "%s", a.body)
	return s
}

// problem checks that it is one of that kind.
func (a answer) problem(t *testing.T, status int, slug string) said {
	t.Helper()
	require.Equal(t, status, a.StatusCode, "%s", a.body)
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	p := a.said(t)
	require.True(t, strings.HasSuffix(p.Type, "#"+slug), p.Type)
	require.EqualValues(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	return p
}

// call sends a request. Headers come in pairs; the one named Host replaces the host.
func (s *server) call(method, path string, body io.Reader, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body, headers...)
	require.NoError(s.t, err)
	described(s.t, method, path, a)
	return a
}

func (s *server) try(method, path string, body io.Reader, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.URL()+path, body)
	require.NoError(s.t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	var content bytes.Buffer
	_, err = content.ReadFrom(response.Body)
	return answer{response, content.Bytes()}, err
}

// post sends results as JSON.
func (s *server) post(query, body string, headers ...string) answer {
	s.t.Helper()
	return s.call(http.MethodPost, "/v1/results"+query, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func envelope(id string) string { return `{"source":"s","id":"` + id + `","data":{"n":1}}` }

var errAway = errors.New("temporal is away")
