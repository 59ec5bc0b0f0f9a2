package consign

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	// encodingZstd is the encoding of a payload that holds another one, compressed.
	encodingZstd = "binary/zstd"
	// compressFrom is the size from which on a consignment of several results is compressed, in bytes.
	compressFrom = 16 << 10
	// maxExpanded bounds what a payload may expand to: Temporal's own limit of a payload is 2 MiB.
	maxExpanded = 4 << 20
)

// Codec reads the payloads that Consign compresses, which are inputs of several results, for programs
// that read Temporal by themselves: [DataConverter] has it built in. It compresses nothing.
func Codec() converter.PayloadCodec { return codec{} }

type codec struct{}

func (codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) { return payloads, nil }

func (codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded := make([]*commonpb.Payload, len(payloads))
	for i, payload := range payloads {
		var err error
		if decoded[i], err = expand(payload); err != nil {
			return nil, err
		}
	}
	return decoded, nil
}

var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(4))
})

var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxExpanded), zstd.WithDecoderConcurrency(4))
})

func expand(payload *commonpb.Payload) (*commonpb.Payload, error) {
	if string(payload.GetMetadata()[converter.MetadataEncoding]) != encodingZstd {
		return payload, nil
	}
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	data, err := d.DecodeAll(payload.GetData(), nil)
	if err != nil {
		return nil, fmt.Errorf("expanding a payload: %w", err)
	}
	var expanded commonpb.Payload
	if err := proto.Unmarshal(data, &expanded); err != nil {
		return nil, fmt.Errorf("reading an expanded payload: %w", err)
	}
	return &expanded, nil
}

func compress(payload *commonpb.Payload) (*commonpb.Payload, error) {
	e, err := encoder()
	if err != nil {
		return nil, err
	}
	data, err := proto.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encodingZstd)},
		Data:     e.EncodeAll(data, nil),
	}, nil
}
