package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/worker"
)

const (
	// idleTime is how long a new process is left alone before it is looked at.
	idleTime = 5 * time.Second
	// pacedRate is the moderate load, in results a second.
	pacedRate = 100
)

// resident measures the memory of server, Web UI and worker in one process, as `consign up` runs them,
// while another process submits.
func (b *bench) resident(ctx context.Context) (_ *Resident, err error) {
	dir := filepath.Join(b.dir, "resident")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	h, err := startHost(ctx, dir, b.receiver.url+"/take")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.stop()) }()
	c, err := consign.Dial(ctx, consign.Options{Address: h.address, Namespace: client.DefaultNamespace})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var id atomic.Int64
	deliver := func(ctx context.Context) error {
		handle, err := c.Submit(ctx, consign.Result{Source: "bench", ID: fmt.Sprint(id.Add(1)), Type: "detection", Data: payload(0)})
		if err != nil {
			return err
		}
		_, err = handle.Wait(ctx)
		return err
	}
	r := &Resident{PacedRate: pacedRate}
	if r.Idle, err = h.most(func() error { return pause(ctx, idleTime) }); err != nil {
		return nil, err
	}
	b.sayf("resident, idle: %.0f MB", r.Idle)
	r.Paced, err = h.most(func() error {
		return paced(ctx, pacedRate, b.options.isolation, func(ctx context.Context, _ int, _ time.Time) error { return deliver(ctx) })
	})
	if err != nil {
		return nil, err
	}
	b.sayf("resident, at %d/s: %.0f MB", pacedRate, r.Paced)
	r.Saturated, err = h.most(func() error {
		l, err := closedLoop(ctx, b.options.results*b.options.rounds, b.options.inFlight, func(ctx context.Context, _ int) error { return deliver(ctx) })
		r.SaturatedRate = l.perSecond
		return err
	})
	b.sayf("resident, at %.0f/s: %.0f MB", r.SaturatedRate, r.Saturated)
	return r, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// hosted is that process as seen from here.
type hosted struct {
	command *exec.Cmd
	input   io.Closer
	address string
}

// startHost runs this program once more, as server and worker.
func startHost(ctx context.Context, dir, webhook string) (*hosted, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(context.WithoutCancel(ctx), self, hostFlag, dir, webhook)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting server and worker: %w", err)
	}
	h := &hosted{command: command, input: input}
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("server and worker did not come up: %w", err), h.stop())
	}
	h.address = strings.TrimSpace(address)
	go func() { _, _ = io.Copy(io.Discard, lines) }() // what the stdout sink prints
	return h, nil
}

func (h *hosted) stop() error { return errors.Join(h.input.Close(), h.command.Wait()) }

// most is the most memory that the process has at any time while do runs, in MB of 10^6 bytes.
func (h *hosted) most(do func() error) (float64, error) {
	const interval = 100 * time.Millisecond
	over := make(chan error, 1)
	go func() { over <- do() }()
	most := 0.0
	for {
		now, err := residentMB(h.command.Process.Pid)
		if err != nil {
			return 0, errors.Join(err, <-over)
		}
		most = max(most, now)
		select {
		case err := <-over:
			return most, err
		case <-time.After(interval):
		}
	}
}

// residentMB reads VmRSS (proc_pid_status(5)), so it works on Linux alone.
func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory is read from /proc, as Linux has it: %w", err)
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseFloat(strings.Fields(string(value))[0], 64)
			return kib * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("process %d has ended", pid)
}

// host is the other process: server, Web UI and worker until in ends. The first line of out is the
// server's address.
func host(ctx context.Context, in io.Reader, out io.Writer, dir, webhook string) (err error) {
	server, err := embedded.Start(ctx, embedded.Options{DataDir: filepath.Join(dir, "server"), Port: embedded.AnyPort, UIPort: embedded.AnyPort})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServer(ctx, server)) }()
	source := fmt.Sprintf("sinks:\n  archive:\n    file: {path: %q}\n  alerts:\n    webhook: {url: %q}\n  console:\n    stdout: {}\n", filepath.Join(dir, "archive.ndjson"), webhook)
	settings, err := config.Parse("bench", []byte(source), all.Kinds(), func(string) (string, bool) { return "", false })
	if err != nil {
		return err
	}
	connection, err := consign.Options{Address: server.Address(), Namespace: client.DefaultNamespace}.ClientOptions()
	if err != nil {
		return err
	}
	temporal, err := client.DialContext(ctx, connection)
	if err != nil {
		return err
	}
	defer temporal.Close()
	return withWorker(ctx, temporal, settings, func(*worker.Worker) error {
		if _, err := fmt.Fprintln(out, server.Address()); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, in)
		return err
	})
}
