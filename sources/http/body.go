package http

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of zstd that is taken, in bytes: 8 MiB, as RFC 9659 has it for HTTP.
const maxWindow = 8 << 20

// body is what a request carries, decompressed. It holds on to the error that ended it.
type body struct {
	in    io.Reader
	over  func() // lets go of the decompressor
	left  int64  // how many bytes may still come
	max   int64
	solid bool // something beside white space came
	err   error
}

// encoding is how a body is compressed: "gzip", "zstd", or nothing.
func encoding(r *http.Request) (string, *problem) {
	switch encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ","))); encoding {
	case "", "identity":
		return "", nil
	case "gzip", "x-gzip":
		return "gzip", nil
	case "zstd":
		return encoding, nil
	default:
		return "", &problem{
			slug: "unsupported-media-type", Status: http.StatusUnsupportedMediaType, header: http.Header{"Accept-Encoding": {"gzip, zstd"}},
			Detail: fmt.Sprintf("Content-Encoding %q is not taken: gzip, zstd or none", encoding),
		}
	}
}

// decompress opens a body that has arrived, of which no more than most bytes are read.
func decompress(arrived net.Buffers, encoding string, most int) (*body, error) {
	b := &body{in: &arrived, over: func() {}, left: int64(most), max: int64(most)}
	switch encoding {
	case "gzip":
		in, err := gzip.NewReader(&arrived)
		if err != nil {
			return nil, err
		}
		b.in = in
	case "zstd":
		in, err := zstd.NewReader(&arrived, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		b.in, b.over = in, in.Close
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
	if b.left < 0 {
		n, err = n-1, &http.MaxBytesError{Limit: b.max}
	}
	b.solid = b.solid || len(bytes.TrimLeft(p[:n], " \t\r\n")) > 0
	b.err = err
	return n, err
}

// failed tells that the body ended in an error, which makes what was read of it a torn part.
func (b *body) failed() bool { return b.err != nil && !errors.Is(b.err, io.EOF) }
