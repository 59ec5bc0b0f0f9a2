package embedded

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A listing's row as it comes, changes and goes, with something to index and without.
func TestNarrowTriggers_KeepTheFullTextTablesInStepWithTheRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "temporal.db")
	require.NoError(t, createDatabase(t.Context(), path, Options{}))
	db, err := openSQLite(path, "rw")
	require.NoError(t, err)
	defer db.Close()
	write := func(run, attributes string) {
		_, err := db.ExecContext(t.Context(), `INSERT INTO executions_visibility
			(namespace_id, run_id, start_time, execution_time, workflow_id, workflow_type_name, status, encoding, search_attributes)
			VALUES ('n', ?, '2026-01-01', '2026-01-01', 'w', 'Deliver', 1, '', ?)
			ON CONFLICT (namespace_id, run_id) DO UPDATE SET search_attributes = excluded.search_attributes`, run, attributes)
		require.NoError(t, err)
	}
	found := func(table, word string) (n int) {
		query := fmt.Sprintf("SELECT count(*) FROM %s WHERE %s MATCH ?", table, table)
		require.NoError(t, db.QueryRowContext(t.Context(), query, word).Scan(&n))
		return n
	}
	text, lists := fullTextTables[0], fullTextTables[1]

	write("1", `{"Keyword01": "a"}`)
	write("2", `{"BuildIds": "unversioned"}`)
	require.Zero(t, found(lists, "unversioned"))

	write("1", `{"KeywordList01": "red♡blue", "BuildIds": "unversioned", "Text01": "by hand"}`)
	require.Equal(t, 1, found(lists, "blue"))
	require.Equal(t, 1, found(lists, "unversioned"))
	require.Equal(t, 1, found(text, "hand"))

	write("1", `{"KeywordList01": "green", "Text01": "by hand"}`)
	require.Zero(t, found(lists, "blue"))
	require.Equal(t, 1, found(lists, "green"))

	write("1", `{"Keyword01": "a"}`)
	require.Zero(t, found(lists, "green"))
	require.Zero(t, found(text, "hand"))

	write("1", `{"KeywordList01": "last"}`)
	_, err = db.ExecContext(t.Context(), "DELETE FROM executions_visibility")
	require.NoError(t, err)
	require.Zero(t, found(lists, "last"))
	for _, table := range fullTextTables {
		_, err := db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES ('integrity-check')", table, table))
		require.NoError(t, err)
		var rows int
		require.NoError(t, db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s_docsize", table)).Scan(&rows))
		require.Zero(t, rows, table)
	}
}
