package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// filler writes closed deliveries into the database of a server that does not run. They are copies, row by
// row, of some that the engine made: the same rows in the same tables, with ids of their own. So they come
// a hundred times as fast as the engine makes them.
type filler struct {
	file      string
	originals []*original
	last      copied // the latest copy
}

// copied is one workflow.
type copied struct{ workflow, run string }

const (
	// maxOriginals is how many deliveries are copied in turn.
	maxOriginals = 64
	// fillBatch is how many copies are written in a transaction.
	fillBatch = 1000
)

// fill brings the number of closed workflows up to want.
func (f *filler) fill(ctx context.Context, want int) (err error) {
	file, err := filepath.Abs(f.file)
	if err != nil {
		return err
	}
	// What is lost in a power cut is no loss here; half a gigabyte (cache_size, in KiB) holds most of what random ids touch.
	source := url.URL{Scheme: "file", Path: file, RawQuery: "mode=rw&_pragma=synchronous=off&_pragma=cache_size=-500000"}
	db, err := sql.Open("sqlite", source.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if f.originals == nil {
		if err := f.read(ctx, db); err != nil {
			return err
		}
	}
	var held int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM executions_visibility WHERE close_time IS NOT NULL").Scan(&held); err != nil {
		return err
	}
	for held < want {
		n := min(fillBatch, want-held)
		if err := f.write(ctx, db, n); err != nil {
			return err
		}
		held += n
	}
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	// Else the first commits of the server would wait for all of this.
	return syncFile(f.file)
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// write writes n copies in one transaction.
func (f *filler) write(ctx context.Context, db *sql.DB, n int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to undo
	statements := map[string]*sql.Stmt{}
	for i := range n {
		from, to := f.originals[i%len(f.originals)], newIDs()
		for j := range from.rows {
			row := &from.rows[j]
			statement := statements[row.insert]
			if statement == nil {
				if statement, err = tx.PrepareContext(ctx, row.insert); err != nil {
					return fmt.Errorf("%s: %w", row.insert, err)
				}
				statements[row.insert] = statement
			}
			args, err := row.copy(from.ids, to)
			if err != nil {
				return err
			}
			if _, err := statement.ExecContext(ctx, args...); err != nil {
				return fmt.Errorf("%s: %w", row.insert, err)
			}
		}
		f.last = copied{workflow: to.workflow(), run: to.run.String()}
	}
	return tx.Commit()
}
