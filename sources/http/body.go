package http

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of zstd that is taken, in bytes: 8 MiB, as RFC 9659 has it for HTTP.
const maxWindow = 8 << 20

// body is what a request carries, decompressed. It holds on to the error that ended it.
type body struct {
	in   io.Reader
	over func() // lets go of the decompressor
	left int64  // how many bytes may still come
	max  int64
	read int64
	err  error
}

// body decompresses the body of a request. Compressed or not, no more than MaxBody is read.
func (s *Server) body(w http.ResponseWriter, r *http.Request) (*body, *problem) {
	most := int64(s.options.Config.MaxBody)
	limited := http.MaxBytesReader(w, r.Body, most)
	b := &body{in: limited, over: func() {}, left: most, max: most}
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		in, err := gzip.NewReader(limited)
		if err != nil {
			return nil, unreadable(err)
		}
		b.in = in
	case "zstd":
		in, err := zstd.NewReader(limited, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, unreadable(err)
		}
		b.in, b.over = in, in.Close
	default:
		return nil, &problem{
			slug: "unsupported-media-type", Status: http.StatusUnsupportedMediaType, header: http.Header{"Accept-Encoding": {"gzip, zstd"}},
			Detail: fmt.Sprintf("Content-Encoding %q is not taken: gzip, zstd or none", encoding),
		}
	}
	return b, nil
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// One byte more than may come tells that there is more.
	n, err := b.in.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	b.read += int64(n)
	if b.left < 0 {
		n, err = n-1, &http.MaxBytesError{Limit: b.max}
	}
	b.err = err
	return n, err
}

// failed tells that the body ended in an error, which makes what was read of it a torn part.
func (b *body) failed() bool { return b.err != nil && !errors.Is(b.err, io.EOF) }

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
