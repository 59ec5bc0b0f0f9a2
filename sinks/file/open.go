package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// open opens the file for appending, and creates it when it is missing.
func (s *Sink) open() error {
	made, err := makeDirectories(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("create the directory of %s: %w%s", s.path, err, remedy(err))
	}
	if info, err := os.Stat(s.path); err == nil && !info.Mode().IsRegular() {
		return notAFile(s.path, info.Mode())
	}
	file, err := os.OpenFile(s.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, s.mode)
	if err != nil {
		return fmt.Errorf("open for appending: %w%s", err, remedy(err))
	}
	// A file, and a directory, last through a loss of power once the directory above is synced.
	// Whoever created the file may not have come to it.
	if s.sync {
		for _, dir := range append(made, filepath.Dir(s.path)) {
			if err := syncDirectory(dir); err != nil {
				return errors.Join(err, file.Close())
			}
		}
	}
	s.file = file
	return nil
}

func (s *Sink) release() {
	if s.file != nil {
		// Whatever counts as delivered has been synced before.
		_ = s.file.Close()
		s.file = nil
	}
}

// makeDirectories creates dir and what is missing above it, and returns the directories that hold
// the new ones.
func makeDirectories(dir string) (changed []string, err error) {
	for missing := dir; ; missing = filepath.Dir(missing) {
		if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) || missing == filepath.Dir(missing) {
			break
		}
		changed = append(changed, filepath.Dir(missing))
	}
	return changed, os.MkdirAll(dir, 0o755)
}

// syncDirectory makes the entries of a directory durable, where that can be done: some file systems
// cannot, and whoever may not read a directory may not sync it.
func syncDirectory(dir string) error {
	handle, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = handle.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, handle.Close())
}

func notAFile(path string, mode fs.FileMode) error {
	if mode.IsDir() {
		return fmt.Errorf("open %s for appending: it is a directory: name a file in it, such as %s",
			path, filepath.Join(path, "results.ndjson"))
	}
	return fmt.Errorf("open %s for appending: it is no regular file: to print results use the kind stdout", path)
}

// remedy says what to do about a failure to open.
func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(": let user %d write there, or choose another path", os.Getuid())
	case errors.Is(err, syscall.EROFS):
		return ": choose a path on a file system that can be written to"
	}
	return ""
}
