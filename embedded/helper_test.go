package embedded_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap/zaptest"

	"github.com/consign-dev/consign/embedded"
)

// start runs a server on free ports until the test ends.
func start(t *testing.T, o embedded.Options) *embedded.Server {
	t.Helper()
	server, err := tryStart(t, o)
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, server) })
	return server
}

func tryStart(t *testing.T, o embedded.Options) (*embedded.Server, error) {
	t.Helper()
	if o.Port == 0 {
		o.Port = embedded.AnyPort
	}
	if o.UIPort == 0 {
		o.UIPort = embedded.AnyPort
	}
	if o.Logger == nil {
		o.Logger = zaptest.NewLogger(t)
	}
	began := time.Now()
	server, err := embedded.Start(t.Context(), o)
	t.Logf("start took %s", time.Since(began))
	return server, err
}

// stop stops a server; doing it again is harmless.
func stop(t *testing.T, server *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	began := time.Now()
	require.NoError(t, server.Stop(ctx))
	t.Logf("stop took %s", time.Since(began))
}

func dial(t *testing.T, server *embedded.Server) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{
		HostPort: server.Address(),
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// run lets a workflow of type Noop with these options run to its end, on a worker of its own.
func run(t *testing.T, c client.Client, o client.StartWorkflowOptions) {
	t.Helper()
	o.TaskQueue = t.Name()
	w := worker.New(c, o.TaskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: "Noop"})
	require.NoError(t, w.Start())
	defer w.Stop()
	handle, err := c.ExecuteWorkflow(t.Context(), o, "Noop")
	require.NoError(t, err)
	require.NoError(t, handle.Get(t.Context(), nil))
}

func get(t *testing.T, url, host string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	if host != "" {
		request.Host = host
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(content)
}
