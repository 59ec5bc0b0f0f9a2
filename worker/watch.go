package worker

import (
	"context"
	"os"
	"time"
)

const (
	// watchEvery is how often a worker looks whether a file of its configuration has changed.
	watchEvery = time.Second
	// watchMissing is how many looks a file may be missing before that counts as a change: editors, and those who
	// deploy, put another one in its place.
	watchMissing = 5
	// watchRetry is how soon a configuration that was refused is read again although no file has changed: a secret may
	// have come, or a server that a sink asks when it is opened.
	watchRetry = 30 * time.Second
)

// changedFiles is who has asked for a reload that nobody has asked for.
const changedFiles = "a file that has changed"

// Watch has the worker read its configuration anew whenever one of its files changes, those of secrets and certificates
// included, until ctx is over. It waits until a file that is being written is the same at two looks.
func (w *Worker) Watch(ctx context.Context) {
	watched := newFiles(w.Config().Files())
	watched.since(w.Config().Read)
	var refused time.Time // when a configuration was refused last; zero: the last one was not
	every(ctx, watchEvery, func(time.Time) {
		if !watched.changed() && (refused.IsZero() || time.Since(refused) < watchRetry) {
			return
		}
		refused = time.Time{}
		if answer := w.Reread(ctx, changedFiles); len(answer.Refused) > 0 {
			refused = time.Now()
		}
		watched.name(w.Config().Files())
	})
}

// files are those of which is known what they were like when they were looked at last.
type files struct {
	known   map[string]os.FileInfo // as they were when they were read; nil: missing
	pending map[string]os.FileInfo // as they were at the last look, where that differs; nil: it does not
	missing int                    // looks in a row at which one was missing
}

func newFiles(paths []string) *files {
	f := &files{known: map[string]os.FileInfo{}}
	f.name(paths)
	return f
}

// sinceRead is how much older than it is a file may say that it is: the clock by which Linux dates them moves every few
// milliseconds.
const sinceRead = 10 * time.Millisecond

// since has files that were written after the configuration was read count as changed. It may have been read minutes
// before, while Temporal was away.
func (f *files) since(read time.Time) {
	for path, info := range f.known {
		if info != nil && info.ModTime().After(read.Add(-sinceRead)) {
			f.known[path] = nil
		}
	}
}

// name has these watched and no others. Those that were before count as they were then.
func (f *files) name(paths []string) {
	known := map[string]os.FileInfo{}
	for _, path := range paths {
		info, before := f.known[path]
		if !before {
			info = look(path)
		}
		known[path] = info
	}
	f.known, f.pending = known, nil
}

// look follows links, by which Kubernetes swaps what a volume holds.
func look(path string) os.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// changed tells whether they are not what they were, and are no more being changed.
func (f *files) changed() bool {
	now, gone := map[string]os.FileInfo{}, false
	for path, before := range f.known {
		now[path] = look(path)
		gone = gone || now[path] == nil && before != nil
	}
	if !gone {
		f.missing = 0
	}
	switch {
	case alike(now, f.known):
		f.pending = nil
	case gone && f.missing < watchMissing:
		f.missing++
		f.pending = now
	case f.pending == nil || !alike(now, f.pending):
		f.pending = now
	default:
		f.known, f.pending = now, nil
		return true
	}
	return false
}

// alike tells whether files are the same at two looks.
func alike(a, b map[string]os.FileInfo) bool {
	for path, one := range a {
		other := b[path]
		if (one == nil) != (other == nil) {
			return false
		}
		if one != nil && (!os.SameFile(one, other) || !one.ModTime().Equal(other.ModTime()) || one.Size() != other.Size()) {
			return false
		}
	}
	return true
}
