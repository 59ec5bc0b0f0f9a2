package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

const (
	// maxResults is how many results one request may bring. Small ones would take far more memory than the body.
	maxResults = 10_000
	// resultCost is what a result takes in memory beside its data, in bytes, more or less.
	resultCost = 512
)

// received is a result of a request, checked.
type received struct {
	consign.Result

	line    int
	idGiven bool // it brought none
}

// read takes all results of a request, or none: whoever sends a request again after a mistake in it was mended
// need not know which of its results had been taken. release is called when they are no longer held.
func (s *Server) read(w http.ResponseWriter, r *http.Request, a asked) (all []received, release func(), p *problem) {
	f, p := formOf(r)
	if p != nil {
		return nil, nil, p
	}
	in, p := s.body(w, r)
	if p != nil {
		return nil, nil, p
	}
	defer in.over()
	held := int64(0)
	release = func() { s.held.Release(held) }
	take := func(line int, result consign.Result, err error) *problem {
		given := result.ID == ""
		if err == nil {
			result, err = intake.Complete(result)
		}
		if err != nil {
			return wrong(err).at(line, len(all))
		}
		if len(all) == maxResults {
			return (&problem{slug: "too-large", Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("a request brings at most %d results: send it in parts", maxResults)}).at(line, len(all))
		}
		size := int64(len(result.Data) + resultCost)
		if !s.held.TryAcquire(size) {
			return &problem{slug: "full", Status: http.StatusTooManyRequests, retryAfter: retryFull, Detail: "requests under way fill the memory that is set aside for them: nothing was submitted"}
		}
		held += size
		all = append(all, received{result, line, given})
		return nil
	}
	if f == binary {
		p = readBinary(in, r.Header, a.envelope, take)
	} else {
		a.envelope.EventsOnly = (f == event || f == events) && !a.envelope.Bare
		p = readValues(in, a.envelope, take)
	}
	switch {
	case p != nil:
	case in.read == 0:
		p = &problem{slug: "invalid-result", Status: http.StatusUnprocessableEntity, Detail: "the body is empty"}
	case f == event && len(all) != 1:
		p = &problem{slug: "invalid-result", Status: http.StatusUnprocessableEntity, Detail: fmt.Sprintf("%d values where one CloudEvent belongs: several are application/cloudevents-batch+json", len(all))}
	}
	if p != nil {
		release()
		return nil, nil, p
	}
	return all, release, nil
}

// take takes a result that begins on a line, or says what is wrong with it.
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

// readBinary reads a CloudEvent in binary mode: its data are the body, whatever JSON that is.
func readBinary(in *body, header http.Header, envelope intake.Envelope, take take) *problem {
	data, err := io.ReadAll(in)
	if err != nil {
		return unreadable(err)
	}
	if len(data) == 0 {
		return nil
	}
	var r consign.Result
	if !json.Valid(data) {
		return take(1, r, fmt.Errorf("%w: the data of this CloudEvent, which is the body, is not JSON", consign.ErrInvalid))
	}
	r.Data = bytes.TrimSpace(data)
	var stamp string
	for name, to := range map[string]*string{"Ce-Source": &r.Source, "Ce-Id": &r.ID, "Ce-Type": &r.Type, "Ce-Subject": &r.Subject, "Ce-Time": &stamp} {
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
