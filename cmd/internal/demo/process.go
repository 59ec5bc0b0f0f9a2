package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// receiverProcess is the demo's side of its receiver.
type receiverProcess struct {
	addresses
	command *exec.Cmd
	stdin   io.Closer
	exited  chan struct{}
	http    *http.Client
}

// startReceiver starts `consign demo receiver` from this program's own file and waits until it listens.
func startReceiver(ctx context.Context, o receiverOptions) (*receiverProcess, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the receiver: find this program's file: %w", err)
	}
	command := exec.Command(program, "demo", "receiver", "--file", o.file, "--vanish", o.forget, "--counterparts", o.counterparts) //nolint:noctx // it ends with its stdin, after the context
	command.Env = append(os.Environ(), secretVariable+"="+o.secret)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	// A read of a pipe heeds no context.
	giveUp := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	r := &receiverProcess{
		command: command, stdin: stdin, exited: make(chan struct{}), http: &http.Client{Timeout: 5 * time.Second},
	}
	err = json.NewDecoder(stdout).Decode(&r.addresses)
	giveUp()

	go func() {
		defer close(r.exited)
		_ = command.Wait()
	}()
	if err != nil {
		r.stop()
		return nil, fmt.Errorf("start the receiver: it ended before it listened: %s", strings.TrimSpace(complaints.String()))
	}
	return r, nil
}

// held asks the receiver what it holds.
func (r *receiverProcess) held(ctx context.Context) (held, error) {
	var h held
	answer, err := r.ask(ctx, http.MethodGet, heldPath)
	if err == nil {
		err = json.Unmarshal(answer, &h)
	}
	if err != nil {
		return h, fmt.Errorf("ask the receiver what it holds: %w", err)
	}
	return h, nil
}

// heal has the receiver take everything from now on.
func (r *receiverProcess) heal(ctx context.Context) error {
	if _, err := r.ask(ctx, http.MethodPost, healPath); err != nil {
		return fmt.Errorf("heal the receiver: %w", err)
	}
	return nil
}

func (r *receiverProcess) ask(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, r.URL+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := r.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer))
	}
	return answer, err
}

// stop ends the process, by force if it does not end by itself.
func (r *receiverProcess) stop() {
	r.http.CloseIdleConnections()
	r.stdin.Close()
	select {
	case <-r.exited:
	case <-time.After(3 * time.Second):
		_ = r.command.Process.Kill()
		<-r.exited
	}
}
