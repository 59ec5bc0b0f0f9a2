package embedded

import (
	"context"
	"fmt"

	"modernc.org/sqlite"
)

// pagesPerStep is how much is copied between two looks at the context: 4 MiB.
const pagesPerStep = 1024

// copyDatabase writes the database source, as it is at this moment, to the empty file target.
func copyDatabase(ctx context.Context, source, target string) (err error) {
	db, err := openSQLite(source, "ro", "busy_timeout=10000")
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// Reading in a transaction holds on to the moment. Without one each write of the server between two
	// steps would have SQLite begin the copy anew.
	var tables int
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return err
	}
	return conn.Raw(func(driverConn any) error {
		source, ok := driverConn.(interface {
			NewBackup(uri string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("the SQLite driver's %T makes no online copies", driverConn)
		}
		// A copy that is cut off is thrown away, so it needs no journal, and is synced once, when whole.
		backup, err := source.NewBackup(uri(target, "rw", "journal_mode=off", "synchronous=off"))
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if more, err = backup.Step(pagesPerStep); err == nil {
				err = ctx.Err()
			}
		}
		if finishErr := backup.Finish(); err == nil {
			err = finishErr // it repeats the error of a step
		}
		return err
	})
}
