package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/semaphore"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

const (
	// headerTimeout bounds how long the headers of a request may take to arrive.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long a connection is kept for its next request.
	idleTimeout = 2 * time.Minute
	// answerTimeout is what writing an answer may take beyond reading and waiting.
	answerTimeout = 10 * time.Second
	// maxHeader bounds the headers of a request, in bytes.
	maxHeader = 64 << 10
)

// Submitter is what takes results: a [consign.Submitter].
type Submitter interface {
	Submit(ctx context.Context, in consign.Submission) error
	// Full tells why Temporal takes no new results for now; nil while it does.
	Full() error
}

// Options of a server.
type Options struct {
	// Config says where to listen and what to allow. Required, with its defaults.
	Config config.HTTP
	// Registry for metrics. Required.
	Registry prometheus.Registerer
	// Log. Required.
	Log *zap.Logger
}

// Server takes results over HTTP.
type Server struct {
	options  Options
	tokens   *tokens // nil: none are asked for
	people   *tokens // who may see the page; nil: whoever may reach it
	loopback bool    // it listens there
	listener net.Listener
	server   *http.Server
	served   chan struct{}       // closed when it no longer serves
	memory   *semaphore.Weighted // bytes
	reading  *semaphore.Weighted // bodies
	turns    *semaphore.Weighted // results that are handed over and not stored
	metrics  *metrics
	failures *zap.Logger // of requests
	upstream atomic.Pointer[upstream]
	page     atomic.Pointer[http.Handler]
	taken    activities.Recent // results

	draining context.Context // over when it stops
	drain    context.CancelFunc
}

// upstream is where results go.
type upstream struct {
	Submitter

	health health
}

// Listen begins to serve, health only: results are taken after [Server.Open]. The error says what is
// wrong with the address or the certificate.
func Listen(ctx context.Context, o Options) (*Server, error) {
	c := o.Config
	if err := c.CheckListen(); err != nil {
		return nil, fmt.Errorf("http.listen %q: %w", c.Listen, err)
	}
	tokens, err := newTokens("http.tokens", c.Tokens, o.Log)
	if err != nil {
		return nil, err
	}
	people, err := newTokens("http.page_tokens", c.PageTokens, o.Log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, tokens: tokens, people: people, served: make(chan struct{}),
		memory: semaphore.NewWeighted(memoryFor(c)), reading: semaphore.NewWeighted(maxReading), turns: semaphore.NewWeighted(turnsFor(c)),
		metrics: newMetrics(o.Registry), failures: o.Log.WithOptions(zap.WrapCore(someOf)),
	}
	s.draining, s.drain = context.WithCancel(context.WithoutCancel(ctx))
	s.server = &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: min(headerTimeout, c.ReadTimeout),
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.ReadTimeout + c.WaitTimeout + answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          silent(o.Log),
		ConnState:         (&connections{most: c.MaxConnections, open: map[net.Conn]time.Time{}}).changed,
	}
	if c.TLS.Cert != "" {
		certificate, err := newCertificate(c.TLS, o.Log)
		if err != nil {
			s.drain()
			return nil, fmt.Errorf("http.tls: %w", err)
		}
		s.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Address())
	if err != nil {
		s.drain()
		return nil, fmt.Errorf("listen on %s for results over HTTP: %w: choose another address with http.listen or --http", c.Address(), bare(err))
	}
	local, _ := listener.Addr().(*net.TCPAddr)
	s.loopback = local != nil && local.IP.IsLoopback()
	s.listener = netutil.LimitListener(listener, c.MaxConnections)
	go s.serve()
	return s, nil
}

// bare takes the address out of an error.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// silent has what single connections do wrong, which is theirs to see, logged for debugging only.
func silent(to *zap.Logger) *log.Logger {
	std, err := zap.NewStdLogAt(to, zap.DebugLevel)
	if err != nil {
		return zap.NewStdLog(zap.NewNop())
	}
	return std
}

// someOf passes on ten of the same message a minute: while Temporal is away every request and every probe fails.
func someOf(core zapcore.Core) zapcore.Core {
	return zapcore.NewSamplerWithOptions(core, time.Minute, 10, 0)
}

func (s *Server) serve() {
	defer close(s.served)
	var err error
	if s.options.Config.TLS.Cert != "" {
		err = s.server.ServeTLS(s.listener, "", "")
	} else {
		err = s.server.Serve(s.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.options.Log.Error("results are no longer taken over HTTP", zap.Error(err))
	}
}

func (s *Server) routes() http.Handler {
	routes := chi.NewRouter()
	routes.Use(s.recovered, s.sameOrigin)
	routes.NotFound(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, &problem{slug: "not-found", Status: http.StatusNotFound, Detail: fmt.Sprintf("there is nothing at %q: results go to /v1/results", r.URL.Path)})
	})
	routes.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
				w.Header().Add("Allow", method)
			}
		}
		s.fail(w, &problem{slug: "method-not-allowed", Status: http.StatusMethodNotAllowed, Detail: r.Method + " is not taken here"})
	})
	for path, get := range map[string]http.HandlerFunc{"/healthz": s.healthz, "/readyz": s.readyz, "/v1/openapi.json": s.openAPI} {
		routes.Get(path, get)
		routes.Head(path, get)
	}
	routes.With(s.guard).Post("/v1/results", s.results)
	routes.Get("/", http.RedirectHandler("/page/", http.StatusSeeOther).ServeHTTP)
	for _, path := range []string{"/page", "/page/*"} {
		routes.With(s.guardPage).HandleFunc(path, s.showPage)
	}
	return routes
}

// recovered answers where this program fails, and says so in the log.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			switch cause {
			case nil:
				return
			case http.ErrAbortHandler:
				panic(cause)
			}
			s.options.Log.Error("a mistake in this program ended a request: please report it", zap.Any("panic", cause), zap.Stack("stack"))
			s.fail(w, &problem{slug: "internal-error", Status: http.StatusInternalServerError, Detail: "this program made a mistake, which its log shows: what became of the results is not known"})
		}()
		next.ServeHTTP(w, r)
	})
}

// URL of the server, without a path.
func (s *Server) URL() string {
	scheme := "http"
	if s.options.Config.TLS.Cert != "" {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// Open begins to take results.
func (s *Server) Open(to Submitter, ready Readiness) {
	s.upstream.Store(&upstream{Submitter: to, health: health{check: ready}})
}

// Stop takes no more requests, and lets those under way finish until ctx is over; who waits for results to
// be committed is told what is stored. The Submitter may be closed after it.
func (s *Server) Stop(ctx context.Context) error {
	s.drain()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests under way were cut off: %w", err), s.server.Close())
	}
	<-s.served
	return err
}
