package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	options
	dir      string
	receiver *receiver
	began    time.Time
}

// measure measures what the options ask for.
func measure(ctx context.Context, o options) (report Report, err error) {
	dir, err := workspace(o.dataDir)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	receiver, err := startReceiver(ctx)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, receiver.stop()) }()

	b := &bench{options: o, dir: dir, receiver: receiver, began: time.Now()}
	report.Machine = machine()
	report.Load = Load{InFlight: o.inFlight, PayloadBytes: payloadBytes, ResultsPerRound: o.results, Rounds: o.rounds}
	for _, step := range b.steps() {
		if !b.wantsStep(step) {
			continue
		}
		if err := step.measure(ctx, &report); err != nil {
			return report, fmt.Errorf("%s: %w", strings.Join(step.figures, ", "), err)
		}
	}
	return report, nil
}

// sayf reports progress.
func (b *bench) sayf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// workspace makes a directory on a real disk.
func workspace(parent string) (string, error) {
	if parent != "" {
		if err := os.MkdirAll(parent, 0o700); err != nil {
			return "", fmt.Errorf("-data-dir: %w", err)
		}
		if inMemory(parent) {
			return "", fmt.Errorf("-data-dir %s is kept in memory (tmpfs), where nothing waits for a disk: name a directory on one", parent)
		}
		return os.MkdirTemp(parent, "consign-bench-")
	}
	candidates := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil {
		candidates = append(candidates, cache)
	}
	for _, candidate := range append(candidates, ".") {
		if inMemory(candidate) {
			continue
		}
		if dir, err := os.MkdirTemp(candidate, "consign-bench-"); err == nil {
			return filepath.Abs(dir)
		}
	}
	return "", errors.New("no directory on a real disk found: name one with -data-dir")
}
