package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// hosted is a [Host] as seen from here.
type hosted struct {
	Opened

	dir     string
	command *exec.Cmd
	calls   *rpc.Client
}

// startHost runs this program once more as what the plan says, in a directory of that name if it has a server.
func (b *bench) startHost(ctx context.Context, plan Plan) (*hosted, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// It ends when its input does, not when ctx does: it closes in order.
	command := exec.CommandContext(context.WithoutCancel(ctx), self, hostFlag)
	command.Stderr = os.Stderr
	command.ExtraFiles = []*os.File{b.receiver.pipe}
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting another process: %w", err)
	}
	h := &hosted{dir: plan.Dir, command: command, calls: jsonrpc.NewClient(wire{out, input, func() {}})}
	if err := h.call(ctx, "Open", plan, &h.Opened); err != nil {
		return nil, errors.Join(fmt.Errorf("another process did not come up: %w", err), h.stop())
	}
	return h, nil
}

// withHost calls use while a host runs.
func (b *bench) withHost(ctx context.Context, plan Plan, use func(*hosted) error) (err error) {
	h, err := b.startHost(ctx, plan)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.stop()) }()
	return use(h)
}

// call calls a method of the host.
func (h *hosted) call(ctx context.Context, method string, args, reply any) error {
	call := h.calls.Go("Host."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *hosted) stop() error { return errors.Join(h.calls.Close(), h.command.Wait()) }

// floor adds one round of the floor, on the host's own server, to a series.
func (h *hosted) floor(ctx context.Context, b *bench, to *series) error {
	var lap Lap
	if err := h.call(ctx, "Floor", Loop{N: b.results, InFlight: b.inFlight}, &lap); err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	to.add(lap)
	return nil
}

func (h *hosted) spent(ctx context.Context) (spent Spent, err error) {
	err = h.call(ctx, "Spent", 0, &spent)
	return spent, err
}

// most is the most memory that the process has at any time while do runs, in MB of 10^6 bytes.
func (h *hosted) most(do func() error) (float64, error) {
	const interval = 100 * time.Millisecond
	over := make(chan error, 1)
	go func() { over <- do() }()
	most := 0.0
	for {
		now, err := h.residentMB()
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
func (h *hosted) residentMB() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory is read from /proc, as Linux has it: %w", err)
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kib, err := strconv.ParseFloat(strings.Fields(string(value))[0], 64)
			return kib * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("process %d has ended", h.command.Process.Pid)
}

// diskMB is the size of the server's data directory, in MB of 10^6 bytes.
func (h *hosted) diskMB() (float64, error) {
	var size int64
	err := filepath.WalkDir(filepath.Join(h.dir, "server"), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // SQLite removes files of its own
		}
		if err != nil {
			return err
		}
		size += info.Size()
		return nil
	})
	return float64(size) / 1e6, err
}
