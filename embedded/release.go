package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"

	"go.temporal.io/server/common/headers"
)

// releaseTable is Consign's own table in the database: which release made it and which one ran it last.
const releaseTable = "consign_release"

// release is a version of Consign with the Temporal server inside it.
type release struct{ consign, temporal string }

func (r release) String() string {
	return fmt.Sprintf("Consign %s (Temporal server %s)", r.consign, r.temporal)
}

// thisRelease is what Options say, else what the build information does.
func thisRelease(o Options) release {
	r := release{consign: o.Release, temporal: headers.ServerVersion}
	if r.consign != "" {
		return r
	}
	const module = "github.com/consign-dev/consign"
	r.consign = "dev"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return r
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module && m.Version != "" && m.Version != "(devel)" {
			r.consign = m.Version
		}
	}
	return r
}

// The roles in which a release can stand in the database.
const (
	made = "made"
	ran  = "ran"
)

// recordRelease writes into a database that r is about to run it, and, if it is new, that r made it.
func recordRelease(ctx context.Context, db *sql.DB, r release, isNew bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to undo
	_, err = tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+releaseTable+
		" (role TEXT PRIMARY KEY, consign TEXT NOT NULL, temporal_server TEXT NOT NULL, at TEXT NOT NULL)")
	if err != nil {
		return err
	}
	roles := []string{ran}
	if isNew {
		roles = []string{made, ran}
	}
	for _, role := range roles {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO "+releaseTable+" VALUES (?, ?, ?, datetime('now'))", role, r.consign, r.temporal)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// recordedReleases reads what recordRelease wrote, by role; nothing from a database that has no record.
func recordedReleases(ctx context.Context, db *sql.DB) (map[string]release, error) {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sqlite_master WHERE name = ?", releaseTable).Scan(&there); err != nil || !there {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "SELECT role, consign, temporal_server FROM "+releaseTable)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]release{}
	for rows.Next() {
		var role string
		var r release
		if err := rows.Scan(&role, &r.consign, &r.temporal); err != nil {
			return nil, err
		}
		found[role] = r
	}
	return found, rows.Err()
}
