package main

import (
	"errors"
	"io"
	"os"
)

// progress follows the submitter's ledger.
type progress struct {
	path      string
	offset    int64
	submitted int // results of units before the last one that was submitted, about
	acked     map[int]bool
}

// read takes in what has been written since.
func (p *progress) read() error {
	file, err := os.Open(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(p.offset, io.SeekStart); err != nil {
		return err
	}
	lines, whole, err := readLines(file)
	if err != nil {
		return err
	}
	p.offset += whole
	for _, l := range lines {
		switch l.What { //nolint:exhaustive // the others tell nothing
		case submitted:
			p.submitted = max(p.submitted, l.N+1)
		case acked:
			p.acked[l.N] = true
		}
	}
	return nil
}
