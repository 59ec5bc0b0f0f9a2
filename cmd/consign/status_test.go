package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/trace"
)

func TestStatusTraceTail_WhenCalledWrongly_IsOneLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, part string }{
		{"status now", `unknown command "now"`},
		{"status --watch --check", "exclude each other"},
		{"trace", "SOURCE/ID"},
		{"trace scanner", "SOURCE/ID"},
		{"trace /a", "SOURCE/ID"},
		{"trace a/b c", "accepts at most 1 arg(s)"},
		{"trace a/b --since -1h", "--since -1h"},
		{"trace dead-letter/a/b/1 --workflow consign/a/b", "two workflows"},
		{"tail --outcome lost", "delivered, failed, refused"},
		{"tail now", `unknown command "now"`},
	} {
		execute(t, strings.Fields(test.args)...).oneLine(t, 2, "consign: ", test.part, "--help")
	}
	for _, args := range []string{"status", "status --watch", "trace a/b", "tail"} {
		execute(t, append(strings.Fields(args), "--address", "127.0.0.1:1")...).oneLine(t, 3, "127.0.0.1:1", "consign up")
	}
}

func TestStatus_Check_AndTrace_AtARunningServer(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, 400)
	u := startUp(t, r.asSink(), "--ephemeral", "--headless")
	require.Eventually(t, func() bool { return u.run(t, "", "status", "--check").code == 0 }, patience, 200*time.Millisecond)
	require.Equal(t, 0, u.run(t, `{"source":"test","id":"a","data":1}`, "submit").code)
	u.listed(t, 1)
	answer := u.run(t, "", "status", "--check")
	require.Equal(t, 1, answer.code)
	require.Contains(t, answer.out, "! sink hook: 1 dead letter")
	answer = u.run(t, "", "status", "--json")
	require.Equal(t, 0, answer.code, "%+v", answer)
	var o status.Overview
	require.NoError(t, json.Unmarshal([]byte(answer.out), &o))
	require.Len(t, o.Workers, 1)
	require.NotNil(t, o.Engine.Disk, "the server is in the worker's process")
	require.Equal(t, "http 400", o.Sinks[0].LastError.Label)

	answer = u.run(t, "", "trace", "test/a", "--ui", "http://ui.example.com/")
	require.Equal(t, 0, answer.code, "%+v", answer)
	require.Contains(t, answer.out, "test/a: PARKED")
	require.Contains(t, answer.out, "http://ui.example.com/namespaces/default/workflows/consign%2Ftest%2Fa/")
	var story trace.Story
	require.NoError(t, json.Unmarshal([]byte(u.run(t, "", "trace", "test/a", "--json").out), &story))
	require.Len(t, story.Legs, 1)
	byLetter := u.run(t, "", "trace", story.Legs[0].DeadLetters[0].ID)
	require.Contains(t, byLetter.out, "test/a: PARKED")
	u.run(t, "", "trace", "test/b").oneLine(t, 1, "test/b: temporal knows nothing of it", "--since")
}
