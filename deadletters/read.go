package deadletters

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/consign-dev/consign"
)

const (
	// maxLine is the longest line that is read, in bytes. The data stands in it twice, once as a
	// text in which each quote takes two bytes.
	maxLine = 8 << 20
	// maxRecord is the most that a record may take, in bytes: Temporal takes payloads of 2 MiB.
	maxRecord = 2<<20 - 4<<10
	// maxKeyword is the longest id, and the longest search attribute, that every Temporal store takes.
	maxKeyword = 255
)

// imported is one line of an import.
type imported struct {
	number int
	record consign.Record
	err    error // why it is no dead letter
}

// read goes through the lines of an export that are not blank. An error is one of reading, and ends
// it.
func read(from io.Reader) iter.Seq2[imported, error] {
	return func(yield func(imported, error) bool) {
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, maxLine)
		number := 0
		for lines.Scan() {
			number++
			text := bytes.TrimSpace(lines.Bytes())
			if len(text) == 0 {
				continue
			}
			line := imported{number: number}
			if line.err = json.Unmarshal(text, &line.record); line.err != nil {
				line.err = fmt.Errorf("not the JSON of a dead letter: %w", line.err)
			} else {
				line.err = check(line.record)
			}
			if !yield(line, nil) {
				return
			}
		}
		err := lines.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			// Where the next line begins is not known.
			yield(imported{number: number + 1, err: fmt.Errorf("longer than %d bytes, which no dead letter is; nothing after it was looked at", maxLine)}, nil)
		} else if err != nil {
			yield(imported{}, fmt.Errorf("reading line %d of the import: %w", number+1, err))
		}
	}
}

// check refuses what no export of this or another release would hold.
func check(record consign.Record) error {
	switch {
	case record.ID == "":
		return errors.New("id is missing: lines come from \"consign dead-letters export\"")
	case checkID(record.ID) != nil:
		return fmt.Errorf("id %.60q is not that of a dead letter: those begin with %q", record.ID, idPrefix)
	case len(record.ID) > maxKeyword:
		return fmt.Errorf("id is %d bytes, at most %d are stored", len(record.ID), maxKeyword)
	case record.State == consign.StateReplayed, record.State == consign.StateDiscarded:
		return fmt.Errorf("it was %s before: only open dead letters are imported", record.State)
	case record.Sink == "":
		return errors.New("sink is missing")
	case len(record.Sink) > maxKeyword, len(record.Kind) > maxKeyword, len(record.Label) > maxKeyword:
		return fmt.Errorf("sink is %d bytes, kind %d and label %d, at most %d are stored", len(record.Sink), len(record.Kind), len(record.Label), maxKeyword)
	case len(record.Results) == 0:
		return errors.New("results is empty: a dead letter holds at least one")
	}
	// The workflow refuses the same, and what it held would be lost.
	if err := consign.CheckResults(record.Results); err != nil {
		return err
	}
	encoded, err := record.Encode()
	if err != nil {
		return err
	}
	if len(encoded) > maxRecord {
		return fmt.Errorf("the record is %d bytes, at most %d can be held", len(encoded), maxRecord)
	}
	return nil
}
