package file

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/consign-dev/consign/sinks"
)

// The wait between two tries to take the lock. Another worker holds it for one write, much below a
// millisecond; a stopped one until it goes on.
const (
	firstWait = 100 * time.Microsecond
	maxWait   = 20 * time.Millisecond
)

// lock takes the lock on the file that has the path now: a file that was renamed or deleted is let
// go of, and a new one created. It gives up when abandoned says that nobody waits any more.
func (s *Sink) lock(abandoned func() bool) error {
	defer s.locked.Store(false)
	for wait := firstWait; ; {
		if s.file == nil {
			if err := s.open(); err != nil {
				return err
			}
		}
		taken, err := tryLock(s.file)
		if err != nil {
			s.release()
			return fmt.Errorf("lock: %w", err)
		}
		if abandoned() {
			s.release()
			return errors.New("nobody waits for it any more")
		}
		if taken {
			if s.current() {
				return nil
			}
			s.release()
			continue
		}
		s.locked.Store(true)
		select {
		case <-time.After(wait):
		case <-s.closing:
			return fmt.Errorf("someone else holds the lock: %w", sinks.ErrClosed)
		}
		wait = min(2*wait, maxWait)
	}
}

// current says whether the open file is still the one at the path.
func (s *Sink) current() bool {
	opened, err := s.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(s.path)
	return err == nil && os.SameFile(opened, named)
}

// tryLock takes the lock of an open file unless someone else has it. A process that dies lets go.
func tryLock(file *os.File) (bool, error) {
	err := control(file, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) })
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func unlock(file *os.File) error {
	return control(file, func(fd int) error { return syscall.Flock(fd, syscall.LOCK_UN) })
}

func control(file *os.File, call func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			if failed = call(int(fd)); !errors.Is(failed, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}
