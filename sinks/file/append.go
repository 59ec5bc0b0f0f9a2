package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// maxWrite is about how many bytes are joined into one write: enough for many results, and little
// to hold in memory.
const maxWrite = 4 << 20

// appendix is a batch that waits to be appended.
type appendix struct {
	ctx   context.Context
	lines []byte
	// done takes the outcome, and is never blocked.
	done chan error
}

// run appends what is handed in until the sink closes. While one round is written and synced the
// next one gathers, and then shares its write and its fsync.
func (s *Sink) run() {
	defer close(s.closed)
	defer s.release()
	for {
		select {
		case first := <-s.appends:
			round := s.gather(first)
			err := s.commit(round)
			for _, a := range round {
				a.done <- err
			}
		case <-s.closing:
			return
		}
	}
}

// gather adds those who wait already to the first one.
func (s *Sink) gather(first *appendix) []*appendix {
	round := []*appendix{first}
	for size := len(first.lines); size < maxWrite; {
		select {
		case a := <-s.appends:
			round = append(round, a)
			size += len(a.lines)
		default:
			return round
		}
	}
	return round
}

// commit brings a round to disk.
func (s *Sink) commit(round []*appendix) error {
	if err := s.write(round); err != nil {
		s.release()
		return err
	}
	if !s.sync {
		return nil
	}
	if err := s.flush(s.file); err != nil {
		// The kernel may have dropped what it could not write, and says so once: the next fsync of
		// this handle would succeed without it.
		s.release()
		return err
	}
	return nil
}

// write appends the lines of a round under the lock, by one call, or leaves the file as it was.
func (s *Sink) write(round []*appendix) error {
	if err := s.lock(func() bool { return abandoned(round) }); err != nil {
		return err
	}
	end, whole, err := mend(s.file)
	if err != nil {
		return err
	}
	lines := make([][]byte, 0, len(round)+1)
	if !whole {
		lines = append(lines, []byte("\n"))
	}
	for _, a := range round {
		lines = append(lines, a.lines)
	}
	if _, err := s.file.Write(bytes.Join(lines, nil)); err != nil {
		return errors.Join(err, s.takeBack(end))
	}
	if err := unlock(s.file); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

// abandoned says whether nobody waits for any of a round. One whose caller has gone is still
// appended with the others: it was reported as failed, and a failed delivery may have arrived.
func abandoned(round []*appendix) bool {
	for _, a := range round {
		if a.ctx.Err() == nil {
			return false
		}
	}
	return true
}

// takeBack removes what a failed write has left beyond end.
func (s *Sink) takeBack(end int64) error {
	info, err := s.file.Stat()
	if err == nil && info.Size() > end {
		err = s.file.Truncate(end)
	}
	if err != nil {
		return fmt.Errorf("take back a half write (the next append cuts it): %w", err)
	}
	return nil
}
