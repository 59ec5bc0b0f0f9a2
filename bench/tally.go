package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
)

// tally checks that what was submitted came to stand at each of the destinations.
type tally struct {
	bench     *bench
	archive   string
	submitted atomic.Int64
}

// check calls deliver and counts what has arrived since. At-least-once: more is fine, less is not.
func (t *tally) check(ctx context.Context, deliver func() error) error {
	before, err := t.bench.receiver.counts(ctx)
	if err != nil {
		return err
	}
	stood, err := linesOf(t.archive)
	if err != nil {
		return err
	}
	if err := deliver(); err != nil {
		return err
	}
	submitted := t.submitted.Load()
	archived, err := linesOf(t.archive)
	if err != nil {
		return err
	}
	if archived-stood < submitted {
		return fmt.Errorf("of %d results the file holds %d", submitted, archived-stood)
	}
	return t.bench.receiver.await(ctx, before, counts{Posts: submitted, Lines: submitted}, receiverPatience)
}

// linesOf counts the lines of a file; a file that is not there has none.
func linesOf(path string) (int64, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var lines int64
	for reader := bufio.NewReader(file); ; {
		_, err := reader.ReadSlice('\n')
		switch {
		case err == nil:
			lines++
		case errors.Is(err, io.EOF):
			return lines, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return lines, err
		}
	}
}
