package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/sources/http"
	"github.com/consign-dev/consign/sources/nats"
	"github.com/consign-dev/consign/worker"
)

// host is the Temporal server.
func host(ctx context.Context, p *plan, at addresses) error {
	_, text, err := net.SplitHostPort(at.Server)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	server, err := embedded.Start(ctx, embedded.Options{DataDir: p.path("server"), Port: port, Headless: true, Logger: log})
	if err != nil {
		return err
	}
	sayReady()
	<-ctx.Done()
	return server.Stop(stopping(ctx))
}

// work is a worker, with the planted bug if there is to be one. It takes results over HTTP, or reads the
// stream, if they are handed in so.
func work(ctx context.Context, p *plan, at addresses, name string) error {
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	kinds := append(all.Kinds(), nats.Kind())
	settings, err := config.Parse("oracle", []byte(p.configuration(at, name)), kinds, func(string) (string, bool) { return "", false })
	if err != nil {
		return err
	}
	sources, err := nats.New(settings, log, prometheus.NewRegistry())
	if err != nil {
		return err
	}
	// Connect waits for a server that is not up.
	temporal, options, err := worker.Connect(ctx, consign.Options{Address: at.Server}, log)
	if err != nil {
		return err
	}
	if p.plant != "" {
		temporal.Close()
		options.Interceptors = append(options.Interceptors, &planted{bug: p.plant, upstream: at.Upstream, messages: sources})
		if temporal, err = client.DialContext(ctx, options); err != nil {
			return err
		}
	}
	defer temporal.Close()
	working, err := worker.Start(ctx, worker.Options{Temporal: temporal, Config: settings, NATS: sources, Log: log})
	if err != nil {
		return err
	}
	reading, err := sources.Start(ctx, temporal)
	if err != nil {
		return err
	}
	stopHTTP, err := p.takeHTTP(ctx, settings.HTTP, temporal, log)
	if err != nil {
		return err
	}
	sayReady()
	<-ctx.Done()
	ctx = stopping(ctx)
	return errors.Join(stopHTTP(ctx), reading.Stop(ctx), working.Stop(ctx), sources.Close(ctx))
}

// takeHTTP takes results over HTTP as "consign worker" does, if the configuration says so.
func (p *plan) takeHTTP(ctx context.Context, settings config.HTTP, temporal client.Client, log *zap.Logger) (stop func(context.Context) error, err error) {
	if settings.Listen == "" {
		return func(context.Context) error { return nil }, nil
	}
	// After a kill the port may be somebody's for a moment.
	var server *http.Server
	for deadline := time.Now().Add(20 * time.Second); ; {
		server, err = http.Listen(ctx, http.Options{Config: settings, Registry: prometheus.NewRegistry(), Log: log})
		if err == nil || time.Now().After(deadline) {
			break
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	submitter, err := consign.NewClient(temporal).NewSubmitter(consign.SubmitterOptions{BatchMax: settings.BatchMax})
	if err != nil {
		return nil, err
	}
	server.Open(hasty{submitter, p.plant, &sync.Map{}}, func(ctx context.Context) (string, error) {
		_, err := temporal.CheckHealth(ctx, nil)
		return "", err
	})
	return func(ctx context.Context) error { return errors.Join(server.Stop(ctx), submitter.Close(ctx)) }, nil
}

// stopping bounds how long a process takes to stop.
func stopping(ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// workerHeader holds the process id of the worker that makes a request.
const workerHeader = "X-Worker"

// configuration of the workers: a file, a webhook that is patient, one that soon gives up, and what else
// the plan asks for.
// Requests name the process that they come from.
func (p *plan) configuration(at addresses, name string) string {
	by := fmt.Sprintf(`%s: "%d"`, workerHeader, os.Getpid())
	return `
sinks:
  archive:
    file: {path: "` + p.archive() + `"}
  hook:
    webhook: {url: "http://` + at.Hook + `/take", headers: {` + by + `}}
    timeout: 3s
    retry: {max: 20, backoff: 200ms, max_backoff: 2s}
    circuit: {open: 1s}
  desk:
    webhook: {url: "http://` + at.Desk + `/take", headers: {` + by + `}}
    timeout: 3s
    retry: {max: 3, backoff: 100ms, max_backoff: 1s}
    circuit: {open: 1s}
` + p.sinkSettings(at) + `acks:
  timeout: 3s
  retry: {max: 1000, backoff: 200ms, max_backoff: 2s}
` + p.sourceSettings(at, name)
}

// sourceSettings say where a worker gets results, beside Temporal.
func (p *plan) sourceSettings(at addresses, name string) string {
	switch p.way() {
	case byHTTP:
		address := at.HTTP[0]
		if name == worker2Name {
			address = at.HTTP[1]
		}
		return fmt.Sprintf("http: {listen: %q, wait_timeout: %s, batch_max: %d}\n", address, waitTimeout, p.batchMax())
	case byJetStream:
		return fmt.Sprintf("sources: {%s: {nats: {url: %q, stream: %s, durable: %s, ack_wait: %s, max_open: 1000, batch_max: %d}}}\n",
			sourceName, "nats://"+at.Source, sourceStream, durable, ackWait, p.batchMax())
	}
	return ""
}
