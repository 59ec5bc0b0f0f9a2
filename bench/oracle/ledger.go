package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// line is what a process writes down when something has happened.
type line struct {
	// At is the wall clock in nanoseconds since 1970. All processes share one machine's.
	At   int64 `json:"at"`
	What what  `json:"what"`
	// N is the number of the result, or of the first of a unit.
	N int `json:"n"`
	// Delivery is the delivery id under which a receiver took it, Answer what it said then.
	Delivery string `json:"delivery,omitempty"`
	Answer   fault  `json:"answer,omitempty"`
	// By is the process id of the worker that delivered it.
	By int `json:"by,omitempty"`
	// Mangled says that the data was not what had been submitted.
	Mangled bool `json:"mangled,omitempty"`
	// Parked are the sinks for which an ack says that the result was parked.
	Parked []string `json:"parked,omitempty"`
	// From is when a connection that broke began to hang. It is At for one that did not.
	From int64 `json:"from,omitempty"`
	// Text is the beginning of a line that is no result.
	Text string `json:"text,omitempty"`
	// Unsaid says that an ack does not tell what became of the result.
	Unsaid bool `json:"unsaid,omitempty"`
	// Times that a message had been delivered when it was acked.
	Times int `json:"times,omitempty"`
	// Archive is the size of the file sink's file when an ack came, in bytes.
	Archive int64 `json:"archive,omitempty"`
}

// what happened.
type what string

const (
	meant     what = "meant"     // the submitter is about to submit a unit
	submitted what = "submitted" // Temporal has said that it holds the unit
	acked     what = "acked"     // the ack of a result came, or one of a message whose number N is
	told      what = "told"      // a process that may be killed was told that a result is committed
	floor     what = "floor"     // all messages up to number N are acked
	taking    what = "taken"     // a receiver has taken a result
	tornLine  what = "torn"      // a receiver has got a line that is no result
	cut       what = "cut"       // a connection to a counterpart broke
	unheard   what = "unheard"   // the client had gone, or may have, when the answer was due
)

// ledger is a file of lines. Several goroutines may write at once; they share an fsync.
type ledger struct {
	file  *os.File
	lines chan entry
	ended sync.WaitGroup
}

type entry struct {
	text []byte
	done chan error
}

// openLedger goes on with a ledger after its process was killed. A torn last line is cut off: nobody
// has heard of what it says.
func openLedger(path string) (*ledger, []line, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	before, whole, err := readLines(file)
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	l := &ledger{file: file, lines: make(chan entry, 1024)}
	l.ended.Go(l.run)
	return l, before, nil
}

// write returns when the lines are on the disk. Those without a time get the present one.
func (l *ledger) write(lines ...line) error {
	var all []byte
	for _, what := range lines {
		if what.At == 0 {
			what.At = time.Now().UnixNano()
		}
		text, err := json.Marshal(what)
		if err != nil {
			return err
		}
		all = append(append(all, text...), '\n')
	}
	e := entry{all, make(chan error, 1)}
	l.lines <- e
	return <-e.done
}

func (l *ledger) run() {
	for first := range l.lines {
		all := []entry{first}
		for more := true; more; {
			select {
			case e, ok := <-l.lines:
				if more = ok; ok {
					all = append(all, e)
				}
			default:
				more = false
			}
		}
		var text []byte
		for _, e := range all {
			text = append(text, e.text...)
		}
		_, err := l.file.Write(text)
		if err == nil {
			err = l.file.Sync()
		}
		for _, e := range all {
			e.done <- err
		}
	}
}

func (l *ledger) close() error {
	close(l.lines)
	l.ended.Wait()
	return l.file.Close()
}

// readLedger reads a ledger whose process is gone or still writes. One that is not there is empty.
func readLedger(path string) ([]line, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines, _, err := readLines(file)
	return lines, err
}

// readLines reads whole lines, and says where they end.
func readLines(r io.Reader) (lines []line, whole int64, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, 0, err
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	for raw := range bytes.Lines(text[:end]) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			return nil, 0, fmt.Errorf("the line %q: %w", raw, err)
		}
		lines = append(lines, l)
	}
	return lines, int64(end), nil
}
