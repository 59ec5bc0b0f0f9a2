package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
)

// realInput is what real engines have written: its files, and the bytes of each result's data by
// source/id.
func realInput(t *testing.T) (files []string, want map[string]string) {
	t.Helper()
	files, err := filepath.Glob("../../../shared/data/*.ndjson")
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the folder with real input, ../shared/data beside the checkout, is not here")
	}
	want = map[string]string{}
	for i := range files {
		files[i], err = filepath.Abs(files[i])
		require.NoError(t, err)
		text, err := os.ReadFile(files[i])
		require.NoError(t, err)
		for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
			var envelope struct {
				Source string          `json:"source"`
				ID     string          `json:"id"`
				Data   json.RawMessage `json:"data"`
			}
			require.NoError(t, json.Unmarshal(line, &envelope))
			want[envelope.Source+"/"+envelope.ID] = string(envelope.Data)
		}
	}
	require.Len(t, want, 503)
	return files, want
}

// troubled is a set of sinks with something wrong at each but the first, until they heal.
type troubled struct {
	archive, ledger string
	flaky, desk     *desk
	file            string // configuration
}

func newTroubled(t *testing.T) *troubled {
	t.Helper()
	dir := t.TempDir()
	s := &troubled{archive: filepath.Join(dir, "archive.ndjson"), ledger: filepath.Join(dir, "ledger.ndjson")}
	twice := func(_ string, tries int) int {
		if tries <= 2 {
			return http.StatusInternalServerError
		}
		return 0
	}
	s.flaky, s.desk = newDesk(t, twice), newDesk(t, refuse)
	// Some results are incidents, which a sink has to ask for.
	s.file = fmt.Sprintf(`
defaults: {incidents: true, circuit: {failures: -1}, retry: {max: 1, backoff: 10ms}}
sinks:
  archive: {file: {path: %s}}
  ledger: {file: {path: %s}}
  flaky: {webhook: {url: %s}, retry: {max: 5, backoff: 10ms}}
  desk: {webhook: {url: %s}}
`, s.archive, s.ledger, s.flaky.URL, s.desk.URL)
	return s
}

// obstruct has the ledger fail: it finds a directory where its file was.
func (s *troubled) obstruct(t *testing.T) {
	t.Helper()
	require.NoError(t, os.Remove(s.ledger))
	require.NoError(t, os.Mkdir(s.ledger, 0o755))
}

// TestUp_RealInputUnderFaults_StaysByteForByte_AtSinksAndInDeadLettersAndTheirExport sends what real
// engines have written through sinks that fail, park and are replayed: one sink's where they were parked,
// the other's after an export and import on another server.
func TestUp_RealInputUnderFaults_StaysByteForByte_AtSinksAndInDeadLettersAndTheirExport(t *testing.T) {
	t.Parallel()
	files, want := realInput(t)
	at := newTroubled(t)
	u := startUp(t, at.file, "--ephemeral", "--headless")
	at.obstruct(t)
	submitted := u.run(t, "", append([]string{"submit", "--wait"}, files...)...)
	require.Equal(t, 4, submitted.code, "%s", submitted.messages)
	require.Zero(t, u.run(t, "", "drain").code)
	letters := filepath.Join(t.TempDir(), "letters.ndjson")
	exported := u.run(t, "", "dlq", "export", letters)
	require.Zero(t, exported.code, "%s", exported.messages)
	text, err := os.ReadFile(letters)
	require.NoError(t, err)
	parked := map[string]int{}
	for line := range bytes.Lines(text) {
		var letter deadletters.Line
		require.NoError(t, json.Unmarshal(line, &letter))
		require.Len(t, letter.Results, 1)
		key := letter.Results[0].Source + "/" + letter.Results[0].ID
		require.Equal(t, want[key], string(letter.Results[0].Data), key)
		require.Equal(t, want[key], letter.OriginalEvent, key)
		parked[letter.Sink]++
		if letter.Sink == "desk" {
			shown := execute(t, "dlq", "show", letter.ID, "--json", "--address", u.Address)
			require.Zero(t, shown.code, "%s", shown.messages)
			require.Contains(t, shown.out, `"data":`+want[key]+`}`, key)
		}
	}
	require.Equal(t, map[string]int{"desk": len(want), "ledger": len(want)}, parked)

	require.NoError(t, os.Remove(at.ledger)) // the directory in its place
	replayed := u.run(t, "", "dlq", "replay", "--all", "--sink", "ledger", "--wait")
	require.Zero(t, replayed.code, "%s", replayed.messages)
	terminate(t, u.process)
	require.Zero(t, u.exit(t, patience))

	at.desk.heal()
	u = startUp(t, at.file, "--ephemeral", "--headless")
	imported := u.run(t, "", "dlq", "import", letters)
	require.Zero(t, imported.code, "%s", imported.messages)
	require.Eventually(t, func() bool {
		return strings.Count(u.run(t, "", "dlq", "list", "--sink", "desk", "--limit", "0").out, "\n") == len(want)
	}, patience, 50*time.Millisecond)
	replayed = u.run(t, "", "dlq", "replay", "--all", "--sink", "desk", "--wait")
	require.Zero(t, replayed.code, "%s", replayed.messages)

	for name, path := range map[string]string{"archive": at.archive, "ledger": at.ledger} {
		taken := inFile(t, path)
		require.Len(t, taken, len(want), name)
		for key, data := range want {
			require.Equal(t, []string{data}, taken[key], "%s at %s", key, name)
		}
	}
	for name, desk := range map[string]*desk{"flaky": at.flaky, "desk": at.desk} {
		taken := desk.once(t)
		require.Len(t, taken, len(want), name)
		for key, data := range want {
			source, id, _ := strings.Cut(key, "/")
			require.Equal(t, data, taken[consign.DeliveryID(source, id, name)], "%s at %s", key, name)
		}
	}
}
