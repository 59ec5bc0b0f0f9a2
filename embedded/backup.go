package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// BackupOptions say what [Backup] copies, and where to.
type BackupOptions struct {
	// DataDir is the data directory of a server, running or not. Default: as in [Options].
	DataDir string
	// File is where the copy goes.
	File string
	// Overwrite allows that File is there already, and replaces it once the copy is whole.
	Overwrite bool
}

// Saved is a backup that has been checked and is on the disk.
type Saved struct {
	// File of the copy, and the data directory that it is a copy of, both as absolute paths.
	File    string `json:"file"`
	DataDir string `json:"data_dir"`
	// Bytes is the size of File.
	Bytes int64 `json:"bytes"`
}

// Backup copies the database of an embedded server as it is at one moment between two commits, whether
// the server runs or not. The copy is complete in one file, for its owner only; File is not touched
// before the copy is whole, has passed SQLite's integrity check and is on the disk.
//
// SQLite copies page by page inside one read transaction, which holds up no writer in WAL mode. VACUUM
// INTO would write a smaller file but rebuild every table and index on the way, and SQLite promises no
// stable rowids then, by which the full-text tables of listings find their rows.
func Backup(ctx context.Context, o BackupOptions) (Saved, error) {
	server := Options{DataDir: o.DataDir}
	server.setDefaults()
	dir, err := filepath.Abs(server.DataDir)
	if err != nil {
		return Saved{}, fmt.Errorf("data directory %s: %w", server.DataDir, err)
	}
	file, err := filepath.Abs(o.File)
	if err != nil {
		return Saved{}, fmt.Errorf("backup to %s: %w", o.File, err)
	}
	source := filepath.Join(dir, databaseName)
	if err := mayBackup(source, file, o.Overwrite); err != nil {
		return Saved{}, err
	}
	size, err := saveTo(ctx, source, file)
	if diagnose(err) == damaged {
		return Saved{}, fmt.Errorf("backup of %s to %s: the database is damaged, and no copy was made: %w: restore an earlier backup", source, file, err)
	}
	if err != nil {
		return Saved{}, fmt.Errorf("backup of %s to %s: %w", source, file, err)
	}
	return Saved{File: file, DataDir: dir, Bytes: size}, nil
}

func mayBackup(source, file string, overwrite bool) error {
	database, err := os.Stat(source)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no database in %s: name the directory of an embedded server with --data-dir", filepath.Dir(source))
	}
	if err != nil {
		return fmt.Errorf("database %s cannot be read: %w", source, err)
	}
	there, err := os.Stat(file)
	_, noLog := os.Stat(file + "-wal")
	switch {
	case noLog == nil && (there == nil || !os.SameFile(there, database)):
		return fmt.Errorf("backup to %s: %s-wal is there, and SQLite would apply it to the copy: name a file elsewhere", file, file)
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("backup to %s: %w", file, err)
	case os.SameFile(there, database):
		return fmt.Errorf("backup to %s: that is the database itself: name another file", file)
	case there.IsDir():
		return fmt.Errorf("backup to %s: that is a directory: name a file in it", file)
	case !overwrite:
		return fmt.Errorf("backup to %s: it is there already: name another file, or replace it with --overwrite", file)
	}
	return nil
}

// saveTo makes the copy beside file under a name of its own, and renames it once it is good.
func saveTo(ctx context.Context, source, file string) (size int64, err error) {
	draft, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // of mode 0600
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	if err := draft.Close(); err != nil {
		return 0, err
	}
	if err := copyDatabase(ctx, source, draft.Name()); err != nil {
		return 0, fmt.Errorf("copy: %w", err)
	}
	if err := checkCopy(ctx, draft.Name()); err != nil {
		return 0, fmt.Errorf("check the copy: %w", err)
	}
	if err := syncFile(draft.Name()); err != nil {
		return 0, err
	}
	info, err := os.Stat(draft.Name())
	if err != nil {
		return 0, err
	}
	if err := os.Rename(draft.Name(), file); err != nil {
		return 0, err
	}
	return info.Size(), syncFile(filepath.Dir(file))
}

func checkCopy(ctx context.Context, path string) error {
	// An immutable file is read without locks and without files beside it.
	db, err := openSQLite(path, "ro&immutable=1")
	if err != nil {
		return err
	}
	defer db.Close()
	return checkIntegrity(ctx, db, fullCheck)
}
