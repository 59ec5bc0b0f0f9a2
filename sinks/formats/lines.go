package formats

import (
	"fmt"

	"github.com/consign-dev/consign/sinks"
)

// Lines is a batch with one result a line, for sinks that write a stream.
type Lines struct {
	// Text holds the lines, each with its newline. It is empty when no result could be encoded.
	Text []byte
	// ends holds, for each result, where its line ends in Text.
	ends []int
	// errs holds why a result has no line. It is nil when all have one.
	errs []error
}

// Lines encodes a batch. A result that is no JSON fails permanently and has no line.
func (f Format) Lines(batch []sinks.Delivery) *Lines {
	l := &Lines{ends: make([]int, len(batch))}
	for i, delivery := range batch {
		line, err := f.Encode(delivery)
		if err != nil {
			if l.errs == nil {
				l.errs = make([]error, len(batch))
			}
			l.errs[i] = sinks.Permanent(fmt.Errorf("encode result %s: %w", delivery.Result.ID, err))
		} else {
			l.Text = append(append(l.Text, line...), '\n')
		}
		l.ends[i] = len(l.Text)
	}
	return l
}

// Report is what Deliver returns once so many bytes of Text were taken, and no more because of err.
func (l *Lines) Report(taken int, err error) []error {
	if err == nil {
		return l.errs
	}
	errs := make([]error, len(l.ends))
	copy(errs, l.errs)
	for i, end := range l.ends {
		if errs[i] == nil && end > taken {
			errs[i] = err
		}
	}
	return errs
}
