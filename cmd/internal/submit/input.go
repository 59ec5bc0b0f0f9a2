package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consign-dev/consign/intake"
)

// stdin is the name under which standard input is given and taken.
const stdin = "-"

// place is where a value begins.
type place struct {
	file string
	line int
	// order of the value in the whole input, from 0.
	order int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// input is the values of all files, one after the other.
type input struct {
	files []string
	stdin io.Reader
	// onRead is told how many bytes were read.
	onRead func(int)
}

// item is a value and its place. With a place of line 0, err is about the file.
type item struct {
	place
	intake.Value
}

// check finds files that cannot be read before anything is submitted, and says how many bytes there
// are to read; -1 when that is not known.
func (in input) check() (int64, error) {
	var total int64
	seen := false
	for _, file := range in.files {
		if file == stdin {
			if seen {
				return 0, errors.New("- (standard input) is given twice")
			}
			seen = true
			continue
		}
		info, err := os.Stat(file)
		if err != nil {
			return 0, fmt.Errorf("reading results: %w", err)
		}
		if info.IsDir() {
			return 0, fmt.Errorf("reading results: %s is a directory: name its files, such as %s", file, filepath.Join(file, "*.ndjson"))
		}
		total += info.Size()
		if !info.Mode().IsRegular() {
			seen = true
		}
	}
	if seen {
		return -1, nil
	}
	return total, nil
}

// read sends every value to items, in order, and closes it. It returns when ctx is over, or when the
// read under way then returns: a read of standard input cannot be interrupted.
func (in input) read(ctx context.Context, items chan<- item) {
	defer close(items)
	order := 0
	send := func(it item) bool {
		it.order = order
		order++
		select {
		case items <- it:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for _, name := range in.files {
		if !in.readFile(name, send) {
			return
		}
	}
}

// readFile is false when nobody takes the values any more.
func (in input) readFile(name string, send func(item) bool) bool {
	from, called := in.stdin, "stdin"
	if name != stdin {
		file, err := os.Open(name)
		if err != nil {
			return send(item{place{file: name}, intake.Value{Err: err}})
		}
		defer file.Close()
		from, called = file, name
	}
	reader := intake.NewReader(counted{from, in.onRead})
	for {
		value, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			return send(item{place{file: called}, intake.Value{Err: fmt.Errorf("reading results: %w", err)}})
		case !send(item{place{file: called, line: value.Line}, value}):
			return false
		}
	}
}

// counted tells how many bytes are read.
type counted struct {
	io.Reader
	tell func(int)
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.tell(n)
	return n, err
}
