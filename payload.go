package consign

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// DataConverter encodes like the SDK's default, readable as json/plain from any SDK, except that
// it leaves '<', '>', '&', U+2028 and U+2029 as they are. The default one rewrites them, also
// inside a json.RawMessage, and so would change the data of a result. It reads what [Codec] reads.
func DataConverter() converter.DataConverter {
	return plainErrors{converter.NewCodecDataConverter(converter.NewCompositeDataConverter(
		converter.NewNilPayloadConverter(),
		converter.NewByteSlicePayloadConverter(),
		converter.NewProtoJSONPayloadConverter(),
		converter.NewProtoPayloadConverter(),
		plainJSON{converter.NewJSONPayloadConverter()},
	), Codec())}
}

// plainErrors keeps what a stranger wrote out of errors where it would do harm: Temporal does not take a
// failure whose text is not UTF-8, so the task would fail again and again, nor one of megabytes.
type plainErrors struct{ converter.DataConverter }

func (c plainErrors) FromPayload(payload *commonpb.Payload, value any) error {
	return plain(c.DataConverter.FromPayload(payload, value))
}

func (c plainErrors) FromPayloads(payloads *commonpb.Payloads, values ...any) error {
	return plain(c.DataConverter.FromPayloads(payloads, values...))
}

// plain is not a wrapper, since the failure of a workflow tells the texts of all layers.
func plain(err error) error {
	const limit = 500
	if err == nil || len(err.Error()) <= limit && utf8.ValidString(err.Error()) {
		return err
	}
	text := err.Error()
	return errors.New(strings.ToValidUTF8(text[:min(len(text), limit)], "\uFFFD"))
}

type plainJSON struct {
	*converter.JSONPayloadConverter
}

func (plainJSON) ToPayload(value any) (*commonpb.Payload, error) {
	data, err := marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonPayload(data), nil
}

func jsonPayload(data []byte) *commonpb.Payload {
	return &commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     data,
	}
}

// marshal is json.Marshal without the rewriting of HTML characters.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
