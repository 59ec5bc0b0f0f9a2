package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	if o.wants("floor") || o.wants("single") || o.wants("alone") {
		if err := b.deliveries(ctx, &report); err != nil {
			return report, err
		}
	}
	if o.wants("plain") {
		if report.Plain, err = b.plain(ctx); err != nil {
			return report, fmt.Errorf("plain: %w", err)
		}
	}
	if report.Single != nil && report.Plain != nil {
		report.SingleVsPlain = report.Single.ResultsPerSecond / report.Plain.ResultsPerSecond
	}
	if o.wants("isolation") {
		if report.Isolation, err = b.isolation(ctx); err != nil {
			return report, fmt.Errorf("isolation: %w", err)
		}
	}
	if o.wants("resident") {
		if report.Resident, err = b.resident(ctx); err != nil {
			return report, fmt.Errorf("resident: %w", err)
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
