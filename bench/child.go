package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// child is another process that this program runs itself as, and that says where it listens.
type child struct {
	url     string
	pipe    *os.File // the process reads its other end
	command *exec.Cmd
}

// startChild starts one with these arguments; what names it in errors.
func startChild(ctx context.Context, what string, arguments ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", what, err)
	}
	// It ends when its input does, not when ctx does: who talks to it closes first.
	command := exec.CommandContext(context.WithoutCancel(ctx), self, arguments...)
	command.Stderr = os.Stderr
	reads, writes, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", what, err)
	}
	defer reads.Close()
	command.Stdin = reads
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", what, err), writes.Close())
	}
	c := &child{pipe: writes, command: command}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not say where it listens: %w", what, err), c.stop())
	}
	c.url = strings.TrimSpace(url)
	return c, nil
}

func (c *child) stop() error { return errors.Join(c.pipe.Close(), c.command.Wait()) }
