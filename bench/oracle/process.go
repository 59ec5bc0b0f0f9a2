package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// process is one of the run's, as its parent sees it.
type process struct {
	name  string
	args  []string
	log   string
	cmd   *exec.Cmd
	stdin io.Closer
	ready chan struct{} // closed when it works
	ended chan struct{}
	// output gets what it prints beside its word that it works, by whole lines.
	output func(pid int, lines [][]byte) error
}

// readyLimit is how long a process may take to come up, on a loaded machine and after a kill.
const readyLimit = 2 * time.Minute

// start runs it, and returns once it works.
func (p *process) start(ctx context.Context) error {
	if err := p.launch(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	select {
	case <-p.ready:
		return nil
	case <-p.ended:
		return fmt.Errorf("%s ended at once, see %s", p.name, p.log)
	case <-time.After(readyLimit):
		return fmt.Errorf("%s does not come up in %s, see %s", p.name, readyLimit, p.log)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) launch() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(self, p.args...) //nolint:noctx // this program; it is ended by signals
	p.cmd.Stderr = log
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.stdin, p.ready, p.ended = stdin, make(chan struct{}), make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func(ready, ended chan struct{}, cmd *exec.Cmd) {
		defer close(ended)
		err := eachLines(stdout, func(lines [][]byte) error {
			lines = slices.DeleteFunc(lines, func(text []byte) bool {
				if string(text) != readyWord {
					return false
				}
				close(ready)
				return true
			})
			if p.output == nil || len(lines) == 0 {
				return nil
			}
			return p.output(cmd.Process.Pid, lines)
		})
		if err != nil {
			fmt.Fprintf(os.Stderr, "oracle: what %s prints: %v\n", p.name, err)
		}
		_ = cmd.Wait() // how it ended is read from its state
	}(p.ready, p.ended, p.cmd)
	return nil
}

// kill ends it with SIGKILL.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}

// hold stops it as it is, for a time.
func (p *process) hold(ctx context.Context, d time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	return errors.Join(pause(ctx, d), p.cmd.Process.Signal(syscall.SIGCONT))
}

// stop asks it to end. An error if it had ended before, or does not end well.
func (p *process) stop() error {
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
	case <-time.After(40 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not stop, see %s", p.name, p.log)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with exit code %d, see %s", p.name, code, p.log)
	}
	return nil
}
