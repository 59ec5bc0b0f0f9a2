package intake_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/intake"
)

func TestEnvelope_MakesAResultOfAValue(t *testing.T) {
	t.Parallel()
	scanner := intake.Envelope{Source: "scanner"}
	for name, test := range map[string]struct {
		envelope intake.Envelope
		value    string
		want     consign.Result
	}{
		"all of it": {
			intake.Envelope{Source: "unused", Type: "unused", IDField: "x"},
			`{"source":"s","id":"1","type":"t","time":"2026-01-31T12:00:00.123Z","subject":"u","data":{"x":"<&"}}`,
			consign.Result{Source: "s", ID: "1", Type: "t", Time: time.Date(2026, 1, 31, 12, 0, 0, 123e6, time.UTC), Subject: "u", Data: json.RawMessage(`{"x":"<&"}`)},
		},
		"defaults fill what it lacks":         {intake.Envelope{Source: "s", Type: "t", IDField: "x"}, `{"id":null,"source":null,"type":null,"time":null,"data":{"x":7}}`, consign.Result{Source: "s", Type: "t", ID: "7", Data: json.RawMessage(`{"x":7}`)}},
		"a number as id":                      {scanner, `{"id":1e3,"data":1}`, consign.Result{Source: "scanner", ID: "1e3", Data: json.RawMessage(`1`)}},
		"a CloudEvent, other fields left out": {scanner, `{"specversion":"1.0","source":"/s","id":"1","type":"t","datacontenttype":"application/json","data":null}`, consign.Result{Source: "/s", ID: "1", Type: "t", Data: json.RawMessage(`null`)}},
		"a trace context":                     {scanner, `{"source":"s","id":"1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=b","data":1}`, consign.Result{Source: "s", ID: "1", TraceContext: consign.TraceContext{Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Tracestate: "a=b"}, Data: json.RawMessage(`1`)}},
		"the last of two fields":              {scanner, `{"id":"1","data":1,"data":2,"id":"2"}`, consign.Result{Source: "scanner", ID: "2", Data: json.RawMessage(`2`)}},
		"white space in data":                 {scanner, `{"id":"1","data": { "a" : 1 } }`, consign.Result{Source: "scanner", ID: "1", Data: json.RawMessage(`{ "a" : 1 }`)}},
		"data that is no envelope":            {scanner, `{"data":1,"type":"x"}`, consign.Result{Source: "scanner", Data: json.RawMessage(`{"data":1,"type":"x"}`)}},
		"names in another case are data":      {scanner, `{"Id":"1","Data":1}`, consign.Result{Source: "scanner", Data: json.RawMessage(`{"Id":"1","Data":1}`)}},
		"bare, though it has the fields":      {intake.Envelope{Bare: true, Source: "s", IDField: "id"}, `{"id":"1","data":1}`, consign.Result{Source: "s", ID: "1", Data: json.RawMessage(`{"id":"1","data":1}`)}},
		"an id of all that Unicode has":       {scanner, `{"id":"\ud83d\ude00\ufffd\\ud83d` + "\ufffd\u00e9\U0001F600" + `","data":1}`, consign.Result{Source: "scanner", ID: "\U0001F600\ufffd\\ud83d\ufffd\u00e9\U0001F600", Data: json.RawMessage(`1`)}},
		"bare scalar":                         {scanner, `"x"`, consign.Result{Source: "scanner", Data: json.RawMessage(`"x"`)}},
		"an id deep inside":                   {intake.Envelope{Source: "s", IDField: "a.1.b"}, `{"a":[0,{"b":"x"}]}`, consign.Result{Source: "s", ID: "x", Data: json.RawMessage(`{"a":[0,{"b":"x"}]}`)}},
		"an id under a name with dots":        {intake.Envelope{Source: "s", IDField: "f.evt.time"}, `{"f":{"evt.time":1739178940698757000}}`, consign.Result{Source: "s", ID: "1739178940698757000", Data: json.RawMessage(`{"f":{"evt.time":1739178940698757000}}`)}},
	} {
		result, err := test.envelope.Read(json.RawMessage(test.value))
		require.NoError(t, err, name)
		require.Equal(t, test.want, result, name)
	}
}

func TestEnvelope_WhenAValueMakesNoResult_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	scanner := intake.Envelope{Source: "s"}
	byField := intake.Envelope{Source: "s", IDField: "a.b"}
	for name, test := range map[string]struct {
		envelope    intake.Envelope
		value, want string
	}{
		"source of reports":               {intake.Envelope{Source: "consign"}, `{"x":1}`, `the source "consign" is that of Consign's reports about itself: name another`},
		"no source":                       {intake.Envelope{}, `{"x":1}`, "no source: give --source NAME"},
		"an envelope and more":            {scanner, `{"id":"1","object":"event","data":{}}`, `an envelope has no field "object": --bare submits the whole object`},
		"a CloudEvent with binary data":   {scanner, `{"specversion":"1.0","source":"s","id":"1","data_base64":"AA=="}`, "a CloudEvent without data in JSON"},
		"a source that is no string":      {scanner, `{"source":1,"data":1}`, "source is a number, not a string"},
		"an id that is an object":         {scanner, `{"id":{},"data":1}`, "id is an object, not a string or a number"},
		"an empty id":                     {scanner, `{"id":"","data":1}`, "id is empty"},
		"a time of another format":        {scanner, `{"id":"1","time":"yesterday","data":1}`, `time "yesterday" is not RFC 3339`},
		"a time that is a number":         {scanner, `{"id":"1","time":17,"data":1}`, "time is a number, not a string"},
		"--id-field names nothing":        {byField, `{"a":{}}`, "--id-field a.b: the data has no such field"},
		"--id-field goes through a value": {byField, `{"a":1}`, "--id-field a.b: the data has no such field"},
		"--id-field names null":           {byField, `{"a":{"b":null}}`, "--id-field a.b: the field is null, not a string or a number"},
		"a number as subject":             {scanner, `{"id":"1","subject":1,"data":1}`, "subject is a number, not a string"},
		"an id that is not UTF-8":         {scanner, "{\"id\":\"\xff\",\"data\":1}", "id is no Unicode text"},
		"an id of half a pair":            {scanner, `{"id":"\\\ud83dx\ude00","data":1}`, "id is no Unicode text"},
		"an id of the other half":         {scanner, `{"id":"x\uDE00","data":1}`, "id is no Unicode text"},
		"a source that is not UTF-8":      {scanner, "{\"source\":\"\xc3\",\"data\":1}", "source is no Unicode text"},
		"--id-field names half a pair":    {byField, `{"a":{"b":"\ud83d"}}`, "--id-field a.b: the field is no Unicode text"},
		"--id-field of too many names":    {intake.Envelope{Source: "s", IDField: strings.Repeat("a.", 16) + "a"}, `{"a":1}`, "the path has 17 names, at most 16"},
		"--id-field names a boolean":      {byField, `{"a":{"b":true}}`, "--id-field a.b: the field is a boolean"},
	} {
		_, err := test.envelope.Read(json.RawMessage(test.value))
		require.ErrorIs(t, err, consign.ErrInvalid, name)
		require.ErrorContains(t, err, test.want, name)
	}
}
