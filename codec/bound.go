package codec

import (
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// maxExpanded bounds what the payloads of one request may be together, in bytes. A few hundred bytes can
// expand to the 4 MiB that the codec allows a single one.
const maxExpanded = 8 << 20

// bounded is a codec that decodes no more than maxExpanded at once.
type bounded struct{ converter.PayloadCodec }

func (b bounded) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	decoded, size := make([]*commonpb.Payload, 0, len(payloads)), 0
	for i, payload := range payloads {
		one, err := b.PayloadCodec.Decode([]*commonpb.Payload{payload})
		if err != nil {
			return nil, fmt.Errorf("payload %d of %d: %w", i+1, len(payloads), err)
		}
		decoded = append(decoded, one...)
		if size += len(one[0].GetData()); size > maxExpanded {
			return nil, fmt.Errorf("these %d payloads are more than %d bytes: ask for fewer at once", len(payloads), maxExpanded)
		}
	}
	return decoded, nil
}
