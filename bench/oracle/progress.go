package main

import (
	"errors"
	"io"
	"os"
)

// tail reads a ledger as it grows.
type tail struct {
	path   string
	offset int64
}

// read returns what has been written since. A ledger that is not there is empty.
func (t *tail) read() ([]line, error) {
	file, err := os.Open(t.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(t.offset, io.SeekStart); err != nil {
		return nil, err
	}
	lines, whole, err := readLines(file)
	if err != nil {
		return nil, err
	}
	t.offset += whole
	return lines, nil
}

// progress follows the submitter's ledger, and that of a receiver.
type progress struct {
	upstream, hook tail
	submitted      int          // results of units before the last one that was submitted, about
	stored         map[int]bool // units, by their first result
	acked          map[int]bool
	delivered      map[int]bool // at the hook
}

func newProgress(p *plan) *progress {
	return &progress{
		upstream: tail{path: p.path(submitterName + ledgerSuffix)}, hook: tail{path: p.path(hookName + ledgerSuffix)},
		stored: map[int]bool{}, acked: map[int]bool{}, delivered: map[int]bool{},
	}
}

// read takes in what has been written since.
func (p *progress) read() error {
	lines, err := p.upstream.read()
	if err != nil {
		return err
	}
	for _, l := range lines {
		switch l.What { //nolint:exhaustive // the others tell nothing
		case submitted:
			p.submitted = max(p.submitted, l.N+1)
			p.stored[l.N] = true
		case acked:
			p.acked[l.N] = true
		}
	}
	lines, err = p.hook.read()
	for _, l := range lines {
		if l.What == taking {
			p.delivered[l.N] = true
		}
	}
	return err
}

// sum grows with whatever happens.
func (p *progress) sum() int { return p.submitted + len(p.stored) + len(p.acked) + len(p.delivered) }

// over tells whether every unit is stored, and every ack that the submitter gets has come.
func (p *progress) over(plan *plan, units []unit) bool {
	for _, u := range units {
		if !p.stored[u.first] {
			return false
		}
		for n := u.first; n < u.first+u.count && !u.quiet && plan.way() != byJetStream; n++ {
			if !p.acked[n] {
				return false
			}
		}
	}
	return true
}
