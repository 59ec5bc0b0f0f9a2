package embedded_test

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/embedded"
)

// A power cut can leave any end of the write-ahead log torn. Whatever was committed before the tear is
// there; that the log's index (temporal.db-shm) is gone or is another's does not matter.
func TestStart_TornWriteAheadLog_KeepsEveryCommitBeforeTheTear(t *testing.T) {
	t.Parallel()
	const early, late = 10, 5
	dir := t.TempDir()
	c := spawn(t, dir)
	address := c.address(t)
	var whole int
	for from := 0; ; from += early { // again if the log was begun anew meanwhile
		before := validEnd(contents(t, dir)["temporal.db-wal"])
		begin(t, address, from, from+early)
		whole = validEnd(contents(t, dir)["temporal.db-wal"])
		begin(t, address, from+early, from+early+late)
		if after := validEnd(contents(t, dir)["temporal.db-wal"]); before < whole && whole < after {
			break
		}
	}
	c.kill()
	files := contents(t, dir)
	log := files["temporal.db-wal"]
	end := validEnd(log)
	require.Greater(t, end, whole)

	for name, torn := range map[string]string{
		"after the early commits":       log[:whole],
		"in the middle of a frame":      log[:whole+(end-whole)/2+1],
		"one byte before the end":       log[:end-1],
		"garbled after early commits":   log[:whole] + garbled(log[whole:]),
		"garbled in the last frame":     log[:end-100] + garbled(log[end-100:]),
		"whole, with its index gone":    log,
		"garbled, with a foreign index": log[:end-100] + garbled(log[end-100:]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := maps.Clone(files)
			copied["temporal.db-wal"] = torn
			delete(copied, "temporal.db-shm")
			if name == "garbled, with a foreign index" {
				copied["temporal.db-shm"] = garbled(files["temporal.db-shm"])
			}
			server := start(t, embedded.Options{DataDir: directory(t, copied), Headless: true})
			requireBegun(t, dial(t, server), early)
			if name == "whole, with its index gone" {
				requireBegun(t, dial(t, server), early+late)
			}
		})
	}
}

// validEnd is the end of the frames that a write-ahead log holds since it was last begun anew: those
// with the salt of its header (https://www.sqlite.org/fileformat2.html#walformat).
func validEnd(log string) int {
	const header, frameHeader = 32, 24
	if len(log) < header {
		return 0
	}
	page := int(binary.BigEndian.Uint32([]byte(log[8:12])))
	end := header
	for end+frameHeader+page <= len(log) && log[end+8:end+16] == log[16:24] {
		end += frameHeader + page
	}
	return end
}

func garbled(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] ^= byte(i*7 + 1)
	}
	return string(b)
}

func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}
