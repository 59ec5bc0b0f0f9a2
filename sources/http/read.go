package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

// maxResults is how many results one request may bring. Small ones take far more memory than the body.
const maxResults = 10_000

// received is a result of a request, checked.
type received struct {
	consign.Result

	line    int
	idGiven bool // it brought none
	first   int  // the result of this request that is the same; its own index if there is none before it
}

// read takes all results of a request, or none: whoever sends a request again after a mistake in it was mended
// need not know which of its results had been taken.
func (s *Server) read(w http.ResponseWriter, r *http.Request, a asked, memory *share) ([]received, *problem) {
	f, p := formOf(r)
	if p != nil {
		return nil, p
	}
	encoding, p := encoding(r)
	if p != nil {
		return nil, p
	}
	before := memory.taken
	arrived, p := s.arrival(w, r, memory)
	if p != nil {
		return nil, p
	}
	size := memory.taken - before
	if err := s.reading.Acquire(r.Context(), 1); err != nil {
		return nil, unreadable(err)
	}
	defer s.reading.Release(1)
	all := collection{memory: memory}
	if p := all.read(arrived, encoding, s.options.Config.MaxBody, f, r.Header, a.envelope); p != nil {
		return nil, p
	}
	memory.keep(memory.taken - size) // the body is no longer needed
	return all.results, nil
}

// collection is what was read of a request so far.
type collection struct {
	results []received
	memory  *share
	known   map[[2]string]int // index by source and id
}

func (c *collection) read(arrived net.Buffers, encoding string, most int, f form, header http.Header, envelope intake.Envelope) (p *problem) {
	in, err := decompress(arrived, encoding, most)
	if err != nil {
		return unreadable(err)
	}
	defer in.over()
	if f == binary {
		p = readBinary(in, header, envelope, c.take)
	} else {
		envelope.EventsOnly = (f == event || f == events) && !envelope.Bare
		p = readValues(in, envelope, c.take)
	}
	switch {
	case p != nil:
	case !in.solid:
		p = &problem{slug: "invalid-result", Status: http.StatusUnprocessableEntity, Detail: "the body is empty"}
	case f == event && len(c.results) != 1:
		p = &problem{slug: "invalid-result", Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("%d values where one CloudEvent belongs: several are application/cloudevents-batch+json", len(c.results))}
	}
	return p
}

// take takes a result that begins on a line, or says what is wrong with it.
func (c *collection) take(line int, result consign.Result, err error) *problem {
	index := len(c.results)
	given := result.ID == ""
	if err == nil {
		result, err = result.Prepare()
	}
	if err != nil {
		return wrong(err).at(line, index)
	}
	if index == maxResults {
		return (&problem{slug: "too-large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("a request brings at most %d results: send it in parts", maxResults)}).at(line, index)
	}
	if !c.memory.take(int64(len(result.Data) + len(result.Subject) + resultCost)) {
		return noMemory()
	}
	if c.known == nil {
		c.known = map[[2]string]int{}
	}
	key := [2]string{result.Source, result.ID}
	first, again := c.known[key]
	if !again {
		first = index
		c.known[key] = index
	} else if before := c.results[first]; !bytes.Equal(before.Data, result.Data) {
		return (&problem{
			slug: "conflict", Status: http.StatusConflict,
			Detail: fmt.Sprintf("result %s/%s stands in this request before, on line %d, with other data: give one of them another id; nothing was submitted", result.Source, result.ID, before.line),
		}).at(line, index)
	} else {
		result.Data = nil
	}
	c.results = append(c.results, received{result, line, given, first})
	return nil
}

// take is [collection.take].
type take func(line int, result consign.Result, err error) *problem

func readValues(in *body, envelope intake.Envelope, take take) *problem {
	reader := intake.NewReader(in)
	for {
		value, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || value.Err != nil && in.failed() {
			return unreadable(in.err) // what looks like a mistake in the value is where the body was cut off
		}
		var result consign.Result
		if err = value.Err; err == nil {
			result, err = envelope.Read(value.Raw)
		}
		if p := take(value.Line, result, err); p != nil {
			return p
		}
	}
}

// maxBinary bounds the data of a CloudEvent in binary mode in memory, as package intake does that of other values.
const maxBinary = 3 * consign.MaxConsignmentBytes

// readBinary reads a CloudEvent in binary mode: its data are the body, whatever JSON that is.
func readBinary(in *body, header http.Header, envelope intake.Envelope, take take) *problem {
	data, err := io.ReadAll(io.LimitReader(in, maxBinary+1))
	if err != nil {
		return unreadable(err)
	}
	if !in.solid {
		return nil
	}
	var r consign.Result
	if len(data) > maxBinary {
		return take(1, r, fmt.Errorf("%w: over %d bytes, at most %d (1 MiB) can be delivered: store the bulk elsewhere and submit a reference to it", consign.ErrTooLarge, maxBinary, consign.MaxConsignmentBytes))
	}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if !json.Valid(data) {
		return take(1, r, fmt.Errorf("%w: the data of this CloudEvent, which is the body, is not JSON", consign.ErrInvalid))
	}
	r.Data = bytes.TrimSpace(data)
	var stamp string
	for name, to := range map[string]*string{"Ce-Source": &r.Source, "Ce-Id": &r.ID, "Ce-Type": &r.Type, "Ce-Subject": &r.Subject, "Ce-Time": &stamp, "Ce-Traceparent": &r.Traceparent, "Ce-Tracestate": &r.Tracestate} {
		if n := len(header.Values(name)); n > 1 {
			return take(1, r, fmt.Errorf("%w: header %s stands there %d times", consign.ErrInvalid, name, n))
		}
		if *to, err = url.PathUnescape(header.Get(name)); err != nil {
			return take(1, r, fmt.Errorf("%w: header %s: %w", consign.ErrInvalid, name, err))
		}
	}
	if stamp != "" {
		if r.Time, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
			return take(1, r, fmt.Errorf("%w: header Ce-Time %q is not RFC 3339, such as \"2026-01-31T12:00:00Z\"", consign.ErrInvalid, stamp))
		}
	}
	r, err = envelope.Fill(r)
	return take(1, r, err)
}

// wrong is the problem of a result that can never be submitted as it is.
func wrong(err error) *problem {
	if errors.Is(err, consign.ErrTooLarge) {
		return &problem{slug: "too-large", Status: http.StatusRequestEntityTooLarge, Detail: err.Error()}
	}
	return &problem{slug: "invalid-result", Status: http.StatusUnprocessableEntity, Detail: err.Error()}
}
