package webhook

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestDeliver_AReceiverOfHTTP2_IsSpokenToByHTTP2(t *testing.T) {
	t.Parallel()
	protocol := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocol <- r.Proto }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	sink := open(t, server.URL)
	sink.sender.network.transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	require.NoError(t, attempt(t, sink, delivery(`{}`)))
	require.Equal(t, "HTTP/2.0", <-protocol)
}

func TestDeliver_AProxyInTheEnvironment_IsUsed(t *testing.T) {
	proxy := receive(t, func(w http.ResponseWriter, r *http.Request, _ consign.Result) {
		if r.URL.Host != "receiver.test" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	t.Setenv("HTTP_PROXY", proxy.URL)
	require.NoError(t, attempt(t, open(t, "http://receiver.test/"), delivery(`{}`)))
	require.Len(t, proxy.got(), 1)

	failure := refused(t, attempt(t, open(t, "http://{{ raw .source }}/"), from("169.254.169.254")))
	require.Equal(t, "egress refused", failure.Label, "a literal address is refused also where the proxy would connect to it")
	require.Len(t, proxy.got(), 1)
}
