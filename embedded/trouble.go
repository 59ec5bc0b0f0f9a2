package embedded

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// trouble is what can be wrong with the disk or the file below a running database.
type trouble int

const (
	none    trouble = iota
	full            // no space is left, or no quota
	damaged         // the file is not what SQLite has written
)

const malformed = "database disk image is malformed"

// diagnose finds out what is wrong from an error of SQLite or of the operating system. It reads SQLite's
// texts (https://www.sqlite.org/rescode.html), since the Temporal server passes on no more than these.
func diagnose(err error) trouble {
	if err == nil {
		return none
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return full
	}
	says := func(texts ...string) bool {
		for _, text := range texts {
			if strings.Contains(err.Error(), text) {
				return true
			}
		}
		return false
	}
	switch {
	// 4874 is SQLITE_IOERR_SHMSIZE: the file beside the write-ahead log could not grow.
	case says("database or disk is full", "disk I/O error (4874)"):
		return full
	case says(malformed, "file is not a database"):
		return damaged
	}
	return none
}

// advice says in one sentence what stands in the way of a start, and what to do.
func (d *dataDir) advice(t trouble) string {
	if t == full {
		return fmt.Sprintf("the disk of data directory %s is full: make room there, then start again; nothing that was accepted is lost", d.path)
	}
	return fmt.Sprintf("database %s is damaged: stop consign, move the whole directory away, and restore a backup: "+
		"copy it into an empty directory as %s, then consign up --data-dir THAT", d.database(), databaseName)
}

// alarm says the same of a server that runs.
func (d *dataDir) alarm(t trouble) string {
	if t == full {
		return fmt.Sprintf("the disk of data directory %s is full: nothing new is accepted until there is room; make some, "+
			"and the server goes on by itself; nothing that was accepted is lost", d.path)
	}
	return d.advice(t)
}
