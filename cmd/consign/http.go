package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/cmd/internal/logging"
	"github.com/consign-dev/consign/page"
	"github.com/consign-dev/consign/sources/http"
)

// source takes results over HTTP, and hands them to the one submitter of the process. Nil: nobody asked for it.
type source struct {
	server    *http.Server
	submitter *consign.Submitter // nil until Temporal is there
}

func listenHTTP(ctx context.Context, p *workplace) (*source, error) {
	if p.config.HTTP.Listen == "" {
		return nil, nil
	}
	server, err := http.Listen(ctx, http.Options{Config: p.config.HTTP, Registry: p.metrics.registry, Log: p.log.Named(logging.HTTP)})
	if errors.Is(err, syscall.EADDRINUSE) && p.flags.httpFound {
		// Nobody has asked for this very port.
		other := p.config.HTTP
		other.Listen = "0"
		if server, err = http.Listen(ctx, http.Options{Config: other, Registry: p.metrics.registry, Log: p.log.Named(logging.HTTP)}); err == nil {
			p.log.Warn("another program has the usual address of the page and of results over HTTP: they are at another one, until the next start", zap.String("usual", p.config.HTTP.Address()), zap.String("url", server.URL()))
		}
	}
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	return &source{server: server}, nil
}

// open begins to take results and to serve the page. The worker's own client has new workflows start in this process.
func (s *source) open(temporal client.Client, namespace string, p *workplace, ready http.Readiness) (err error) {
	if s == nil {
		return nil
	}
	if s.submitter, err = consign.NewClient(temporal).NewSubmitter(consign.SubmitterOptions{BatchMax: p.config.HTTP.BatchMax}); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	s.server.Show(page.New(page.Options{Temporal: temporal, Namespace: namespace, UI: p.webUI, By: me(), Token: s.server.PageToken(), Log: p.log.Named(logging.Page)}))
	s.server.Open(s.submitter, ready)
	p.log.Info("results over HTTP", zap.String("url", s.server.URL()+"/v1/results"), zap.String("page", s.page()))
	return nil
}

// stop lets requests under way finish, then has what they brought stored.
func (s *source) stop(log *zap.Logger, patience time.Duration) {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.server.Stop(ctx); err != nil {
		log.Warn("results over HTTP", zap.Error(err))
	}
	if s.submitter == nil {
		return
	}
	if err := s.submitter.Close(ctx); err != nil {
		log.Warn("results over HTTP, none of which was answered as taken", zap.Error(err))
	}
}

// url of it; empty if there is none.
func (s *source) url() string {
	if s == nil {
		return ""
	}
	return s.server.URL()
}

// page is where people look; empty if there is none.
func (s *source) page() string {
	if s == nil || !s.server.Shown() {
		return ""
	}
	return s.server.URL() + page.Prefix + "/"
}
