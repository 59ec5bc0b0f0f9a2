package kafka_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/kafka"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestPreview_IsTheRecordWithItsKeyAndHeaders(t *testing.T) {
	t.Parallel()
	d := sinktest.Delivery("shown", []byte(`{"a":"<"}`))
	settings := kafka.Config{Topic: topic, IncidentTopic: incidents}
	shown, err := settings.Preview(d)
	require.NoError(t, err)
	require.Equal(t, "produce to detections\ncontent-type: application/json\nce_deliveryid: "+d.ID+"\nce_specversion: 1.0\nce_id: shown\nce_source: sinktest/<source>\n"+
		"ce_type: detection\nce_time: 2026-03-01T12:30:00.123456789Z\nce_subject: host & user\n\n"+`{"a":"<"}`, shown)

	d.Result.Type = consign.IncidentType
	settings.Key, settings.Format = `id + "/" + type`, formats.CloudEvents
	want, err := settings.Format.Encode(d)
	require.NoError(t, err)
	shown, err = settings.Preview(d)
	require.NoError(t, err)
	require.Equal(t, "produce to incidents\nkey: shown/incident\ncontent-type: application/cloudevents+json\nce_deliveryid: "+d.ID+"\n\n"+string(want), shown)

	settings.Key = "data.host"
	_, err = settings.Preview(d)
	require.ErrorContains(t, err, "no such key: host")
}
