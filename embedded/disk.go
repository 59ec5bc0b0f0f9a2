package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"go.uber.org/zap"
)

// Disk is what a server takes of its disk, and what it may.
type Disk struct {
	// Used is what the database holds, in bytes: the pages that are in use, and the write-ahead log. The file
	// may be larger, since SQLite keeps pages that were freed and uses them again.
	Used int64
	// Limit of Used, in bytes, from which on no new results are taken; 0: none.
	Limit int64
	// Room is what Used can grow by, in bytes: the free space of the volume and the free pages of the file.
	Room int64
	// Free is the free space of the volume, in bytes.
	Free int64
	// MinFree is the least of Room at which new results are taken, in bytes; 0: whatever it is.
	MinFree int64
	// Full says why no new results are taken; nil while they are.
	Full error
}

const (
	// diskPace is the time from one look at the disk to the next. A look takes some 0.1 ms.
	diskPace = 250 * time.Millisecond
	// smallestMaxDisk is the least that MaxDisk may be, in bytes. An empty database and its log are about 5 MB.
	smallestMaxDisk = 32_000_000
	// usualMinFree, or a twentieth of a smaller volume, is kept free where nothing else is asked for, in bytes.
	usualMinFree, usualMinFreePart = 1 << 30, 20
	// logPart of what is kept free has to be free on the volume itself: free pages of the file take up results,
	// but the write-ahead log, which is cut back to 64 MiB, needs space of its own.
	logPart = 8
	// reopen is the part of the limit below which new results are taken again, in percent.
	reopen = 90
)

// gauge watches the disk of a server, and says when there is no room for new results.
type gauge struct {
	dir     *dataDir
	db      *sql.DB
	log     *zap.Logger
	last    atomic.Pointer[Disk]
	trouble string // of the last look
	end     context.CancelFunc
	done    chan struct{}
}

// watchDisk looks once, and then again and again until stop.
func watchDisk(ctx context.Context, dir *dataDir, o Options) (*gauge, error) {
	db, err := openSQLite(dir.database(), "ro", "busy_timeout=1000")
	if err != nil {
		return nil, err
	}
	g := &gauge{dir: dir, db: db, log: o.Logger, done: make(chan struct{})}
	first := Disk{Limit: o.MaxDisk, MinFree: max(0, o.MinFree)}
	if o.MinFree == 0 {
		if _, total, err := volume(dir.path); err == nil {
			first.MinFree = min(usualMinFree, total/usualMinFreePart)
		}
	}
	g.last.Store(&first)
	g.look(ctx)
	ctx, g.end = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(g.done)
		tick := time.NewTicker(diskPace)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				g.look(ctx)
			}
		}
	}()
	return g, nil
}

func (g *gauge) stop() {
	g.end()
	<-g.done
	g.db.Close()
}

// look measures, and tells the log of a change. Where it cannot measure, all stays as it is: a disk that is
// really full shows by itself.
func (g *gauge) look(ctx context.Context) {
	next := *g.last.Load()
	if err := g.measure(ctx, &next); err != nil {
		if ctx.Err() == nil && err.Error() != g.trouble {
			g.trouble = err.Error()
			g.log.Warn("cannot tell how much of the disk is used", zap.String("data_dir", g.dir.path), zap.Error(err))
		}
		return
	}
	g.trouble = ""
	before := next.Full
	next.Full = next.judge()
	g.last.Store(&next)
	switch {
	case before == nil && next.Full != nil:
		g.log.Warn("no new results are taken until there is room; what was accepted goes on", zap.String("data_dir", g.dir.path), zap.String("reason", next.Full.Error()))
	case before != nil && next.Full == nil:
		g.log.Warn("new results are taken again", zap.String("data_dir", g.dir.path), zap.String("used", humanize.Bytes(uint64(next.Used))), //nolint:gosec // never below zero
			zap.String("room", humanize.Bytes(uint64(next.Room)))) //nolint:gosec // never below zero
	}
}

func (g *gauge) measure(ctx context.Context, d *Disk) error {
	var size, pages, unused int64
	err := g.db.QueryRowContext(ctx, "SELECT page_size, page_count, freelist_count FROM pragma_page_size, pragma_page_count, pragma_freelist_count").
		Scan(&size, &pages, &unused)
	if err != nil {
		return fmt.Errorf("reading the size of %s: %w", g.dir.database(), err)
	}
	d.Used = (pages - unused) * size
	switch info, err := os.Stat(g.dir.database() + "-wal"); {
	case err == nil:
		d.Used += info.Size()
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	d.Free, _, err = volume(g.dir.path)
	d.Room = d.Free + unused*size
	return err
}

// judge says why no new results are taken, with d.Full from before: once they are refused, a tenth more room
// is needed, so that it does not open and close with each of them.
func (d *Disk) judge() error {
	limit, least := d.Limit, d.MinFree
	if d.Full != nil {
		limit, least = limit/100*reopen, least/reopen*100
	}
	switch {
	case d.Limit > 0 && d.Used >= limit:
		return fmt.Errorf("the database holds %s of the %s that --max-disk allows: new results are taken again below %s, when retention has deleted what is closed; "+
			"raise --max-disk, shorten --retention, or replay or discard dead letters to have that sooner", inBytes(d.Used), inBytes(d.Limit), inBytes(d.Limit/100*reopen))
	case d.MinFree > 0 && d.Room < least:
		return fmt.Errorf("the disk of the database has room for %s more, and %s are kept free (--min-free): "+
			"make room on it, shorten --retention, or lower --min-free", inBytes(d.Room), inBytes(d.MinFree))
	case d.MinFree > 0 && d.Free < least/logPart:
		return fmt.Errorf("the disk of the database has %s free, and its log alone may need %s (an eighth of --min-free): "+
			"make room on it, or lower --min-free", inBytes(d.Free), inBytes(d.MinFree/logPart))
	}
	return nil
}

func inBytes(n int64) string { return humanize.Bytes(uint64(max(0, n))) }
