package stdout

import (
	"bytes"
	"fmt"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// lines is a batch, one result a line.
type lines struct {
	text bytes.Buffer
	// ends holds, for each result, where its line ends in text.
	ends []int
}

// encode returns the batch, one result a line. A result that is no JSON gets an error at its index and no line.
func encode(format formats.Format, batch []sinks.Delivery) (*lines, []error) {
	l := &lines{ends: make([]int, len(batch))}
	var errs []error
	for i, delivery := range batch {
		line, err := format.Encode(delivery)
		if err != nil {
			if errs == nil {
				errs = make([]error, len(batch))
			}
			errs[i] = sinks.Permanent(fmt.Errorf("encode result %s: %w", delivery.Result.ID, err))
		} else {
			l.text.Write(line)
			l.text.WriteByte('\n')
		}
		l.ends[i] = l.text.Len()
	}
	return l, errs
}

// report adds to errs the failure of each result whose line was not taken whole.
func (l *lines) report(batch []sinks.Delivery, errs []error, written outcome) []error {
	if written.err == nil {
		return errs
	}
	if errs == nil {
		errs = make([]error, len(batch))
	}
	for i, end := range l.ends {
		if errs[i] == nil && end > written.taken {
			errs[i] = written.err
		}
	}
	return errs
}
