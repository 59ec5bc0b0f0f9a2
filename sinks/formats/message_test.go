package formats_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestBody_NothingSaid_IsTheDataAlone(t *testing.T) {
	t.Parallel()
	for _, delivery := range sinktest.RealResults(t) {
		body, err := formats.Format("").Body(delivery)
		require.NoError(t, err)
		require.Equal(t, string(delivery.Result.Data), string(body))
	}
	require.Equal(t, "application/json", formats.Format("").ContentType())
}

func TestBody_EachFormat_IsTheDocumentUnderItsMediaType(t *testing.T) {
	t.Parallel()
	for format, contentType := range map[formats.Format]string{
		formats.NDJSON: "application/json", formats.OCSF: "application/json", formats.CloudEvents: "application/cloudevents+json",
	} {
		delivery := sinktest.Delivery("whole", []byte(`{"a":"<"}`))
		body, err := format.Body(delivery)
		require.NoError(t, err)
		require.Equal(t, encode(t, format, delivery), string(body))
		require.Equal(t, contentType, format.ContentType())
	}
}

func TestBody_DataThatIsNoJSON_IsAnError(t *testing.T) {
	t.Parallel()
	for _, format := range []formats.Format{formats.OCSF, formats.CloudEvents} {
		_, err := format.Body(sinktest.Delivery("broken", []byte("{no")))
		require.Error(t, err, format)
	}
}

func TestAttributes_AreThoseThatTheResultHas_AndATypeInAnyCase(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]string{
		"specversion": "1.0", "id": "all", "source": "sinktest/<source>", "type": "detection", "subject": "host & user", "time": "2026-03-01T12:30:00.123456789Z",
	}, maps.Collect(formats.Attributes(sinktest.Delivery("all", []byte("1")))))
	bare := sinks.Delivery{Result: consign.Result{Source: "s", ID: "i"}}
	require.Equal(t, map[string]string{"specversion": "1.0", "id": "i", "source": "s", "type": "consign.result"}, maps.Collect(formats.Attributes(bare)))
}
