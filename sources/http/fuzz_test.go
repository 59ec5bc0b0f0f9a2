package http_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	source "github.com/consign-dev/consign/sources/http"
)

// FuzzResults: whatever a request is, it is answered as openapi.json says, all of its results are submitted or
// none, each is one that can be delivered and tells what was sent, and nothing panics or is held on to.
func FuzzResults(f *testing.F) {
	const ndjson, event, batch = "application/x-ndjson", "application/cloudevents+json", "application/cloudevents-batch+json"
	seed := func(query, mediaType, encoding, id, body string) {
		f.Add(query, mediaType, encoding, id, []byte(body))
		for _, encoding := range []string{"gzip", "zstd"} {
			f.Add(query, mediaType, encoding, id, compressed(f, encoding, []byte(body)).Bytes())
		}
	}
	seed("", "application/json", "", "", envelope("1"))
	seed("wait=committed", ndjson, "", "", envelope("1")+"\n"+envelope("2")+"\r\n\n"+envelope("1"))
	seed("source=s&type=t&id_field=a.b", "application/json; charset=utf-8", "", "", `[{"a":{"b":7}},{"a":{"b":"x"}}]`)
	seed("source=s&bare=true", "application/json", "", "", "\uFEFF"+envelope("1"))
	seed("", event, "", "", `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2026-01-31T12:00:00Z","data":{"a":1,"a":1e400}}`)
	seed("", batch, "", "", `[{"specversion":"1.0","id":"1","source":"s","data":1},{"specversion":"1.0","id":"2","source":"s","data":null}]`)
	seed("", "application/vnd.x+json", "", "a%20b%F0%9F%98%80", `{"data":"\ud83d\ude00"}`)
	seed("source=s", "application/json", "", "%zz", `[[[[[[1]]]]]]`)
	f.Add("source=s&source=t", "text/plain", "br", "", []byte("1"))
	f.Add("id_field=a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a&source=s", "application/json", "identity", "", []byte(`{"a":1}`))
	f.Add("", "application/json", "gzip, gzip", "\xff", []byte("{\"source\":\"\xff\",\"id\":\"\\ud800\",\"data\":1}"))
	f.Add("", "application/json", "", "", []byte(`{"id":"1","id":"2","source":"s","source":"t","data":1,"data":2}`+"\n{"))

	c, err := config.Parse("consign.yaml", []byte("http: {listen: 127.0.0.1:0, max_body: 100000}"), nil, func(string) (string, bool) { return "", false })
	require.NoError(f, err)
	core, failures := observer.New(zap.ErrorLevel)
	s, err := source.Listen(f.Context(), source.Options{Config: c.HTTP, Registry: prometheus.NewRegistry(), Log: zap.New(core)})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Stop(f.Context())) })
	to := delivering()
	s.Open(to, nil)
	f.Fuzz(func(t *testing.T, query, mediaType, encoding, id string, body []byte) {
		to.got = nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/results", bytes.NewReader(body))
		r.URL.RawQuery, r.Host = query, "localhost"
		r.Header = http.Header{"Content-Type": {mediaType}, "Content-Encoding": {encoding}}
		if id != "" {
			r.Header.Set("Ce-Specversion", "1.0")
			r.Header["Ce-Id"], r.Header["Ce-Source"], r.Header["Ce-Time"] = []string{id}, []string{"s%2F" + id}, []string{"2026-01-31T12:00:00Z"}
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		require.Empty(t, failures.All())
		require.True(t, s.Room(s.Memory()), "memory is held on to")
		a := answer{w.Result(), w.Body.Bytes()}
		described(t, http.MethodPost, "/v1/results", a)
		results := to.results()
		if a.StatusCode >= 300 {
			require.Empty(t, results, "%d, and something was submitted", a.StatusCode)
			return
		}
		said := a.said(t).Results
		known := map[[2]string]consign.Result{}
		for _, result := range results {
			prepared, err := result.Prepare()
			require.NoError(t, err)
			require.Equal(t, result, prepared)
			require.True(t, json.Valid(result.Data))
			key := [2]string{result.Source, result.ID}
			require.NotContains(t, known, key, "submitted twice")
			known[key] = result
		}
		require.GreaterOrEqual(t, len(said), len(results))
		for _, one := range said {
			require.Contains(t, known, [2]string{one.Source, one.ID})
		}
		if encoding == "" && json.Valid(body) && len(results) == 1 && !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, body))
			require.Contains(t, compact.String(), string(results[0].Data), "the bytes of data stay")
		}
	})
}
