package embedded_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap/zaptest"
	_ "modernc.org/sqlite"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
)

func TestStart_ForeignDatabase_IsRefusedUntouched(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]func(t *testing.T, path string){
		"another program's": func(t *testing.T, path string) { execute(t, path, "CREATE TABLE bookmarks (url TEXT)") },
		"another release's": func(t *testing.T, path string) { ownDatabase(t, path, "ALTER TABLE shards ADD COLUMN colour TEXT") },
		"a half made one":   func(t *testing.T, path string) { ownDatabase(t, path, "DROP TABLE shards") },
		"no database at all": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("plain text, long enough to be read as a header of a database, which is 100 bytes long, so here is some more"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "temporal.db")
			file(t, path)
			before, err := os.ReadFile(path)
			require.NoError(t, err)

			_, err = tryStart(t, embedded.Options{DataDir: dir})
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "left as it is")
			require.ErrorContains(t, err, "--data-dir")
			if name != "no database at all" {
				require.ErrorIs(t, err, embedded.ErrForeignSchema)
			}
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestStart_DatabaseOfAnotherRelease_NamesTheReleaseAndTheWayOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history []string // of statements
		want    []string
	}{
		"made and run by one": {nil, []string{
			"It was made by Consign v0.7.0 (Temporal server ", "1. with Consign v0.7.0: consign up --data-dir ",
			"2. beside it, also with Consign v0.7.0: consign drain, then consign dead-letters export > dead.ndjson, then stop it",
			"3. with this release: consign up --data-dir NEW, then consign dead-letters import dead.ndjson",
		}},
		"run by a later one": {
			[]string{"UPDATE consign_release SET consign = 'v0.8.1', temporal_server = '1.99.0' WHERE role = 'ran'"},
			[]string{"It was made by Consign v0.7.0 (Temporal server ", "and last run by Consign v0.8.1 (Temporal server 1.99.0)", "1. with Consign v0.8.1:"},
		},
		"without a record": {
			[]string{"DROP TABLE consign_release"},
			[]string{"It does not record which release of Consign made it", "1. with the release that made it: consign up"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "temporal.db")
			server := start(t, embedded.Options{DataDir: dir, Headless: true, Release: "v0.7.0"})
			stop(t, server)
			for _, statement := range append(test.history, "ALTER TABLE shards ADD COLUMN colour TEXT") {
				execute(t, path, statement)
			}
			before := contents(t, dir)
			_, err := tryStart(t, embedded.Options{DataDir: dir, Release: "v0.9.0"})
			require.ErrorIs(t, err, embedded.ErrForeignSchema)
			for _, part := range append(test.want, path, "other columns in shards", "this is Consign v0.9.0 (Temporal server ", "left as it is") {
				require.ErrorContains(t, err, part)
			}
			require.Equal(t, before["temporal.db"], contents(t, dir)["temporal.db"])
		})
	}
}

// A database from before releases were recorded is this one's from now on.
func TestStart_OnADatabaseWithoutARecord_RecordsWhoRanIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "temporal.db")
	ownDatabase(t, path, "DROP TABLE consign_release")
	stop(t, start(t, embedded.Options{DataDir: dir, Headless: true, Release: "v0.8.0"}))
	execute(t, path, "ALTER TABLE shards ADD COLUMN colour TEXT")
	_, err := tryStart(t, embedded.Options{DataDir: dir})
	require.ErrorContains(t, err, "It was last run by Consign v0.8.0")
}

// A crash while the schema is made leaves a draft, or an empty file of another program's making.
func TestStart_AfterACrashDuringSetup_StartsAfresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db.new"), []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "temporal.db"), nil, 0o600))
	start(t, embedded.Options{DataDir: dir, Headless: true})
	require.NoFileExists(t, filepath.Join(dir, "temporal.db.new"))
}

// The database of a stock server without our attributes stands for one of an earlier release.
func TestStart_OnAStockDatabase_AddsAttributesAndTrimsIndexes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "temporal.db")
	stock := start(t, embedded.Options{DataDir: dir, Headless: true, Stock: true})
	c := dial(t, stock)
	addAttribute(t, c, "Tags", "KeywordList")
	tags := temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeywordList("Tags").ValueSet([]string{"old"}))
	run(t, c, client.StartWorkflowOptions{ID: "old", TypedSearchAttributes: tags})
	_, err := c.OperatorService().RemoveSearchAttributes(t.Context(), &operatorservice.RemoveSearchAttributesRequest{
		Namespace: "default", SearchAttributes: []string{consign.StateAttribute},
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(list(t, c, `Tags = "old"`)) == 1 }, time.Minute, 20*time.Millisecond)
	stop(t, stock)
	require.Equal(t, 59, count(t, path, "index"), "59 with that of the primary key")

	server := start(t, embedded.Options{DataDir: dir, Headless: true})
	c = dial(t, server)
	require.Empty(t, list(t, c, consign.StateAttribute+` = "parked"`))
	parked := temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(consign.StateParked))
	run(t, c, client.StartWorkflowOptions{ID: "new", TypedSearchAttributes: parked})
	require.Eventually(t, func() bool { return len(list(t, c, consign.StateAttribute+` = "parked"`)) == 1 }, 5*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"old"}, list(t, c, `Tags = "old"`))
	require.Equal(t, 17, count(t, path, "index"))
	require.Equal(t, 6, count(t, path, "trigger"))
	stop(t, server)

	again := start(t, embedded.Options{DataDir: dir, Headless: true})
	require.Equal(t, []string{"old"}, list(t, dial(t, again), `Tags = "old"`))
	require.Equal(t, 17, count(t, path, "index"), "trimming again changes nothing")
}

// ownDatabase leaves this server's database at path, changed by a statement.
func ownDatabase(t *testing.T, path, statement string) {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{
		DataDir: filepath.Dir(path), Headless: true, Port: embedded.AnyPort, Logger: zaptest.NewLogger(t),
	})
	require.NoError(t, err)
	stop(t, server)
	execute(t, path, statement)
}

func execute(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// count says how many indexes or triggers the table of workflow listings has.
func count(t *testing.T, path, kind string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_master WHERE tbl_name = 'executions_visibility' AND type = ?", kind).Scan(&n))
	return n
}

func indexed(name, kind string) map[string]enums.IndexedValueType {
	value, err := enums.IndexedValueTypeFromString(kind)
	if err != nil {
		panic(err)
	}
	return map[string]enums.IndexedValueType{name: value}
}
