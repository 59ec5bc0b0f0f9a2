package http_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func result(id, data string) consign.Result {
	return consign.Result{Source: "s", ID: id, Data: json.RawMessage(data)}
}

func TestResults_TakesEveryForm(t *testing.T) {
	t.Parallel()
	attributes := []string{"Ce-Specversion", "1.0", "Ce-Id", "a%20b", "Ce-Source", "s", "Ce-Type", "t", "Ce-Subject", "u", "Ce-Time", "2026-01-31T12:00:00Z"}
	whole := consign.Result{Source: "s", ID: "a b", Type: "t", Subject: "u", Time: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Data: json.RawMessage(`[1,{"a":"<"}]`)}
	for name, test := range map[string]struct {
		mediaType, query, body string
		headers                []string
		want                   []consign.Result
	}{
		"an envelope":                    {"application/json; charset=UTF-8", "", envelope("1"), nil, []consign.Result{result("1", `{"n":1}`)}},
		"pretty":                         {"application/json", "", "{\n \"source\":\"s\",\n \"id\": \"1\",\n \"data\": {\"b\": 1, \"a\": \"<\u2028\"}\n}\n", nil, []consign.Result{result("1", "{\"b\":1,\"a\":\"<\u2028\"}")}},
		"an array":                       {"application/json", "", "[" + envelope("1") + "," + envelope("2") + "]", nil, []consign.Result{result("1", `{"n":1}`), result("2", `{"n":1}`)}},
		"an empty array":                 {"application/json", "", "[]", nil, nil},
		"NDJSON":                         {"application/x-ndjson", "", envelope("1") + "\n\n" + envelope("2") + "\n", nil, []consign.Result{result("1", `{"n":1}`), result("2", `{"n":1}`)}},
		"bare data":                      {"application/json", "?source=s&type=t&id_field=a.b", `{"a":{"b":7}}`, nil, []consign.Result{{Source: "s", ID: "7", Type: "t", Data: json.RawMessage(`{"a":{"b":7}}`)}}},
		"bare, though it is an envelope": {"application/json", "?source=s&bare=true&id_field=id", envelope("1"), nil, []consign.Result{result("1", envelope("1"))}},
		"an event":                       {"application/cloudevents+json", "", `{"specversion":"1.0","id":"1","source":"s","traceparent":"x","data":null}`, nil, []consign.Result{result("1", "null")}},
		"events":                         {"application/cloudevents-batch+json", "", `[{"specversion":"1.0","id":"1","source":"s","data":1},{"specversion":"1.0","id":"2","source":"s","data":2}]`, nil, []consign.Result{result("1", "1"), result("2", "2")}},
		"no events":                      {"application/cloudevents-batch+json", "", `[]`, nil, nil},
		"a binary event":                 {"application/json", "", ` [1, {"a":"<"}] `, attributes, []consign.Result{whole}},
		"a binary event with a mark":     {"application/json", "", "\uFEFF" + `[1,{"a":"<"}]`, attributes, []consign.Result{whole}},
		"the same twice":                 {"application/json", "", envelope("1") + `{"data": {"n": 1}, "id":"1", "source":"s"}`, nil, []consign.Result{result("1", `{"n":1}`)}},
		"a binary event's type":          {"application/vnd.x+json", "", `[1,{"a":"<"}]`, attributes, []consign.Result{whole}},
	} {
		to := storing()
		s := serve(t, "", to)
		a := s.call(http.MethodPost, "/v1/results"+test.query, strings.NewReader(test.body), append([]string{"Content-Type", test.mediaType}, test.headers...)...)
		require.Equal(t, http.StatusAccepted, a.StatusCode, "%s: %s", name, a.body)
		require.Equal(t, test.want, to.results(), name)
		require.Len(t, a.said(t).Results, len(test.want)+strings.Count(name, "twice"), name)
	}
}

func TestResults_TheSameTwiceInOneRequest_AreOne(t *testing.T) {
	t.Parallel()
	to := delivering()
	s := serve(t, "batch_max: 10", to)
	a := s.post("?wait=committed", envelope("1")+envelope("2")+envelope("1"))
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Len(t, to.results(), 2)
	said := a.said(t).Results
	require.Len(t, said, 3)
	require.Equal(t, []bool{false, false, true}, []bool{said[0].Duplicate, said[1].Duplicate, said[2].Duplicate})
	require.Equal(t, said[0].Receipt, said[2].Receipt)
	require.Equal(t, said[0].WorkflowID, said[2].WorkflowID)
}

func compressed(t testing.TB, encoding string, content []byte) *bytes.Buffer {
	t.Helper()
	var to bytes.Buffer
	switch encoding {
	case "gzip":
		w := gzip.NewWriter(&to)
		_, _ = w.Write(content)
		require.NoError(t, w.Close())
	case "zstd":
		w, err := zstd.NewWriter(&to)
		require.NoError(t, err)
		_, _ = w.Write(content)
		require.NoError(t, w.Close())
	}
	return &to
}

func TestResults_Compressed_AreTaken_AndABombIsNot(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"gzip", "zstd"} {
		to := storing()
		s := serve(t, "max_body: 100000", to)
		post := func(body []byte) answer {
			return s.call(http.MethodPost, "/v1/results", bytes.NewReader(body), "Content-Type", "application/x-ndjson", "Content-Encoding", encoding)
		}
		a := post(compressed(t, encoding, []byte(envelope("1")+"\n"+envelope("2"))).Bytes())
		require.Equal(t, http.StatusAccepted, a.StatusCode, "%s", a.body)
		require.Len(t, to.results(), 2)

		bomb := compressed(t, encoding, []byte(envelope("3")+"\n"+strings.Repeat(" ", 50<<20)))
		require.Less(t, bomb.Len(), 100_000)
		p := post(bomb.Bytes()).problem(t, http.StatusRequestEntityTooLarge, "too-large")
		require.Contains(t, p.Detail, "100000")

		cut := compressed(t, encoding, []byte(`{"source":"s","id":"3","data":"`+strings.Repeat("x", 200_000)+`"}`))
		p = post(cut.Bytes()).problem(t, http.StatusRequestEntityTooLarge, "too-large")
		require.Contains(t, p.Detail, "max_body", "a value that the limit cuts off is no mistake in the value")

		whole := compressed(t, encoding, []byte(envelope("4")+"\n"+envelope("5"))).Bytes()
		p = post(whole[:len(whole)-5]).problem(t, http.StatusBadRequest, "bad-request")
		require.Contains(t, p.Detail, "nothing was submitted")
		post([]byte("neither")).problem(t, http.StatusBadRequest, "bad-request")
		require.Len(t, to.results(), 2, "of what is refused nothing is submitted")
	}
}

func TestResults_WhenSomethingIsWrong_SaysWhereAndSubmitsNothing(t *testing.T) {
	t.Parallel()
	index := func(n int) *int { return &n }
	to := storing()
	s := serve(t, "max_body: 5000000", to)
	stretched := `{"source":"s","id":"1","subject":"` + strings.Repeat("x", 10_000) + `","data":"` + strings.Repeat("x", 1<<20-30_000) + `"}`
	large := `{"source":"s","id":"1","data":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, test := range map[string]struct {
		query, body string
		headers     []string
		status      int
		slug        string
		line        int
		index       *int
		detail      string
	}{
		"no JSON on line 3":           {"", envelope("1") + "\n" + envelope("2") + "\n{nope}\n" + envelope("4"), nil, 422, "invalid-result", 3, index(2), "not JSON"},
		"no source":                   {"", `{"a":1}`, nil, 422, "invalid-result", 1, index(0), "no source: give ?source=NAME"},
		"another field":               {"", "[\n" + envelope("1") + ",\n" + `{"source":"s","id":"2","data":1,"more":1}]`, nil, 422, "invalid-result", 3, index(1), "?bare=true submits"},
		"an empty id":                 {"", `{"source":"s","id":"","data":1}`, nil, 422, "invalid-result", 1, index(0), "id is empty"},
		"an id that is not there":     {"?source=s&id_field=x.y", `{"a":1}`, nil, 422, "invalid-result", 1, index(0), "?id_field x.y: the data has no such field"},
		"cut off":                     {"", `[` + envelope("1"), nil, 422, "invalid-result", 1, index(1), "not closed"},
		"nothing":                     {"", "", nil, 422, "invalid-result", 0, nil, "empty"},
		"a result over 1 MiB":         {"", envelope("0") + "\n" + large, nil, 413, "too-large", 2, index(1), "1 MiB"},
		"one that a workflow refuses": {"", envelope("0") + "\n" + stretched, nil, 413, "too-large", 2, index(1), "counts for six"},
		"two that differ in data":     {"", envelope("1") + "\n" + envelope("2") + `{"source":"s","id":"1","data":2}`, nil, 409, "conflict", 2, index(2), "result s/1 stands in this request before, on line 1, with other data"},
		"white space alone":           {"", " \r\n\t", nil, 422, "invalid-result", 0, nil, "empty"},
		"too many results":            {"?source=s", strings.Repeat("1\n", 10_001), nil, 413, "too-large", 10_001, index(10_000), "10000 results"},
		"a body over its limit":       {"?source=s", strings.Repeat(" ", 5_000_001) + "1", nil, 413, "too-large", 0, nil, "5000000"},
		"no media type":               {"", envelope("1"), []string{"Content-Type", ""}, 415, "unsupported-media-type", 0, nil, "application/x-ndjson"},
		"a form of a browser":         {"", envelope("1"), []string{"Content-Type", "text/plain"}, 415, "unsupported-media-type", 0, nil, `"text/plain" is not taken`},
		"another charset":             {"", envelope("1"), []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported-media-type", 0, nil, "latin1"},
		"another encoding":            {"", envelope("1"), []string{"Content-Encoding", "br"}, 415, "unsupported-media-type", 0, nil, "gzip, zstd or none"},
		"two encodings":               {"", envelope("1"), []string{"Content-Encoding", "gzip, gzip"}, 415, "unsupported-media-type", 0, nil, "gzip, zstd or none"},
		"no event":                    {"", envelope("1"), []string{"Content-Type", "application/cloudevents+json"}, 422, "invalid-result", 1, index(0), "no specversion"},
		"several where one belongs":   {"", `{"specversion":"1.0","id":"1","source":"s","data":1}{"specversion":"1.0","id":"2","source":"s","data":1}`, []string{"Content-Type", "application/cloudevents+json"}, 422, "invalid-result", 0, nil, "cloudevents-batch"},
		"events that are none":        {"", "[1]", []string{"Content-Type", "application/cloudevents-batch+json"}, 422, "invalid-result", 1, index(0), "a number is no CloudEvent"},
		"an event's binary data":      {"", `{"specversion":"1.0","id":"1","source":"s","data_base64":"AA=="}`, []string{"Content-Type", "application/cloudevents+json"}, 422, "invalid-result", 1, index(0), "without data in JSON: ?bare=true"},
		"a binary event's data":       {"", `{]`, []string{"Ce-Specversion", "1.0", "Ce-Source", "s", "Ce-Id", "1"}, 422, "invalid-result", 1, index(0), "is not JSON"},
		"a binary event's bulk":       {"", strings.Repeat(" ", 3<<20) + "1", []string{"Ce-Specversion", "1.0", "Ce-Source", "s", "Ce-Id", "1"}, 413, "too-large", 1, index(0), "1 MiB"},
		"a binary event's time":       {"", `1`, []string{"Ce-Specversion", "1.0", "Ce-Source", "s", "Ce-Id", "1", "Ce-Time", "now"}, 422, "invalid-result", 1, index(0), "Ce-Time"},
		"a binary event's source":     {"", `1`, []string{"Ce-Specversion", "1.0", "Ce-Id", "1"}, 422, "invalid-result", 1, index(0), "no source"},
		"an unknown parameter":        {"?sorce=s", `1`, nil, 400, "bad-request", 0, nil, `unknown parameter "sorce"`},
		"a parameter twice":           {"?source=s&source=t", `1`, nil, 400, "bad-request", 0, nil, "more than once"},
		"waiting for something":       {"?wait=delivered", `1`, nil, 400, "bad-request", 0, nil, "stored or committed"},
		"bare, perhaps":               {"?bare=maybe", `1`, nil, 400, "bad-request", 0, nil, "true or false"},
	} {
		a := s.post(test.query, test.body, test.headers...)
		p := a.problem(t, test.status, test.slug)
		require.Contains(t, p.Detail, test.detail, name)
		require.Equal(t, test.line, p.Line, name)
		require.Equal(t, test.index, p.Index, name)
		require.Empty(t, p.Results, name)
		if test.status == http.StatusUnsupportedMediaType {
			require.True(t, a.Header.Get("Accept-Post") != "" || a.Header.Get("Accept-Encoding") != "", name)
		}
	}
	require.Empty(t, to.results())
}

func TestResults_WithoutAnID_AreGivenOne_AndTheAnswerSaysSo(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	a := s.post("?source=s", `[{"a":1},{"id":"1","data":1}]`)
	require.Equal(t, http.StatusAccepted, a.StatusCode)
	results := a.said(t).Results
	require.True(t, results[0].IDGiven)
	require.False(t, results[1].IDGiven)
	require.NotEmpty(t, results[0].ID)
	require.Equal(t, to.results()[0].ID, results[0].ID)
	require.Equal(t, fmt.Sprintf("consign/s/%s", results[0].ID), results[0].WorkflowID)
}

func TestResults_TwoHeadersOfOneAttribute_AreRefused(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/results", strings.NewReader("1"))
	require.NoError(t, err)
	request.Header = http.Header{"Content-Type": {"application/json"}, "Ce-Specversion": {"1.0"}, "Ce-Source": {"s"}, "Ce-Id": {"1", "2"}}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	require.Empty(t, to.results())
}
