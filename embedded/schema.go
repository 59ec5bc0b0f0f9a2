package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteschema "go.temporal.io/server/schema/sqlite"

	_ "modernc.org/sqlite" // the driver "sqlite", the one the Temporal server uses as well
)

// createDatabase writes a new database with this server's schema at path. It is made beside it and
// renamed into place, so that a crash leaves either the whole schema or none.
func createDatabase(ctx context.Context, path string, o Options) error {
	draft := path + ".new"
	for _, leftover := range []string{draft, draft + "-journal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := fillDraft(ctx, draft, o); err != nil {
		return err
	}
	if err := syncFile(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

func fillDraft(ctx context.Context, draft string, o Options) error {
	// Only its owner may read a database, also in a directory that others may enter.
	if err := os.WriteFile(draft, nil, 0o600); err != nil {
		return err
	}
	// The draft is thrown away after a crash, so it needs no journal, and is synced once, when whole.
	db, err := openSQLite(draft, "rwc", "journal_mode=off", "synchronous=off")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := writeSchema(ctx, db); err != nil {
		return err
	}
	if err := recordRelease(ctx, db, thisRelease(o), true); err != nil {
		return err
	}
	if !o.Stock {
		if err := trimVisibility(ctx, db); err != nil {
			return err
		}
	}
	return db.Close()
}

// checkDatabase compares the tables in the file at path, opened for reading only, with this server's,
// and looks for damage. Indexes and triggers are not compared: they may be trimmed or not. What differs
// is a [foreignSchema].
func checkDatabase(ctx context.Context, path string) error {
	mode := "ro"
	if _, err := os.Stat(path + "-journal"); err == nil {
		mode = "rw" // a transaction was cut off by a crash: SQLite must undo it before anyone can read
	}
	db, err := openSQLite(path, mode)
	if err != nil {
		return err
	}
	defer db.Close()
	found, err := tables(ctx, db)
	if err != nil {
		return fmt.Errorf("read its tables: %w", err)
	}
	want, err := serverTables(ctx)
	if err != nil {
		return fmt.Errorf("set up this server's schema in memory, to compare with: %w", err)
	}
	delete(found, releaseTable)
	differing := difference(want, found)
	if len(differing) == 0 {
		return checkIntegrity(ctx, db, quickCheck)
	}
	// Without a record the schema is no less foreign.
	releases, _ := recordedReleases(ctx, db)
	return &foreignSchema{differing: differing, releases: releases}
}

// serverTables returns the tables of a fresh database of this server.
func serverTables(ctx context.Context) (map[string]string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection to :memory: is a database of its own
	if err := writeSchema(ctx, db); err != nil {
		return nil, err
	}
	return tables(ctx, db)
}

// writeSchema runs the server's own schema on an empty database, in one transaction.
func writeSchema(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to undo
	if err := sqliteschema.SetupSchemaOnDB(schemaWriter{ctx: ctx, tx: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

// schemaWriter is as much of an AdminDB as SetupSchemaOnDB uses. The server's own AdminDB comes from a
// pool that never closes a connection.
type schemaWriter struct {
	sqlplugin.AdminDB
	ctx context.Context
	tx  *sql.Tx
}

func (w schemaWriter) Exec(statement string, args ...any) error {
	_, err := w.tx.ExecContext(w.ctx, statement, args...)
	return err
}

// tables returns the definition of each table, without comments and layout. The shadow tables in which
// full-text indexes keep their data are SQLite's own business.
func tables(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `
		SELECT m.name, m.sql FROM sqlite_master m JOIN pragma_table_list t ON t.name = m.name AND t.schema = 'main'
		WHERE m.type = 'table' AND t.type IN ('table', 'virtual') AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		found[name] = normalised(definition)
	}
	return found, rows.Err()
}

var sqlComment = regexp.MustCompile(`--[^\n]*`)

func normalised(definition string) string {
	return strings.Join(strings.Fields(sqlComment.ReplaceAllString(definition, "")), " ")
}

// difference names the tables in which two schemas differ, in alphabetical order, at most four of them.
func difference(want, found map[string]string) []string {
	var names []string
	for name, definition := range want {
		switch other, ok := found[name]; {
		case !ok:
			names = append(names, "no table "+name)
		case other != definition:
			names = append(names, "other columns in "+name)
		}
	}
	for name := range found {
		if _, ok := want[name]; !ok {
			names = append(names, "unknown table "+name)
		}
	}
	slices.Sort(names)
	if len(names) > 4 {
		names = append(names[:4], fmt.Sprintf("and %d more", len(names)-4))
	}
	return names
}

// openSQLite opens the file at path with one connection. Pragmas are written as name=value.
func openSQLite(path, mode string, pragmas ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", uri(path, mode, pragmas...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func uri(path, mode string, pragmas ...string) string {
	var uri strings.Builder
	uri.WriteString("file:" + uriPath(path) + "?mode=" + mode)
	for _, pragma := range pragmas {
		uri.WriteString("&_pragma=" + pragma)
	}
	return uri.String()
}

// uriPath escapes what has a meaning in an SQLite URI: https://www.sqlite.org/uri.html.
func uriPath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
