package webhook

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/config"
)

// receivers are the programs of docs/receiving.md, each with what has it judge one request: the secret, id,
// timestamp and signature are its arguments, the body is its input, and it fails where the request is not true.
func receivers() map[string]struct{ file, call string } {
	return map[string]struct{ file, call string }{
		"python": {"verify.py", `
import sys
names = ["webhook-id", "webhook-timestamp", "webhook-signature"]
sys.exit(0 if verify(sys.argv[1], dict(zip(names, sys.argv[2:])), sys.stdin.buffer.read()) else 1)
`},
		"js": {"verify.js", `
const [secret, id, timestamp, signature] = process.argv.slice(2);
const body = require("node:fs").readFileSync(0);
process.exit(verify(secret, { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature }, body) ? 0 : 1);
`},
		"sh": {"verify.sh", `verify "$@"` + "\n"},
		"go": {"main.go", `
func main() {
	handler, err := verified(os.Args[1], func(string, []byte) error { return nil })
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("POST", "/", os.Stdin)
	for i, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		r.Header.Set(name, os.Args[2+i])
	}
	w := httptest.NewRecorder()
	handler(w, r)
	if w.Code != 204 {
		os.Exit(1)
	}
}
`},
	}
}

func TestReceiving_EachProgramOfTheDocumentation_TellsTrueRequestsFromOthers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	page, err := os.ReadFile("../../docs/receiving.md")
	require.NoError(t, err)
	for language, one := range receivers() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			command := program(t, language, filepath.Join(t.TempDir(), one.file), block(t, string(page), language), one.call)
			judge := func(secret string, header http.Header, body string) bool {
				run := exec.CommandContext(t.Context(), command[0], append(command[1:], secret, header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature"))...)
				run.Stdin = strings.NewReader(body)
				out, err := run.CombinedOutput()
				require.Empty(t, string(out))
				return err == nil
			}
			const body, other = "{\"name\":\"grün\",\n\"n\":1e0}", "whsec_bm90IHRoZSBzZWNyZXQgb2YgdGhpcyBzaW5rIQ=="
			now := time.Now()
			require.True(t, judge(key, sign(t, now, body, key), body), "a true request")
			require.True(t, judge(key, sign(t, now, body, other, key), body), "signed by two secrets, of which it knows the second")
			require.True(t, judge(key, sign(t, now.Add(-4*time.Minute), body, key), body), "signed four minutes ago, as a retry may be")
			require.False(t, judge(key, sign(t, now, body, key), body+" "), "a changed body")
			require.False(t, judge(key, sign(t, now, body, other), body), "signed by somebody else")
			require.False(t, judge(key, sign(t, now.Add(-6*time.Minute), body, key), body), "recorded six minutes ago")
			require.False(t, judge(key, sign(t, now.Add(6*time.Minute), body, key), body), "of the future")
			for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
				header := sign(t, now, body, key)
				header.Del(name)
				require.False(t, judge(key, header, body), "without %s", name)
			}
		})
	}
}

// sign is the header that a sink with these secrets gives a request.
func sign(t *testing.T, at time.Time, body, secret string, more ...string) http.Header {
	t.Helper()
	rest := make([]config.Secret, len(more))
	for i, one := range more {
		rest[i] = config.NewSecret(one)
	}
	s := newSigner(Signing{}, config.NewSecret(secret), rest, func(field, problem string) { t.Fatal(field, problem) })
	header := http.Header{}
	header.Set("webhook-id", "msg_0199f2") // these two go with every scheme
	header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	require.NoError(t, s.sign(header, "msg_0199f2", at, []byte(body)))
	return header
}

// block is the program in one language of a page.
func block(t *testing.T, page, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, "```"+language+"\n")
	require.True(t, found, "no block of %s", language)
	text, _, found := strings.Cut(rest, "```\n")
	require.True(t, found)
	return text
}

// program writes a program and what calls it, and returns the command that runs it.
func program(t *testing.T, language, path, text, call string) []string {
	t.Helper()
	if language == "go" {
		text = strings.Replace(text, "import (\n\t\"io\"\n\t\"net/http\"\n", "import (\n\t\"io\"\n\t\"net/http\"\n\t\"net/http/httptest\"\n\t\"os\"\n", 1)
	}
	require.NoError(t, os.WriteFile(path, []byte(text+call), 0o600))
	if language == "go" {
		binary := strings.TrimSuffix(path, ".go")
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, path).CombinedOutput()
		require.NoError(t, err, string(out))
		return []string{binary}
	}
	interpreter := map[string]string{"python": "python3", "js": "node", "sh": "sh"}[language]
	found, err := exec.LookPath(interpreter)
	if err != nil {
		t.Skipf("no %s on this machine", interpreter)
	}
	return []string{found, path}
}
