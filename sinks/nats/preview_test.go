package nats_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/nats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestPreview_IsTheMessageWithItsHeaders(t *testing.T) {
	t.Parallel()
	d := sinktest.Delivery("shown", []byte(`{"a":"<"}`))
	settings := nats.Config{Subject: subject, IncidentSubject: incidents}
	shown, err := settings.Preview(d)
	require.NoError(t, err)
	require.Equal(t, "publish to detections.edr\nNats-Msg-Id: "+d.ID+"\nce-datacontenttype: application/json\nce-id: shown\nce-source: sinktest/<source>\n"+
		"ce-specversion: 1.0\nce-subject: host%20&%20user\nce-time: 2026-03-01T12:30:00.123456789Z\nce-type: detection\n\n"+`{"a":"<"}`, shown)

	d.Result.Type = consign.IncidentType
	settings.Format = formats.CloudEvents
	want, err := settings.Format.Encode(d)
	require.NoError(t, err)
	shown, err = settings.Preview(d)
	require.NoError(t, err)
	require.Equal(t, "publish to detections.incidents\nContent-Type: application/cloudevents+json\nNats-Msg-Id: "+d.ID+"\n\n"+string(want), shown)
}
