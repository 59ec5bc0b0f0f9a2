package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/temporalio/ui-server/v2/server/api"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/csrf"
	"github.com/temporalio/ui-server/v2/server/headers"
	"github.com/temporalio/ui-server/v2/server/route"
	"github.com/temporalio/ui-server/v2/ui"

	"github.com/consign-dev/consign/codec"
)

// webUI is Temporal's Web UI, put together from ui-server's parts as its own server does: that one ends
// the process when it cannot listen, and opens its port itself.
type webUI struct {
	http    *http.Server
	url     string
	stopped chan struct{}
}

func startWebUI(listener net.Listener, temporalAddress, namespace string) (*webUI, error) {
	handler, err := webUIHandler(&config.Config{
		TemporalGRPCAddress: temporalAddress,
		EnableUI:            true,
		DefaultNamespace:    namespace,
		DisableNewsFetch:    true, // the news come from temporal.io
		HideLogs:            true,
		Codec:               config.Codec{Endpoint: codecPath},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the Web UI: %w", err)
	}
	if handler, err = withCodec(handler); err != nil {
		return nil, err
	}
	w := &webUI{
		http:    &http.Server{Handler: loopbackOnly(handler), ReadHeaderTimeout: 10 * time.Second},
		url:     "http://" + listener.Addr().String(),
		stopped: make(chan struct{}),
	}
	go func() {
		defer close(w.stopped)
		_ = w.http.Serve(listener) // it ends by stop only
	}()
	return w, nil
}

// codecPath is where the Web UI has consignments of several results made readable. It is a path of its own
// origin, so that it is there under every name and port by which a browser reaches the Web UI, and under no other.
const codecPath = "/codec"

// withCodec serves the codec beside the Web UI. A ServeMux would clean the paths of the Web UI, in which ids of
// workflows stand.
func withCodec(pages http.Handler) (http.Handler, error) {
	decoding, err := codec.Handler(codec.Options{})
	if err != nil {
		return nil, fmt.Errorf("set up the codec of the Web UI: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, codecPath+"/") {
			decoding.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}), nil
}

// stop waits for requests under way until ctx ends.
func (w *webUI) stop(ctx context.Context) {
	if err := w.http.Shutdown(ctx); err != nil {
		_ = w.http.Close()
	}
	<-w.stopped
}

func webUIHandler(c *config.Config) (http.Handler, error) {
	provider, err := config.NewConfigProviderWithRefresh(c)
	if err != nil {
		return nil, err
	}
	assets, err := ui.Assets()
	if err != nil {
		return nil, err
	}
	local, err := fs.Sub(assets, "local")
	if err != nil {
		return nil, err
	}
	e := echo.New()
	// Plain HTTP on loopback: a cookie marked Secure would not come back in every browser.
	const secureCookie = false
	e.Use(middleware.Recover(), middleware.Gzip(), middleware.Secure(),
		csrf.EnsureTokenCookie(secureCookie), middleware.CSRFWithConfig(csrf.MiddlewareConfig(provider, secureCookie)))
	route.SetHealthRoute(e)
	forward := []api.Middleware{headers.WithForwardHeaders([]string{"Caller-Type"})}
	route.SetRenderRoute(e, "")
	return e, errors.Join(route.SetAPIRoutes(e, provider, forward), route.SetUIRoutes(e, "", local))
}

// loopbackOnly refuses requests for another host's name. Without it a web page anywhere could point its
// own name at 127.0.0.1 and have the visitor's browser read, and act on, what is here (DNS rebinding).
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, fmt.Sprintf("This Web UI answers to localhost and 127.0.0.1 only, not to %q.", host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
