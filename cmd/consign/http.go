package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
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
	server, err := http.Listen(ctx, http.Options{Config: p.config.HTTP, Registry: p.metrics.registry, Log: p.log})
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	p.log.Info("results over HTTP", zap.String("url", server.URL()+"/v1/results"))
	return &source{server: server}, nil
}

// open begins to take results. The worker's own client has new workflows start in this process.
func (s *source) open(temporal client.Client, batch int) (err error) {
	if s == nil {
		return nil
	}
	if s.submitter, err = consign.NewClient(temporal).NewSubmitter(consign.SubmitterOptions{BatchMax: batch}); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	s.server.Open(s.submitter, func(ctx context.Context) error {
		_, err := temporal.CheckHealth(ctx, nil)
		return err
	})
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
