package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestAudit_WhatPeopleDo_ReachesSinksThatAskForIt_AndNoOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	hook := newReceiver(t, http.StatusBadRequest)
	u := startUp(t, "unmatched: park\nsinks:\n"+
		"  audit:\n    file: {path: '"+at("audit.ndjson")+"'}\n    when: source == 'consign'\n"+
		"  bare:\n    file: {path: '"+at("bare.ndjson")+"'}\n"+
		"  picky:\n    file: {path: '"+at("picky.ndjson")+"'}\n    when: type != 'heartbeat'\n"+
		"  deep:\n    file: {path: '"+at("deep.ndjson")+"'}\n    when: data.act == 'pause' || data.severity > 3\n"+
		"  hook:\n    webhook: {url: '"+hook.URL+"'}\n    when: source == 'test'\n    retry: {max: 0}\n", "--ephemeral", "--headless")
	require.Equal(t, 4, u.run(t, `{"severity":9}`+"\n"+`{"severity":9}`, "submit", "--source", "test", "--wait").code)
	ids := u.listed(t, 2)
	letter, _, _ := strings.Cut(u.run(t, "", "dead-letters", "export").out, "\n")
	letter = strings.ReplaceAll(strings.ReplaceAll(letter, ids[0], "dead-letter/hook/elsewhere/1"), ids[1], "dead-letter/hook/elsewhere/1")
	for _, command := range [][]string{
		{"sinks", "pause", "hook", "--reason", "it is moved"},
		{"sinks", "resume", "hook"},
		{"sinks", "resume", "hook"}, // which does nothing
		{"dead-letters", "discard", ids[0], "--reason", "of no use"},
		{"dead-letters", "replay", "--all", "--wait"},
		{"reload"},
		{"dead-letters", "import", write(t, "letters.ndjson", letter+"\n")},
	} {
		u.run(t, "", command...)
	}
	read := func() (acts []consign.Act) {
		listing := invoke(t, "", "audit", at("audit.ndjson"), "--json")
		for line := range strings.Lines(listing.out) {
			var r consign.Result
			var act consign.Act
			require.NoError(t, json.Unmarshal([]byte(line), &r))
			require.NoError(t, json.Unmarshal(r.Data, &act))
			require.Equal(t, act.On, r.Subject)
			if r.Type == consign.EventType {
				continue
			}
			require.Equal(t, me(), act.By)
			acts = append(acts, act)
		}
		return acts
	}
	require.Eventually(t, func() bool { return len(read()) >= 6 }, patience, 50*time.Millisecond)
	acts := map[string]consign.Act{}
	for _, act := range read() {
		acts[act.Act] = act
	}
	require.Len(t, acts, 6)
	require.Equal(t, consign.Act{Act: "pause", On: "hook", By: me(), Reason: "it is moved", Before: "open", After: "paused"}, acts["pause"])
	require.Equal(t, consign.Act{Act: "resume", On: "hook", By: me(), Before: "paused by " + me() + ": it is moved", After: "open"}, acts["resume"])
	require.Equal(t, consign.Act{Act: "discard", On: ids[0], By: me(), Reason: "of no use", Before: "parked", After: "discarded"}, acts["discard"])
	require.Equal(t, "replay of dead letters", acts["replay"].On)
	require.Contains(t, acts["reload"].On, "1 worker")
	require.Equal(t, []string{"1 dead letter"}, acts["import"].Detail)

	require.Contains(t, invoke(t, "", "audit", at("audit.ndjson"), "--act", "pause", "--by", me()).out, "it is moved")
	require.Empty(t, invoke(t, "", "audit", at("audit.ndjson"), "--until", "2000-01-01").out)
	for _, name := range []string{"bare.ndjson", "picky.ndjson", "deep.ndjson"} {
		content, err := os.ReadFile(at(name))
		require.NoError(t, err)
		require.NotContains(t, string(content), `"source":"consign"`, name)
	}
	require.Contains(t, u.listed(t, 2), ids[1], "an act that no sink wants is not parked")
}

func TestAudit_OfAFileThatIsDamaged_TellsTheRest(t *testing.T) {
	t.Parallel()
	const pause = `{"source":"consign","id":"1","type":"act","time":"2026-11-26T12:00:00Z","subject":"desk","data":{"act":"pause","on":"desk","by":"anna"}}`
	const opened = `{"source":"consign","id":"3","type":"event","time":"2026-11-26T11:00:00Z","data":{"act":"circuit-opened","on":"hook","by":"host/1/ab","after":"open","reason":"http 500"}}`
	said := invoke(t, "", "audit", write(t, "audit.ndjson", pause+"\n"+pause+"\n\n"+opened+"\n"+`{"source":"edr","id":"2","data":{}}`+"\n"+`{"source":"cons`))
	require.Equal(t, 0, said.code)
	require.Equal(t, 1, strings.Count(said.out, "anna"))
	require.Regexp(t, `(?s)host/1/ab\s+circuit-opened\s+hook\s+-\s+open\s+http 500.*anna`, said.out)
	require.Equal(t, "note: 1 line is no JSON, and passed over\n", said.messages)
	invoke(t, "", "audit", filepath.Join(t.TempDir(), "none")).oneLine(t, 2, "there is no file", "consign audit --help")
}
