package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// dataDir is the directory of one server's database, held by a lock while the server runs.
type dataDir struct {
	path      string
	ephemeral bool
	lock      *flock.Flock
}

func openDataDir(o Options) (*dataDir, error) {
	d := &dataDir{path: o.DataDir, ephemeral: o.Ephemeral}
	if d.ephemeral {
		path, err := os.MkdirTemp("", "consign-")
		if err != nil {
			return nil, fmt.Errorf("make a temporary data directory: %w: set TMPDIR to a directory that can be written", err)
		}
		d.path = path
	}
	// The server keeps the path, so it must not depend on the working directory.
	path, err := filepath.Abs(d.path)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", d.path, err)
	}
	d.path = path
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, d.unwritable(err)
	}
	d.lock = flock.New(filepath.Join(d.path, "lock"), flock.SetPermissions(0o600))
	locked, err := d.lock.TryLock()
	if err != nil {
		return nil, d.unwritable(err)
	}
	if !locked {
		return nil, fmt.Errorf("data directory %s is in use by another consign: stop that one, or choose another directory with --data-dir", d.path)
	}
	return d, nil
}

func (d *dataDir) unwritable(err error) error {
	if diagnose(err) == full {
		return fmt.Errorf("%s: %w", d.advice(full), err)
	}
	return fmt.Errorf("data directory %s cannot be written: %w: make it writable for this user, or choose another one with --data-dir", d.path, err)
}

// databaseName is the file of the database in its directory. SQLite keeps two more beside it while a
// server runs, and after a crash: temporal.db-wal, which belongs to the content, and temporal.db-shm.
const databaseName = "temporal.db"

func (d *dataDir) database() string { return filepath.Join(d.path, databaseName) }

// prepare makes the database, or checks the one that is there and trims it.
func (d *dataDir) prepare(ctx context.Context, o Options) error {
	path := d.database()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && info.Mode().IsRegular() && info.Size() == 0:
		err := createDatabase(ctx, path, o)
		if err != nil && ctx.Err() == nil {
			return d.unwritable(err)
		}
		return err
	case err != nil:
		return d.unwritable(err)
	}
	if err := checkDatabase(ctx, path); err != nil {
		return d.refused(err, thisRelease(o))
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return d.unwritable(err)
	}
	file.Close()
	return d.adopt(ctx, o)
}

// adopt makes the database that is there this release's.
func (d *dataDir) adopt(ctx context.Context, o Options) error {
	db, err := openSQLite(d.database(), "rw", "busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	err = recordRelease(ctx, db, thisRelease(o), false)
	if err == nil && !o.Stock {
		err = trimVisibility(ctx, db)
	}
	if t := diagnose(err); t != none {
		return fmt.Errorf("%s: %w", d.advice(t), err)
	}
	if err != nil {
		return fmt.Errorf("prepare database %s: %w", d.database(), err)
	}
	return nil
}

// refused explains why the database is not opened, and what to do.
func (d *dataDir) refused(err error, this release) error {
	const cannot = "database %s cannot be used, and was left as it is: %w"
	if foreign, ok := errors.AsType[*foreignSchema](err); ok {
		return fmt.Errorf(cannot+"\n%s", d.database(), err, foreign.wayOut(d.path, this))
	}
	if t := diagnose(err); t != none {
		return fmt.Errorf(cannot+"\n%s", d.database(), err, d.advice(t))
	}
	return fmt.Errorf(cannot+": make it readable for this user, or start afresh in another directory with --data-dir", d.database(), err)
}

// settle moves what stands in the write-ahead log into the database, so that after a stop the one file is
// all there is, for those who copy it by hand. If that fails, the next start does it.
func (d *dataDir) settle(ctx context.Context) {
	if d.ephemeral {
		return
	}
	db, err := openSQLite(d.database(), "rw", "busy_timeout=1000")
	if err != nil {
		return
	}
	defer db.Close()
	_, _ = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
}

// close gives the directory up, and removes an ephemeral one.
func (d *dataDir) close() error { return errors.Join(d.discard(), d.lock.Close()) }

// discard removes an ephemeral directory.
func (d *dataDir) discard() error {
	if !d.ephemeral {
		return nil
	}
	return os.RemoveAll(d.path)
}
