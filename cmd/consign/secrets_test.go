package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/consign-dev/consign"
)

// places hold all that Consign has said and stored, by where that was.
type places map[string][]byte

func (p places) add(name, text string) { p[name] = append(p[name], text...) }

// with lists the places that hold a text in one of the forms in which it may be written.
func (p places) with(text string) []string {
	var found []string
	for name, content := range p {
		lower := bytes.ToLower(content)
		for _, form := range forms(text) {
			// What is random does not turn up in another case by chance.
			if bytes.Contains(lower, bytes.ToLower([]byte(form))) {
				found = append(found, name)
				break
			}
		}
	}
	return found
}

// forms of a text: as it is, in URLs, in JSON, in HTML, in hexadecimal, and in base64 at any offset.
func forms(text string) []string {
	quoted, _ := json.Marshal(text) //nolint:errchkjson // a string: it cannot fail
	all := []string{text, url.QueryEscape(text), url.PathEscape(text), html.EscapeString(text), strings.Trim(string(quoted), `"`), hex.EncodeToString([]byte(text))}
	for offset := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), text...))
		// The first and last digits hold bits of what stands beside.
		all = append(all, encoded[(offset*8+5)/6:len(encoded)-1])
	}
	return all
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

// secret is a fresh one: letters and digits alone, so that no reader alters it.
func secret() string { return "s3" + hex.EncodeToString(random(12)) }

// planted are secrets, by where they were given.
type planted map[string]string

func (p planted) plant(name string) string {
	p[name] = secret()
	return p[name]
}

// parrot answers in the ways in which receivers give secrets back, by the first part of the path.
func parrot(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		authorization := r.Header.Get("Authorization") + r.Header.Get("Proxy-Authorization")
		_, password, _ := r.BasicAuth()
		said := fmt.Sprintf("%s %s %s", authorization, r.Header.Get("X-Basic"), r.URL)
		switch how := strings.Split(r.URL.Path+"/", "/")[1]; how {
		case "healthy":
		case "redirect":
			w.Header().Set("Location", "https://"+strings.TrimPrefix(authorization, "Bearer ")+".example/"+r.URL.String())
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "broken":
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprintf(connection, "HTTP/1.1 %s\r\n\r\n", said)
				connection.Close()
			}
		case "upper", "lower":
			http.Error(w, strings.ToLower(said), http.StatusNotFound)
		case "escaped":
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintf(w, "%s %s %s", url.QueryEscape(authorization), html.EscapeString(r.URL.String()), base64.StdEncoding.EncodeToString([]byte(authorization)))
		default:
			w.WriteHeader(http.StatusProxyAuthRequired)
			fmt.Fprintf(w, `{"no": %q, "password": %q}`, said, password)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// TestSecrets_GivenAnywhere_AreFoundNowhere plants a secret wherever one can be given, has everything go
// wrong that can, and looks through all that was said and stored. It sets the environment, so it is not
// run beside others.
func TestSecrets_GivenAnywhere_AreFoundNowhere(t *testing.T) {
	secrets := planted{}
	receiver, trap := parrot(t), httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(trap.Close)
	key := random(32)
	secrets["signing key"], secrets["key in base64"] = string(key), base64.StdEncoding.EncodeToString(key)
	keyFile := write(t, "key", "whsec_"+secrets["key in base64"]+"\n")
	tokenFile := write(t, "token", secrets.plant("token in a file"))
	directory := filepath.Join(t.TempDir(), secrets.plant("part of a path"))
	require.NoError(t, os.Mkdir(directory, 0o700))
	basic := base64.StdEncoding.EncodeToString([]byte("consign:" + secrets.plant("password of Basic")))

	t.Setenv("NO_PROXY", "127.0.0.1,localhost,no-such-host.invalid")
	t.Setenv("HTTP_PROXY", strings.Replace(receiver.URL, "http://", "http://proxy:"+secrets.plant("proxy's password")+"@", 1))
	t.Setenv("PLANTED_TOKEN", secrets.plant("token"))
	t.Setenv("PLANTED_BASIC", basic)
	t.Setenv("PLANTED_PATH", secrets.plant("path")+"?key="+secrets.plant("query"))
	t.Setenv("PLANTED_DIRECTORY", directory)
	t.Setenv("PLANTED_DSN", "postgres://u:"+secrets.plant("connection string")+"@db/x")
	t.Setenv("PLANTED_VALUE", secrets.plant("value of a template"))
	t.Setenv("PLANTED_CLIENT", secrets.plant("client secret"))
	secrets["ed25519 key"] = base64.StdEncoding.EncodeToString(random(32))
	t.Setenv("PLANTED_SEED", secrets["ed25519 key"])
	t.Setenv("PLANTED_ACKS", secrets.plant("secret of acks"))
	t.Setenv("TEMPORAL_API_KEY", secrets.plant("API key"))
	t.Setenv("TEMPORAL_TLS", "false") // so that commands reach the server here all the same
	t.Setenv("TEMPORAL_GRPC_META_X_TOKEN", secrets.plant("metadata of gRPC"))

	var file strings.Builder
	file.WriteString("defaults: {retry: {max: 1, backoff: 10ms}, circuit: {failures: -1}}\nacks: {secret: \"${PLANTED_ACKS}\", retry: {max: 1, backoff: 10ms}}\nsinks:\n  archive: {file: {path: \"${PLANTED_DIRECTORY}/results.ndjson\"}}\n")
	for name, address := range map[string]string{
		"healthy": receiver.URL, "redirect": receiver.URL, "broken": receiver.URL, "lower": receiver.URL, "escaped": receiver.URL, "echo": receiver.URL,
		"refused": "http://127.0.0.1:1", "certificate": trap.URL, "name": "http://no-such-host.invalid", "proxied": "http://elsewhere.invalid",
	} {
		fmt.Fprintf(&file, "  %s:\n    webhook:\n      url: \"%s/%s/${PLANTED_PATH}\"\n      secret: {file: %s}\n      headers: {Authorization: \"Bearer ${PLANTED_TOKEN}\", X-Basic: \"Basic ${PLANTED_BASIC}\", X-File: {file: %s}, X-Literal: %s, X-DSN: \"${PLANTED_DSN}\"}\n",
			name, address, name, keyFile, tokenFile, secrets.plant("literal header of "+name))
	}
	fmt.Fprintf(&file, `  password:
    webhook: {url: "%[1]s/echo/", auth: {basic: {username: me, password: %[2]s}}, values: {key: "${PLANTED_VALUE}"}, headers: {X-Basic: "{{ .values.key }}"}, body: "{{ json .raw }}"}
  tokens:
    webhook: {url: "%[1]s/echo/", auth: {oauth2: {token_url: "%[1]s/echo/${PLANTED_PATH}", client_id: me, client_secret: "${PLANTED_CLIENT}", parameters: {key: %[3]s}}}}
  tunnelled:
    webhook: {url: "http://127.0.0.1:1/${PLANTED_PATH}", proxy: "%[4]s", auth: {bearer: "${PLANTED_TOKEN}"}, secret: "whsk_${PLANTED_SEED}", secrets: [{file: %[5]s}]}
`, receiver.URL, secrets.plant("literal password"), secrets.plant("literal parameter"), strings.Replace(receiver.URL, "http://", "http://me:"+secrets.plant("password of a proxy of its own")+"@", 1), keyFile)
	config := file.String()
	p := places{}
	say := func(name string, s said) said {
		p.add(name, s.out+s.messages)
		return s
	}
	checkConfigurations(t, p, secrets, config)

	data := filepath.Join(t.TempDir(), "data")
	u := startUp(t, config, "--data-dir", data, "--log-level", "debug")
	mine, target := secret(), secret() // in the data of a result, and in the URL of an ack: both are stored
	id := secret()
	line := fmt.Sprintf(`{"source":"secrets","id":%q,"data":{"password":%q}}`, id, mine)
	for _, how := range [][]string{{}, {"--json"}} {
		args := append([]string{"submit", "--wait", "--ack-url", receiver.URL + "/echo/?token=" + target}, how...)
		require.Equal(t, 1, say("submit", u.run(t, line, args...)).code, "the ack fails\n%s", p["submit"])
	}
	say("submit", u.run(t, line, "submit", "--wait", "--ack-url", "http://me:"+secrets.plant("userinfo of an ack")+"@127.0.0.1:1/"))
	// What has been delivered to the file sink breaks from here on, with its path in the error.
	require.NoError(t, os.RemoveAll(directory))
	require.NoError(t, os.WriteFile(directory, nil, 0o600))
	second := strings.ReplaceAll(line, id, id+"-2")
	say("submit", u.run(t, second, "submit", "--wait"))

	temporal := dialed(t, u.Address)
	var letters []string
	require.Eventually(t, func() bool {
		listed := say("dead letters", u.run(t, "", "dead-letters", "list", "--json"))
		letters = nil
		for line := range strings.Lines(listed.out) {
			var entry struct {
				ID string `json:"id"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && entry.ID != "" {
				letters = append(letters, entry.ID)
			}
		}
		return len(letters) >= 25
	}, patience, 50*time.Millisecond, "twelve sinks park twice, and the file once")
	say("dead letters", u.run(t, "", "dead-letters", "list"))
	for _, letter := range letters {
		say("dead letters", u.run(t, "", "dead-letters", "show", letter))
		say("records", u.run(t, "", "dead-letters", "show", "--json", letter))
		say("records", u.run(t, "", "dead-letters", "show", "--data", letter))
	}
	say("dead letters", u.run(t, "", "dead-letters", "replay", "--wait", letters[0], letters[1], letters[2]))
	say("dead letters", u.run(t, "", "dead-letters", "discard", "--reason", "test", letters[3]))
	say("records", u.run(t, "", "dead-letters", "export"))

	p.histories(t, temporal)
	p.add("metrics", get(t, u.metrics))
	p.webUI(t, u.UI)
	commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", u.Process.Pid))
	require.NoError(t, err)
	p.add("command line", string(commandLine))
	p.files(t, "database", data)
	terminate(t, u.process)
	u.exit(t, patience)
	p.add("log", u.messages.String())
	p.files(t, "database", data)
	awayFromTemporal(t, p, secrets)

	// The search finds what is there.
	require.ElementsMatch(t, []string{"histories", "decoded histories", "records", "Web UI", "database"}, p.with(mine), "data is the user's, and is stored")
	require.ElementsMatch(t, []string{"histories", "decoded histories", "Web UI", "database"}, p.with(target), "an ack's URL is stored, and said nowhere")
	for _, place := range []string{"submit", "dead letters", "log", "records", "histories"} {
		require.Contains(t, p.with(id), place, "the id")
	}
	require.Contains(t, p.with("certificate"), "metrics", "a sink's name")
	require.Contains(t, p.with("--log-level"), "command line")
	require.Contains(t, p.with("${PLANTED_TOKEN}"), "configuration")
	for _, form := range forms(mine)[5:] { // hexadecimal, and base64 at each offset
		require.Equal(t, []string{"x"}, places{"x": []byte("…" + form + "…")}.with(mine))
	}
	for name, text := range secrets {
		require.Empty(t, p.with(text), "%s: %s", name, text)
	}
}

// checkConfigurations shows a configuration, and checks ones with a mistake in what holds the secret.
func checkConfigurations(t *testing.T, p places, secrets planted, config string) {
	t.Helper()
	path := write(t, "consign.yaml", config)
	for _, command := range []string{"show", "check"} {
		for _, form := range []string{"--json=false", "--json"} {
			checked := execute(t, "config", command, form, "--config", path)
			require.Zero(t, checked.code, checked.messages)
			p.add("configuration", checked.out+checked.messages)
		}
	}
	literal := secrets.plant("literal in a mistake")
	for _, mistake := range []string{
		"{url: \"${PLANTED_DSN}\"}", "{url: \"${PLANTED_TOKEN}\"}", "{url: \"${PLANTED_TOKEN}://x\"}", "{url: \"https://a:${PLANTED_TOKEN}@x/\"}", "{url: \"https://x:${PLANTED_TOKEN}/\"}",
		"{url: \"https://a:" + literal + "@x/\"}", "{url: \"htps://x/" + literal + "\"}", "\"https://x/" + literal + "\"", "{url: https://x, secret: whsec_" + literal + "!}",
		"{url: https://x, secret: \"whsk_${PLANTED_TOKEN}\"}", "{url: https://x, secret: [" + literal + "]}", "{url: https://x, secret: {file: /nowhere/${PLANTED_TOKEN}}}", "{url: https://x, secrt: " + literal + "}",
		"{url: https://x, headers: Bearer " + literal + "}", "{url: https://x, headers: {Authorization: [" + literal + "]}}", "{url: https://x, headers: {Authorization: \"" + literal + "\\n\"}}",
		"{url: https://x, headers: {Host: " + literal + "}}", "{url: https://x, headers: \"${PLANTED_TOKEN}\"}", "\"${PLANTED_DSN}\"", "{url: https://x, secret: *" + "unknown}", "{url: [https://x/" + literal + "]}",
		"{url: https://x, body: \"{{ ${PLANTED_TOKEN}\"}", "{url: \"https://x/{{ ${PLANTED_TOKEN} }}\"}", "{url: https://x, headers: {X-A: \"{{ " + literal + " }}\"}}", "{url: https://x, body: \"{{ .data }}\", samples: [" + literal + "]}",
		"{url: https://x, auth: {bearer: \"" + literal + " x\"}}", "{url: https://x, auth: {oauth2: {token_url: \"https://x/%zz${PLANTED_TOKEN}\", client_id: x}}}", "{url: https://x, proxy: \"ftp://me:" + literal + "@x\"}",
		"{url: https://x, secrets: [" + literal + "]}", "{url: https://x, secret: \"whsk_${PLANTED_SEED}!\"}", "{url: https://x, egress: \"${PLANTED_TOKEN}\"}", "{url: https://x, tls: {min_version: \"${PLANTED_TOKEN}\"}}", "{url: https://x, method: \"${PLANTED_TOKEN}\"}",
		"{url: https://x, secret: \"${PLANTED_TOKEN}\", signing: {scheme: custom, signature_header: X, value_format: \"{${PLANTED_TOKEN}}\"}}",
	} {
		path := write(t, "consign.yaml", "sinks:\n  hook:\n    webhook: "+mistake+"\n")
		for _, args := range [][]string{{"config", "check"}, {"config", "check", "--json"}, {"worker"}} {
			checked := execute(t, append(args, "--config", path)...)
			require.Equal(t, 2, checked.code, "%s: %s", mistake, checked.out)
			p.add("configuration", checked.out+checked.messages)
		}
	}
	for _, file := range []string{"sinks: {a: {file: {path: \"${PLANTED_DIRECTORY}\"}}}", "acks: " + literal, "acks: {secret: whsec_" + literal + "!}", "acks: {timeout: \"${PLANTED_TOKEN}\"}", "sinks: \"${PLANTED_DSN}\"", "unmatched: \"${PLANTED_TOKEN}\"", "dead_letters: {also_to: [\"${PLANTED_TOKEN}\"]}"} {
		checked := execute(t, "worker", "--address", "127.0.0.1:1", "--config", write(t, "consign.yaml", file))
		require.Equal(t, 2, checked.code, "%s: %s", file, checked.messages)
		p.add("configuration", checked.messages)
	}
}

// awayFromTemporal runs what fails to reach one, with credentials for it.
func awayFromTemporal(t *testing.T, p places, secrets planted) {
	t.Helper()
	refusing := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Header.Get("Authorization"), http.StatusUnauthorized)
	}))
	t.Cleanup(refusing.Close)
	_, answering, _ := strings.Cut(refusing.URL, "://")
	for _, tls := range []string{"false", "true"} {
		t.Setenv("TEMPORAL_TLS", tls)
		for _, address := range []string{"127.0.0.1:1", answering} {
			for _, args := range [][]string{{"dead-letters", "list"}, {"setup"}, {"submit", "--source", "x", "--timeout", "3s"}} {
				away := invoke(t, "{}", append(args, "--address", address)...)
				require.NotZero(t, away.code)
				p.add("connecting", away.out+away.messages)
			}
		}
	}
	t.Setenv("TEMPORAL_TLS_CLIENT_KEY_DATA", secrets.plant("TLS key"))
	t.Setenv("TEMPORAL_TLS_CLIENT_CERT_DATA", secrets.plant("TLS certificate"))
	away := invoke(t, "", "dead-letters", "list", "--address", "127.0.0.1:1")
	require.NotZero(t, away.code)
	p.add("connecting", away.out+away.messages)
}

func dialed(t *testing.T, address string) client.Client {
	t.Helper()
	temporal, err := client.Dial(client.Options{HostPort: address, DataConverter: consign.DataConverter()})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

// histories adds every run's history, memo and search attributes: as bytes, and with payloads decoded.
func (p places) histories(t *testing.T, temporal client.Client) {
	t.Helper()
	add := func(message proto.Message) {
		binary, err := proto.Marshal(message)
		require.NoError(t, err)
		p.add("histories", string(binary))
		text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(message)
		require.NoError(t, err)
		p.add("decoded histories", string(text))
	}
	page, err := temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	require.Greater(t, len(page.GetExecutions()), 20)
	for _, execution := range page.GetExecutions() {
		add(execution)
		id := execution.GetExecution()
		events := temporal.GetWorkflowHistory(t.Context(), id.GetWorkflowId(), id.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			add(event)
		}
	}
}

// webUI adds what the Web UI's own API answers.
func (p places) webUI(t *testing.T, address string) {
	t.Helper()
	all := get(t, address+"/api/v1/namespaces/default/workflows?pageSize=1000")
	p.add("Web UI", all+get(t, address+"/api/v1/settings")+get(t, address+"/api/v1/cluster-info")+get(t, address))
	var list struct {
		Executions []struct {
			Execution struct {
				WorkflowID string `json:"workflowId"`
				RunID      string `json:"runId"`
			} `json:"execution"`
		} `json:"executions"`
	}
	require.NoError(t, json.Unmarshal([]byte(all), &list))
	require.Greater(t, len(list.Executions), 20)
	for _, one := range list.Executions {
		workflow := address + "/api/v1/namespaces/default/workflows/" + url.PathEscape(one.Execution.WorkflowID)
		run := "execution.runId=" + one.Execution.RunID
		p.add("Web UI", get(t, workflow+"?"+run)+get(t, workflow+"/history?maximumPageSize=1000&"+run))
	}
}

// files adds every file of a directory as it is on the disk.
func (p places) files(t *testing.T, name, directory string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		p.add(name, string(content))
		return err
	}))
}
