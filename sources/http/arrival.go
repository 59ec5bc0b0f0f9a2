package http

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

const (
	// minPiece and maxPiece are the sizes in which memory is taken for a body as it arrives, in bytes: whoever
	// says that much will come, and sends nothing, takes little.
	minPiece, maxPiece = 4 << 10, 1 << 20
)

// arrival is a body as it came, compressed or not, all of it.
func (s *Server) arrival(w http.ResponseWriter, r *http.Request, memory *share) (net.Buffers, *problem) {
	most := int64(s.options.Config.MaxBody)
	if r.ContentLength > most {
		return nil, unreadable(&http.MaxBytesError{Limit: most})
	}
	in := http.MaxBytesReader(w, r.Body, most)
	var all net.Buffers
	for size := minPiece; ; size = min(2*size, maxPiece) {
		if !memory.take(int64(size)) {
			return nil, noMemory()
		}
		piece := make([]byte, size)
		n, err := fill(in, piece)
		if n > 0 {
			all = append(all, piece[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, unreadable(err)
		}
	}
}

// fill reads until a piece is full. Unlike io.ReadFull it tells a body that has ended from one that broke off.
func fill(in io.Reader, piece []byte) (n int, err error) {
	for n < len(piece) && err == nil {
		var more int
		more, err = in.Read(piece[n:])
		n += more
	}
	return n, err
}

// unreadable says why a body could not be read to its end.
func unreadable(err error) *problem {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &problem{
			slug: "too-large", Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("the body, compressed or decompressed, is over the limit of %d bytes (http.max_body): send it in parts", large.Limit),
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &problem{
			slug: "timeout", Status: http.StatusRequestTimeout, header: http.Header{"Connection": {"close"}},
			Detail: "the body did not arrive in time (http.read_timeout): nothing was submitted",
		}
	}
	return &problem{slug: "bad-request", Status: http.StatusBadRequest, Detail: "the body cannot be read to its end, nothing was submitted: " + err.Error()}
}
