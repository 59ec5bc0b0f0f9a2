package consign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

func entries(n int, data string) []Entry {
	list := make([]Entry, n)
	for i := range list {
		list[i] = Entry{Result: Result{Source: "s", ID: fmt.Sprint(i), Data: json.RawMessage(data)}}
	}
	return list
}

func TestEncodeConsignment_SeveralResults_AreCompressedWhereItPaysAndReadAgain(t *testing.T) {
	t.Parallel()
	const data = `{"b":1,"a":"<&\u2028>","n":1.0}`
	for name, test := range map[string]struct {
		entries []Entry
		want    string
	}{
		"one, however large": {entries(1, `"`+strings.Repeat("x", 1<<19)+`"`), converter.MetadataEncodingJSON},
		"few":                {entries(3, data), converter.MetadataEncodingJSON},
		"many":               {entries(MaxConsignmentResults, data), encodingZstd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value, err := encodeConsignment(test.entries)
			require.NoError(t, err)
			payload := value.Payload()
			require.Equal(t, test.want, string(payload.GetMetadata()[converter.MetadataEncoding]))
			if test.want == encodingZstd {
				require.Less(t, len(payload.GetData()), 10_000)
			}
			var read Consignment
			require.NoError(t, DataConverter().FromPayload(payload, &read))
			require.Equal(t, test.entries, read.Results)
		})
	}
}

func TestDataConverter_PayloadThatExpandsTooFarOrNotAtAll_IsAShortError(t *testing.T) {
	t.Parallel()
	bomb, err := compress(&commonpb.Payload{Data: bytes.Repeat([]byte("x"), maxExpanded+1)})
	require.NoError(t, err)
	foreign := func(data []byte) *commonpb.Payload {
		return &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encodingZstd)}, Data: data}
	}
	e, err := encoder()
	require.NoError(t, err)
	for name, payload := range map[string]*commonpb.Payload{
		"bomb": bomb, "no zstd": foreign([]byte("no zstd")), "no payload in it": foreign(e.EncodeAll([]byte("\xff\xff"), nil)),
	} {
		var read Consignment
		err := DataConverter().FromPayload(payload, &read)
		require.Error(t, err, name)
		require.Less(t, len(err.Error()), 600, name)
	}
}

func TestCodec_PayloadsOfOthers_StayAsTheyAre(t *testing.T) {
	t.Parallel()
	plain := &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain")}, Data: []byte("1")}
	packed, err := compress(plain)
	require.NoError(t, err)
	decoded, err := Codec().Decode([]*commonpb.Payload{plain, packed})
	require.NoError(t, err)
	require.True(t, proto.Equal(plain, decoded[0]))
	require.True(t, proto.Equal(plain, decoded[1]))
	encoded, err := Codec().Encode([]*commonpb.Payload{plain})
	require.NoError(t, err)
	require.Same(t, plain, encoded[0])
}
