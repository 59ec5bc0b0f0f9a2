package formats_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestEncode_NothingSaid_IsWhatSubmitReads(t *testing.T) {
	t.Parallel()
	delivery := sinktest.Delivery("plain", []byte(`{"a":1}`))
	want, err := delivery.Result.Encode()
	require.NoError(t, err)
	for _, format := range []formats.Format{"", formats.NDJSON} {
		require.Equal(t, string(want), encode(t, format, delivery))
	}
}

func TestEncode_EachFormat_IsOneLineTheSameForEachAttempt(t *testing.T) {
	t.Parallel()
	first := sinktest.Delivery("again", []byte(`{"a":"<&\u2028>"}`))
	first.Result.Time = time.Time{}
	later := first
	later.Attempt, later.At = 5, first.At.Add(time.Hour)
	for _, format := range []formats.Format{formats.NDJSON, formats.OCSF, formats.CloudEvents} {
		line := encode(t, format, first)
		require.NotContains(t, line, "\n", format)
		require.Equal(t, line, encode(t, format, later), format)
	}
}

func TestEncode_DataThatIsNoJSON_IsAnError(t *testing.T) {
	t.Parallel()
	for _, format := range []formats.Format{formats.OCSF, formats.CloudEvents} {
		for _, data := range []string{"{no", "no", `"a`, " "} {
			_, err := format.Encode(sinktest.Delivery("broken", []byte(data)))
			require.Error(t, err, "%s of %q", format, data)
		}
	}
}

func TestEncode_UnknownFormat_IsAnError(t *testing.T) {
	t.Parallel()
	_, err := formats.Format("xml").Encode(sinktest.Delivery("x", []byte(`1`)))
	require.EqualError(t, err, `unknown format "xml"`)
}

func TestCloudEvents_RealResults_KeepTheirBytesAndAttributes(t *testing.T) {
	t.Parallel()
	for _, delivery := range sinktest.RealResults(t) {
		var event struct {
			SpecVersion     string          `json:"specversion"`
			ID              string          `json:"id"`
			Source          string          `json:"source"`
			Type            string          `json:"type"`
			DataContentType string          `json:"datacontenttype"`
			DeliveryID      string          `json:"deliveryid"`
			Data            json.RawMessage `json:"data"`
		}
		require.NoError(t, json.Unmarshal([]byte(encode(t, formats.CloudEvents, delivery)), &event))
		require.Equal(t, "1.0", event.SpecVersion)
		require.Equal(t, delivery.Result.ID, event.ID)
		require.Equal(t, delivery.Result.Source, event.Source)
		require.Equal(t, delivery.Result.Type, event.Type)
		require.Equal(t, "application/json", event.DataContentType)
		require.Equal(t, delivery.ID, event.DeliveryID)
		require.True(t, bytes.Equal(delivery.Result.Data, event.Data), "bytes of the data of %s", delivery.Result.ID)
	}
}

func TestCloudEvents_AllAttributes_AreWritten(t *testing.T) {
	t.Parallel()
	delivery := sinktest.Delivery("all", []byte(`{"b":1,"a":"<\u003c>","b":1.50}`))
	delivery.Result.Source = "tests"
	require.Equal(t, `{"specversion":"1.0","id":"all","source":"tests","type":"detection","subject":"host & user",`+
		`"time":"2026-03-01T12:30:00.123456789Z","datacontenttype":"application/json","deliveryid":"`+delivery.ID+`",`+
		`"data":{"b":1,"a":"<\u003c>","b":1.50}}`, encode(t, formats.CloudEvents, delivery))
}

func TestCloudEvents_WhatAnAttributeMayNotBe_IsEscapedOrFilledIn(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"falco":                       "falco",
		"https://example.com/a?b=c#d": "https://example.com/a?b=c#d",
		"urn:example:1":               "urn:example:1",
		"/sensors/tn-1234567/alerts":  "/sensors/tn-1234567/alerts",
		"a <b> c":                     "a%20%3Cb%3E%20c",
		"über":                        "%C3%BCber",
		"100% sure":                   "100%25%20sure",
		"10.0.0.1:443":                "10.0.0.1%3A443",
	} {
		delivery := sinktest.Delivery("odd", []byte(`1`))
		delivery.Result.Source, delivery.Result.Type = source, ""
		var event struct {
			Source string `json:"source"`
			Type   string `json:"type"`
		}
		require.NoError(t, json.Unmarshal([]byte(encode(t, formats.CloudEvents, delivery)), &event))
		require.Equal(t, want, event.Source)
		require.Equal(t, "consign.result", event.Type)
	}
}

func encode(t *testing.T, format formats.Format, delivery sinks.Delivery) string {
	t.Helper()
	encoded, err := format.Encode(delivery)
	require.NoError(t, err, "%s of %s", format, delivery.Result.ID)
	return string(encoded)
}
