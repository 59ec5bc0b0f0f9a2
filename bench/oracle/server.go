package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks/all"
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

// work is a worker, with the planted bug if there is to be one.
func work(ctx context.Context, p *plan, at addresses) error {
	log, err := zap.NewProduction()
	if err != nil {
		return err
	}
	settings, err := config.Parse("oracle", []byte(p.configuration(at)), all.Kinds(), func(string) (string, bool) { return "", false })
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
		options.Interceptors = append(options.Interceptors, &planted{bug: p.plant, upstream: at.Upstream})
		if temporal, err = client.DialContext(ctx, options); err != nil {
			return err
		}
	}
	defer temporal.Close()
	working, err := worker.Start(ctx, worker.Options{Temporal: temporal, Config: settings, Log: log})
	if err != nil {
		return err
	}
	sayReady()
	<-ctx.Done()
	return working.Stop(stopping(ctx))
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
func (p *plan) configuration(at addresses) string {
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
`
}
