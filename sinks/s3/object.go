package s3

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// The values of [Config.Compression].
const (
	gzipped    = "gzip"
	zstandard  = "zstd"
	asItStands = "none"
)

// compression of an object. The same content gives the same bytes.
type compression struct {
	extension, contentType string
	compress               func([]byte) []byte
}

func compressionNamed(name string) (compression, error) {
	switch name {
	case gzipped:
		return compression{".ndjson.gz", "application/gzip", compressGzip}, nil
	case zstandard:
		encoder, err := zstd.NewWriter(nil)
		return compression{".ndjson.zst", "application/zstd", func(content []byte) []byte { return encoder.EncodeAll(content, nil) }}, err
	case asItStands:
		return compression{".ndjson", "application/x-ndjson", func(content []byte) []byte { return content }}, nil
	}
	return compression{}, fmt.Errorf("%q is no compression: gzip, zstd and none are", name)
}

func compressGzip(content []byte) []byte {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = writer.Write(content) // a buffer takes all
	_ = writer.Close()
	return compressed.Bytes()
}

// encode returns the content of an object and the deliveries in it. A result that is no JSON gets an
// error at its index and no line.
func (s *Sink) encode(batch []sinks.Delivery) (content []byte, stored []sinks.Delivery, errs []error) {
	for i, delivery := range batch {
		text, err := line(delivery, s.format)
		if err != nil {
			if errs == nil {
				errs = make([]error, len(batch))
			}
			errs[i] = sinks.Permanent(fmt.Errorf("encode result %s: %w", delivery.Result.ID, err))
			continue
		}
		content = append(append(content, text...), '\n')
		stored = append(stored, delivery)
	}
	return content, stored, errs
}

// line is one delivery: the result as other sinks write it and, with NDJSON, which does not have it, the
// delivery id in front.
func line(d sinks.Delivery, format formats.Format) ([]byte, error) {
	result, err := format.Encode(d)
	if err != nil || format != formats.NDJSON {
		return result, err
	}
	id, err := json.Marshal(d.ID)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte(`{"delivery_id":`), id, []byte(","), result[1:]), nil
}

// key of the object of a batch, without its extension: the same whenever the same deliveries make a
// batch, in whatever order. A delivery has the same First on every retry.
func key(prefix string, batch []sinks.Delivery) string {
	ids := make([]string, len(batch))
	for i, d := range batch {
		ids[i] = d.ID
	}
	slices.Sort(ids)
	first := slices.MinFunc(batch, func(a, b sinks.Delivery) int { return a.First.Compare(b.First) }).First
	hash := sha256.New()
	for _, id := range ids {
		hash.Write([]byte(id + "\n"))
	}
	return prefix + first.UTC().Format("2006/01/02/") + hex.EncodeToString(hash.Sum(nil))[:32]
}
