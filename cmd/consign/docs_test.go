package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDocs_EveryCommandRunsAsThePageSays runs the blocks of commands of each page in their order, in a directory
// of the page's own, with "consign up" on free ports. What stands before a block says what is particular:
//
//	<!-- another terminal, until "TEXT" -->  it goes on beside the rest, which begins when TEXT has been printed
//	<!-- not run: REASON -->                 for want of what a test cannot have
//	<!-- file: NAME -->                      not commands: the block is put into a file
//
// Steps that readers do not see: <!-- run: COMMAND -->; <!-- beside, until "TEXT": COMMAND -->, which goes on; <!-- stop -->
// ends what goes on; <!-- receiver: ADDRESS --> has an HTTP receiver listen from there on. In a block of "console", lines that begin with "$ " are
// commands, and the others are what they print on
// standard output, where "…" stands for anything.
func TestDocs_EveryCommandRunsAsThePageSays(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts servers")
	}
	paths, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	ran := 0
	for _, path := range append(paths, "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md") {
		page := readPage(t, path)
		if !page.runs() {
			continue
		}
		ran++
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			newTerminals(t).follow(page)
		})
	}
	require.GreaterOrEqual(t, ran, 5)
}

// step is a block of a page, or a command that readers do not see.
type step struct {
	line     int    // of the page
	language string // of the block
	text     string
	mark     string // what the comment before it says
}

func (s step) commands() bool {
	return (s.language == "sh" || s.language == "console") && !strings.HasPrefix(s.mark, "not run: ") && s.mark != "test-command"
}

type document []step

func (p document) runs() bool {
	for _, s := range p {
		if s.commands() {
			return true
		}
	}
	return false
}

var comment = regexp.MustCompile(`^<!-- (.*) -->$`)

func readPage(t *testing.T, path string) document {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var (
		found document
		open  *step
		mark  string
	)
	for i, line := range strings.Split(string(text), "\n") {
		switch language, fence := strings.CutPrefix(line, "```"); {
		case fence && open == nil:
			open = &step{line: i + 1, language: language, mark: mark}
		case fence:
			found = append(found, *open)
			open, mark = nil, ""
		case open != nil:
			open.text += line + "\n"
		case comment.MatchString(line):
			mark = comment.FindStringSubmatch(line)[1]
			if hidden := unseen(mark); hidden != nil {
				hidden.line, mark = i+1, ""
				found = append(found, *hidden)
			}
		case line != "":
			mark = ""
		}
	}
	require.Nil(t, open, "%s: a block is not closed", path)
	return found
}

// unseen is the step that a comment is by itself; nil if it is none.
func unseen(mark string) *step {
	if command, found := strings.CutPrefix(mark, "run: "); found {
		return &step{language: "sh", text: command + "\n"}
	}
	if rest, found := strings.CutPrefix(mark, "beside, "); found {
		until, command, _ := strings.Cut(rest, ": ")
		return &step{language: "sh", text: command + "\n", mark: "another terminal, " + until}
	}
	if mark == "stop" || strings.HasPrefix(mark, "receiver: ") {
		return &step{mark: mark}
	}
	return nil
}

// terminals are what a reader has open.
type terminals struct {
	t     *testing.T
	dir   string
	env   []string
	ports *strings.Replacer
	open  []func() // ends what goes on beside
}

func newTerminals(t *testing.T) *terminals {
	t.Helper()
	dir := t.TempDir()
	port := func() string { return freeAddress(t)[len("127.0.0.1:"):] }
	temporal, ui, results, codec := port(), port(), port(), port()
	x := &terminals{t: t, dir: dir, ports: strings.NewReplacer("7233", temporal, "8233", ui, "8088", results, "8089", codec, "9911", port(),
		"/backups", dir+"/backups", " DIR ", " "+dir+"/.local/share/consign ")}
	// Both have ports of their own; whatever else is said to them comes after, and so counts.
	wrapper := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = up ]; then shift; exec %[1]s up --port %[2]s --ui-port %[3]s --http %[5]s \"$@\"; fi\n"+
		"if [ \"$1\" = codec ]; then shift; exec %[1]s codec --listen %[4]s \"$@\"; fi\nexec %[1]s \"$@\"\n", binary, temporal, ui, codec, results)
	for name, text := range map[string]string{"consign": wrapper, "submit": "#!/bin/sh\nexec " + binary + " submit \"$@\"\n"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "bin", name), []byte(text), 0o755))
	}
	x.env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TEMPORAL_ADDRESS=127.0.0.1:"+temporal,
		"HOME="+dir, "XDG_DATA_HOME=", "TMPDIR="+dir)
	t.Cleanup(x.stop)
	return x
}

func (x *terminals) follow(p document) {
	for _, s := range p {
		switch file, isFile := strings.CutPrefix(s.mark, "file: "); {
		case isFile:
			require.NoError(x.t, os.WriteFile(filepath.Join(x.dir, file), []byte(x.ports.Replace(s.text)), 0o600))
		case s.mark == "stop":
			x.stop()
		case strings.HasPrefix(s.mark, "receiver: "):
			x.receive(strings.TrimPrefix(s.mark, "receiver: "))
		case !s.commands():
		case strings.HasPrefix(s.mark, "another terminal"):
			x.beside(s)
		case s.language == "console":
			x.session(s)
		default:
			out, err := x.shell(s.text).CombinedOutput()
			require.NoError(x.t, err, "line %d: %s%s", s.line, s.text, out)
		}
	}
}

// receive has a receiver of webhooks listen that takes everything.
func (x *terminals) receive(address string) {
	listener, err := new(net.ListenConfig).Listen(x.t.Context(), "tcp", x.ports.Replace(address))
	require.NoError(x.t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	x.t.Cleanup(server.Close)
}

// commandLimit bounds a command in the foreground.
const commandLimit = time.Minute

// shell runs commands as one terminal does: what they export holds for those after them.
func (x *terminals) shell(commands string) *exec.Cmd {
	script := "touch .exports; . ./.exports; set -eu -o pipefail\n" + x.ports.Replace(commands) + "\nexport -p | grep -v ' PWD=\\| OLDPWD=' > .exports\n"
	ctx, cancel := context.WithTimeout(x.t.Context(), commandLimit) // rather than a command that stays, unmarked, to the end of the suite
	x.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = x.dir, x.env
	cmd.WaitDelay = time.Second
	return cmd
}

// session runs each command of a console, and holds what it prints against the page.
func (x *terminals) session(s step) {
	var command, want string
	run := func() {
		if command == "" {
			return
		}
		out, err := x.shell(command).Output()
		if _, failed := err.(*exec.ExitError); err != nil && !failed { //nolint:errorlint // as it came; a command may fail, and say what the page shows
			require.NoError(x.t, err)
		}
		if want != "" {
			require.Regexp(x.t, printed(x.ports.Replace(want)), string(out), "line %d: %s", s.line, command)
		} else {
			require.NoError(x.t, err, "line %d: %s%s%s", s.line, command, out, messages(err))
		}
	}
	for line := range strings.Lines(s.text) {
		if next, begins := strings.CutPrefix(line, "$ "); begins {
			run()
			command, want = next, ""
		} else if strings.HasSuffix(command, "\\\n") {
			command += line
		} else {
			want += line
		}
	}
	run()
}

// messages are what a command that failed had to say.
func messages(err error) string {
	if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as it came
		return string(failed.Stderr)
	}
	return ""
}

// printed matches what a page says is printed, whatever the white space.
func printed(want string) *regexp.Regexp {
	words := strings.Fields(want)
	for i, word := range words {
		words[i] = strings.ReplaceAll(regexp.QuoteMeta(word), "…", `[\s\S]*?`)
	}
	return regexp.MustCompile(`^\s*` + strings.Join(words, `\s+`) + `\s*$`)
}

var untilText = regexp.MustCompile(`^another terminal, until "(.+)"$`)

// beside runs a block to the end of the test, and waits until it has printed what the page says.
func (x *terminals) beside(s step) {
	require.Regexp(x.t, untilText, s.mark, "line %d", s.line)
	until := x.ports.Replace(untilText.FindStringSubmatch(s.mark)[1])
	cmd := x.shell(s.text)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := &shared{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(x.t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	x.open = append(x.open, func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if x.t.Failed() {
			x.t.Logf("line %d: %s", s.line, out.String())
		}
	})
	require.Eventually(x.t, func() bool { return strings.Contains(out.String(), until) }, patience, 50*time.Millisecond, "line %d does not print %q", s.line, until)
}

// stop ends what goes on beside, as a reader does who closes all terminals.
func (x *terminals) stop() {
	for _, end := range x.open {
		end()
	}
	x.open = nil
}

// shared is what a process has printed so far.
type shared struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestDocs_WhatAPageSaysIsPrinted_IsHeldAgainstWhatIs(t *testing.T) {
	t.Parallel()
	want := printed("edr/…  archive delivered,\ndesk parked (dead-letter/…/1): … refused\n")
	require.Regexp(t, want, "edr/0199 archive delivered, desk parked (dead-letter/desk/1/1): POST: connection refused\n")
	require.NotRegexp(t, want, "edr/0199 archive parked, desk parked (dead-letter/desk/1/1): POST: connection refused\n")
	require.NotRegexp(t, want, "edr/0199 archive delivered, desk parked (dead-letter/desk/1/1): POST: connection refused, and more\n")
}
