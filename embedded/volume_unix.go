//go:build linux || darwin

package embedded

import (
	"fmt"
	"syscall"
)

// volume returns the free space of the volume that a directory is on, as far as this user may take it, and
// the size of the volume, in bytes.
func volume(dir string) (free, total int64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, 0, fmt.Errorf("reading the free space of %s: %w", dir, err)
	}
	block := int64(stat.Bsize)                                         //nolint:unconvert // it is a uint32 on macOS
	return int64(stat.Bavail) * block, int64(stat.Blocks) * block, nil //nolint:gosec // no disk has so many blocks
}
