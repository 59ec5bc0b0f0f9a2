package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/cmd/internal/exit"
)

// routed are the arguments of a route by a configuration over results.
func routed(t *testing.T, yaml, results string, more ...string) []string {
	t.Helper()
	return append([]string{"route", "--config", write(t, "c.yaml", yaml), write(t, "r.ndjson", results)}, more...)
}

func TestRoute_ShowsTheSinksAndTheExactRequest_AndTouchesNothing(t *testing.T) {
	t.Setenv("ROUTE_URL", "https://hooks.example.com/services/T0/s3cr3t-path")
	archive := filepath.Join(t.TempDir(), "deep", "archive.ndjson")
	yaml := `
sinks:
  archive: {file: {path: ` + archive + `}}
  slack: {webhook: {url: "${ROUTE_URL}", headers: {X-Key: t0ps3cret}, secret: 0123456789abcdef0123456789abcdef}, when: data.severity >= 3}
  partner: {external: {}, when: type == "other"}
`
	said := execute(t, routed(t, yaml, `{"source":"s","id":"1","data":{ "severity": 3.0, "text": "<&>" }}`+"\n"+`{"source":"s","id":"2","type":"other","data":{"severity":1}}`)...)
	require.Zero(t, said.code, said.messages)
	require.Empty(t, said.messages)
	first, second, _ := strings.Cut(said.out, "r.ndjson:2: s/2\n")
	line := `{"source":"s","id":"1","data":{"severity":3.0,"text":"<&>"}}`
	require.Contains(t, first, "r.ndjson:1: s/1\n  to archive (file)\n    append to "+archive+"\n    "+line+"\n  to slack (webhook)\n    POST ${ROUTE_URL}\n")
	require.Contains(t, first, "    X-Key: ••••\n    \n    "+line+"\n")
	require.NotContains(t, said.out, "s3cr3t")
	require.NotContains(t, said.out, "t0ps3cret")
	require.NotContains(t, said.out, "0123456789abcdef")
	require.NotContains(t, second, "slack")
	require.Contains(t, second, "  to partner (external)\n    external\n")
	require.NoDirExists(t, filepath.Dir(archive))
}

func TestRoute_Messages_AreShownInTheirFormatWithTheirHeaders(t *testing.T) {
	t.Parallel()
	yaml := `
sinks:
  bus: {nats: {url: nats://127.0.0.1:1, subject: detections, format: cloudevents, token: t0ps3cret}}
  lake: {kafka: {brokers: ["127.0.0.1:1"], topic: detections, format: ocsf, key: 'source + "/" + data.severity'}}
  store: {s3: {bucket: detections, format: cloudevents, access_key: t0ps3cret, secret_key: t0ps3cret}}
`
	said := execute(t, routed(t, yaml, `{"source":"s","id":"1","data":{"severity":"high"}}`)...)
	require.Zero(t, said.code, said.messages)
	bus, rest, _ := strings.Cut(said.out, "  to lake (kafka)\n")
	lake, store, _ := strings.Cut(rest, "  to store (s3)\n")
	event := `    {"specversion":"1.0","id":"1","source":"s","type":"consign.result",`
	require.Contains(t, bus, "    publish to detections\n    Content-Type: application/cloudevents+json\n    Nats-Msg-Id: msg_")
	require.Contains(t, bus, event)
	require.Contains(t, lake, "    produce to detections\n    key: s/high\n    content-type: application/json\n    ce_deliveryid: msg_")
	require.Contains(t, lake, `    {"activity_id":1,`)
	require.Contains(t, store, "    PUT s3://detections/")
	require.Contains(t, store, event)
	require.NotContains(t, said.out, "t0ps3cret")

	said = execute(t, routed(t, yaml, `{"source":"s","id":"1","data":{"severity":3}}`)...)
	require.Equal(t, exit.Failed, said.code, said.messages)
	require.Contains(t, said.out, "  to lake (kafka)\n    would be parked: key of result s/1: no such overload: ")
	require.Contains(t, said.out, "  to store (s3)\n    PUT s3://detections/", "the others are shown all the same")
}

func TestRoute_WhatNobodyWants_AndWhatCannotBeTold_AreSaid(t *testing.T) {
	t.Parallel()
	const yaml = "unmatched: park\nsinks:\n  a: {stdout: {}, when: data.n > 1}\n"
	said := execute(t, routed(t, yaml, `{"n":1}`+"\n"+`{"m":1}`+"\n{no\n"+`{"n":2}`, "--source", "s")...)
	require.Equal(t, exit.Failed, said.code)
	require.Contains(t, said.out, "  no sink wants it (unmatched: park)\n")
	require.Contains(t, said.out, "  to a (stdout)\n    would be parked: when: no such key: n: ")
	require.Contains(t, said.out, "    print to stdout\n")
	require.Contains(t, said.messages, "r.ndjson:3: ")
	require.Equal(t, 1, strings.Count(said.messages, "\n"))
}

func TestRoute_AsJSON_IsOneObjectAResult(t *testing.T) {
	t.Parallel()
	said := execute(t, routed(t, "sinks: {a: {stdout: {}}}", `[{"source":"s","id":"1","data":"\u001b"},{"source":"s","id":"2","data":"\u2028<"}]`, "--json")...)
	require.Zero(t, said.code, said.messages)
	lines := strings.Split(strings.TrimSpace(said.out), "\n")
	require.Len(t, lines, 2)
	var got way
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &got))
	require.Equal(t, "2", got.ID)
	require.Equal(t, "print to stdout\n"+`{"source":"s","id":"2","data":"\u2028<"}`, got.Legs[0].Request)
}

func TestRoute_WrongUsage_IsOneLine(t *testing.T) {
	t.Parallel()
	execute(t, "route", "--config", write(t, "c.yaml", "sinks: {a: {stdout: {}}}"), "nowhere.ndjson").oneLine(t, exit.Usage, "nowhere.ndjson")
	execute(t, routed(t, "sinks: {a: {stdout: {}}}", `1`, "--bare")...).oneLine(t, exit.Usage, "--bare needs --source")
	execute(t, routed(t, "sinks: {a: {stdout: {}, when: data}}", `1`)...).oneLine(t, exit.Usage, "sinks.a.when")
}

func TestRoute_TheExampleOfThePage_RoutesAsThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/routing.md")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(after, "```")
	said := execute(t, routed(t, example, `{"severity":3}`+"\n"+`{}`, "--source", "s", "--type", "heartbeat")...)
	require.Zero(t, said.code, said.messages)
	pager, nobody, _ := strings.Cut(said.out, "r.ndjson:2: ")
	require.Contains(t, pager, "  to pager (webhook)\n    POST https://pager.example.com/hook\n")
	require.NotContains(t, pager, "archive")
	require.Contains(t, nobody, "  no sink wants it (unmatched: park)\n")
}
