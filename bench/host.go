package main

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sources/http"
	"github.com/consign-dev/consign/worker"
)

// Host is another process that this program runs itself as: server, worker, source of results, or several
// of them. The run calls its exported methods through standard input and output, by net/rpc.
type Host struct {
	ctx       context.Context // over when its input is
	pipe      io.Writer       // of its stdout sink
	client    *consign.Client
	subject   subject // of the floor
	noops     bool    // worked on here
	committed atomic.Int64
	attempts  attempts                      // of its worker
	workflows sync.Map                      // the ids of those that carry results of Flood
	closers   []func(context.Context) error // the last one first
}

// Plan says what a host is to be.
type Plan struct {
	// Dir has a server run on Dir/server, with its Web UI if UI is set. Without it the server is at Address.
	Dir     string
	UI      bool
	Address string
	// Config is that of a worker, as YAML; with http.listen results are taken over HTTP. None: no worker.
	Config string
}

// Opened tells where a host is.
type Opened struct {
	// Address of the server.
	Address string
	// HTTP is the URL where results are taken.
	HTTP string
}

// pipeFD is the descriptor of the pipe to the receiver, the first of exec.Cmd.ExtraFiles.
const pipeFD = 3

// host is the other process, until in ends.
func host(ctx context.Context, in io.Reader, out io.WriteCloser) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h := &Host{ctx: ctx, pipe: os.NewFile(pipeFD, "the pipe")}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	server := rpc.NewServer()
	if err := server.Register(h); err != nil {
		return err
	}
	server.ServeCodec(jsonrpc.NewServerCodec(wire{in, out, cancel}))
	return nil
}

// wire makes one connection of two streams. The end of what it reads ends whatever is under way.
type wire struct {
	io.Reader
	io.WriteCloser

	over func()
}

// Read implements io.Reader.
func (w wire) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err != nil {
		w.over()
	}
	return n, err
}

// Open brings up what the plan says.
func (h *Host) Open(plan Plan, opened *Opened) error {
	opened.Address = plan.Address
	if plan.Dir != "" {
		server, err := embedded.Start(h.ctx, embedded.Options{
			DataDir: filepath.Join(plan.Dir, "server"), Port: embedded.AnyPort, UIPort: embedded.AnyPort, Headless: !plan.UI,
		})
		if err != nil {
			return err
		}
		h.atClose(func(ctx context.Context) error { return stopServer(ctx, server) })
		opened.Address = server.Address()
	}
	temporal, err := dial(h.ctx, opened.Address)
	if err != nil {
		return err
	}
	h.atClose(func(context.Context) error { temporal.Close(); return nil })
	h.client, h.subject = consign.NewClient(temporal), subject{temporal: temporal}
	if plan.Config == "" {
		return nil
	}
	return h.work(temporal, plan.Config, opened)
}

// work starts a worker, and takes results over HTTP if the configuration says so.
func (h *Host) work(temporal client.Client, yaml string, opened *Opened) error {
	worker.TuneGC() // as consign up and consign worker do
	settings, err := configured(yaml, h.pipe)
	if err != nil {
		return err
	}
	for _, sink := range settings.Sinks {
		replace(settings, sink.Name, h.attempts.count)
	}
	working, err := startWorker(h.ctx, temporal, settings)
	if err != nil {
		return err
	}
	h.atClose(func(ctx context.Context) error { return stopWorker(ctx, working) })
	if settings.HTTP.Listen == "" {
		return nil
	}
	submitter, err := h.client.NewSubmitter(consign.SubmitterOptions{BatchMax: settings.HTTP.BatchMax})
	if err != nil {
		return err
	}
	h.atClose(submitter.Close)
	source, err := http.Listen(h.ctx, http.Options{Config: settings.HTTP, Registry: working.Registry(), Log: zap.NewNop()})
	if err != nil {
		return err
	}
	h.atClose(source.Stop)
	source.Open(submitter, func(context.Context) (string, error) { return "", nil })
	opened.HTTP = source.URL()
	return nil
}

func (h *Host) atClose(do func(context.Context) error) { h.closers = append(h.closers, do) }

func (h *Host) close(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	for _, do := range slices.Backward(h.closers) {
		err = errors.Join(err, do(ctx))
	}
	return err
}
