package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// receiver is the other process as seen from here.
type receiver struct {
	url     string
	pipe    *os.File // the process reads its other end
	command *exec.Cmd
}

// startReceiver runs this program once more, as a receiver.
func startReceiver(ctx context.Context) (*receiver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the receiver: %w", err)
	}
	// It ends when its input does, not when ctx does: the sinks close first.
	command := exec.CommandContext(context.WithoutCancel(ctx), self, receiverFlag)
	command.Stderr = os.Stderr
	reads, writes, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the receiver: %w", err)
	}
	defer reads.Close()
	command.Stdin = reads
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the receiver: %w", err), writes.Close())
	}
	r := &receiver{pipe: writes, command: command}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the receiver did not say where it listens: %w", err), r.stop())
	}
	r.url = strings.TrimSpace(url)
	return r, nil
}

func (r *receiver) stop() error { return errors.Join(r.pipe.Close(), r.command.Wait()) }

func (r *receiver) counts(ctx context.Context) (counts, error) {
	var taken counts
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/counts", http.NoBody)
	if err != nil {
		return taken, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return taken, fmt.Errorf("asking the receiver: %w", err)
	}
	defer response.Body.Close()
	err = json.NewDecoder(response.Body).Decode(&taken)
	return taken, err
}

// receiverPatience is how long what the sinks have taken may be on its way: a pipe holds what was written to it.
const receiverPatience = 10 * time.Second

// await returns once the receiver has taken this much more than before; an error when it has not within limit.
func (r *receiver) await(ctx context.Context, before, more counts, limit time.Duration) error {
	const pause = 20 * time.Millisecond
	for deadline := time.Now().Add(limit); ; {
		taken, err := r.counts(ctx)
		if err != nil {
			return err
		}
		posts, lines := taken.Posts-before.Posts, taken.Lines-before.Lines
		if posts >= more.Posts && lines >= more.Lines {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("of %d results the webhook's receiver holds %d, and of %d the pipe's reader %d", more.Posts, posts, more.Lines, lines)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
