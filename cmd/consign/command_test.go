package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// said is what a command wrote, and how it ended.
type said struct {
	out, messages string
	code          int
}

// execute runs a command in this process.
func execute(t *testing.T, args ...string) said {
	t.Helper()
	var out, messages bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&messages)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code := report(&messages, root.ExecuteContext(ctx))
	return said{out: out.String(), messages: messages.String(), code: code}
}

// oneLine requires that a command failed with one clear line.
func (s said) oneLine(t *testing.T, code int, parts ...string) {
	t.Helper()
	require.Equal(t, code, s.code, "%+v", s)
	require.Empty(t, s.out)
	require.Equal(t, 1, strings.Count(s.messages, "\n"), "one line: %s", s.messages)
	for _, part := range parts {
		require.Contains(t, s.messages, part)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestConfigCheck_WhenAllIsWell_NamesTheSinks(t *testing.T) {
	t.Parallel()
	path := write(t, "c.yaml", "sinks:\n  archive:\n    file: {path: /tmp/x}\n  console:\n    batch_flush: 1s\n    stdout: {}\n")
	checked := execute(t, "config", "check", "--config", path)
	require.Equal(t, 0, checked.code)
	require.Equal(t, "ok: 2 sinks (archive, console)\n", checked.out)
	require.Contains(t, checked.messages, path+":5:18: sinks.console.batch_flush: has no effect", "the note")
	require.NoFileExists(t, "/tmp/x")
}

func TestConfigCheck_WithoutAFile_SaysThatItIsBuiltIn(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ok: 1 sink (console), built in: there is no configuration file\n", execute(t, "config", "check").out)
}

func TestConfig_WhenSomethingIsWrong_IsOneLineWithItsPlace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, place, message string }{
		"typo in a url": {
			"sinks:\n  hook:\n    webhook:\n      url: htps://example.com\n",
			":4:12: sinks.hook.webhook.url: ", "did you mean https?",
		},
		"unknown field": {
			"sinks:\n  hook:\n    webhook:\n      url: https://example.com\n    timout: 3s\n",
			":5:5: sinks.hook.timout: ", `did you mean "timeout"?`,
		},
		"missing secret": {
			"sinks:\n  hook:\n    webhook:\n      url: https://example.com\n      secret: ${CONSIGN_TEST_NO_SUCH_VARIABLE}\n",
			":5:15: sinks.hook.webhook.secret: ", "CONSIGN_TEST_NO_SUCH_VARIABLE is not set",
		},
		"duplicate name": {
			"sinks:\n  a:\n    stdout: {}\n  a:\n    stdout: {}\n",
			":4:3: sinks.a: ", "line 2",
		},
	} {
		path := write(t, "c.yaml", test.file)
		for _, command := range [][]string{{"config", "check"}, {"config", "show"}, {"up", "--ephemeral"}, {"worker"}} {
			answer := execute(t, append(command, "--config", path)...)
			answer.oneLine(t, 2, test.message)
			require.True(t, strings.HasPrefix(answer.messages, path+test.place), "%s: %s", name, answer.messages)
		}
		var answer struct {
			OK       bool             `json:"ok"`
			Problems []config.Problem `json:"problems"`
		}
		require.NoError(t, json.Unmarshal([]byte(execute(t, "config", "check", "--json", "--config", path).out), &answer))
		require.False(t, answer.OK)
		require.Len(t, answer.Problems, 1)
	}
}

func TestConfigCheck_WhenSeveralThingsAreWrong_NamesEach(t *testing.T) {
	t.Parallel()
	path := write(t, "c.yaml", "sinks:\n  a:\n    stdut: {}\n  b:\n    webhook: {url: ftp://x}\nunmatched: no\n")
	checked := execute(t, "config", "check", "--config", path)
	require.Equal(t, 2, checked.code)
	lines := strings.Split(strings.TrimSpace(checked.messages), "\n")
	require.Len(t, lines, 3)
	for i, place := range []string{":3:5: ", ":5:20: ", ":6:12: "} {
		require.True(t, strings.HasPrefix(lines[i], path+place), lines[i])
	}
}

func TestConfigShow_HidesSecrets(t *testing.T) {
	t.Parallel()
	const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	path := write(t, "c.yaml", "sinks:\n  hook:\n    webhook: {url: https://example.com, secret: whsec_"+secret+"}\n")
	for _, format := range []string{"--json=false", "--json"} {
		shown := execute(t, "config", "show", format, "--config", path)
		require.Equal(t, 0, shown.code)
		require.Contains(t, shown.out, "https://example.com")
		require.NotContains(t, shown.out+shown.messages, secret)
	}
}

func TestUsage_WhenWrong_IsOneLineWithTheWayToHelp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, part string }{
		{"upp", `did you mean "up"?`},
		{"dead-letters lst", `did you mean "list"?`},
		{"up --prt 1", "unknown flag: --prt"},
		{"up --drain 0s", "--drain 0s"},
		{"up --port 0", "-1 takes any free one"},
		{"up --log-level loud", "debug, info, warn or error"},
		{"up now", `unknown command "now"`},
		{"setup --retention -1h", "--retention -1h"},
		{"dead-letters list --limit -1", "--limit -1"},
		{"dead-letters show", "accepts 1 arg(s)"},
		{"dead-letters show a --data --json", "exclude each other"},
		{"dead-letters replay", "or say --all"},
		{"dead-letters replay --sink x", "add it"},
		{"dead-letters replay a --all", "exclude each other"},
		{"dead-letters discard a", "--reason is missing"},
		{"dlq discard --reason x", "name dead letters by id"},
	} {
		execute(t, strings.Fields(test.args)...).oneLine(t, 2, "consign: ", test.part, "--help")
	}
}

func TestTemporal_WhenUnreachable_IsOneLineThatSaysHowToStartOne(t *testing.T) {
	t.Parallel()
	const address = "127.0.0.1:1" // nothing listens on tcpmux
	for _, args := range []string{
		"dead-letters list", "dead-letters show dead-letter/a/b/1", "dlq replay --all", "dlq discard dead-letter/a/b/1 --reason x", "setup",
	} {
		execute(t, append(strings.Fields(args), "--address", address)...).oneLine(t, 3, address, "consign up")
	}
}

func TestMetrics_WhenTheAddressIsInUse_IsOneLineWithTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	for _, address := range []string{port, taken.Addr().String()} {
		execute(t, "worker", "--metrics", address).oneLine(t, 2, taken.Addr().String(), "in use", "--metrics")
		execute(t, "up", "--ephemeral", "--metrics", address).oneLine(t, 2, taken.Addr().String(), "in use", "--metrics")
	}
	execute(t, "worker", "--metrics", "nowhere").oneLine(t, 2, "nowhere", "host:port")
}

func TestMetrics_WithAPortAlone_AreServedOnLoopback(t *testing.T) {
	t.Parallel()
	m, err := serveMetrics(t.Context(), "0")
	require.NoError(t, err)
	t.Cleanup(m.stop)
	require.True(t, strings.HasPrefix(m.address, "127.0.0.1:"), m.address)
	for path, part := range map[string]string{"/metrics": "go_goroutines", "/healthz": "ok"} {
		response, err := http.Get("http://" + m.address + path)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Contains(t, string(body), part)
	}
}

func TestWorker_WhenSinksCannotBeOpened_NamesEachBeforeItLooksForTemporal(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := write(t, "c.yaml", "sinks:\n  a:\n    file: {path: "+directory+"}\n  b:\n    file: {path: /dev/null/b}\n")
	for _, command := range []string{"worker", "up"} {
		answer := execute(t, command, "--config", path)
		require.Equal(t, 2, answer.code)
		lines := strings.Split(strings.TrimSpace(answer.messages), "\n")
		require.Len(t, lines, 2)
		require.Contains(t, lines[0], "consign: sinks.a.file: ")
		require.Contains(t, lines[1], "consign: sinks.b.file: ")
	}
}

func TestVersion_NamesTheTemporalInside(t *testing.T) {
	t.Parallel()
	var b build
	require.NoError(t, json.Unmarshal([]byte(execute(t, "version", "--json").out), &b))
	require.Equal(t, "dev", b.Consign)
	require.NotEmpty(t, b.Go)
	require.Contains(t, execute(t, "version").out, "consign dev\n")
}

func TestPrintable_LeavesNothingThatSteersATerminal(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a [31mb c d é🚚", printable("a\x1b[31mb\nc\td é🚚"))
}

func TestTable_WhenNotOnATerminal_IsForCut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	rows := newTable(&out, "ID", "CAUSE")
	require.NoError(t, rows.row("1", "two\twords"))
	require.NoError(t, rows.flush())
	require.Equal(t, "1\ttwo words\n", out.String())
}
