package unix_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sinks/unix"
)

// collector listens on a socket and keeps what it reads, by connection.
type collector struct {
	t    *testing.T
	path string

	mu       sync.Mutex
	listener *net.UnixListener
	conns    []*connection
	readers  sync.WaitGroup
	// markers counts the connections of settle.
	markers int
}

// connection is one that a collector has accepted.
type connection struct {
	conn *net.UnixConn
	// read is what has been read so far.
	read []byte
	// ended means that its reader is done.
	ended bool
}

// socketPath returns a path that is short enough whatever the name of the test.
func socketPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "consign") //nolint:usetesting // t.TempDir has the name of the test in it.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return filepath.Join(dir, "results.sock")
}

func collect(t *testing.T, path string) *collector {
	t.Helper()
	c := &collector{t: t, path: path}
	c.listen()
	t.Cleanup(c.stop)
	return c
}

func (c *collector) listen() {
	c.t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.path, Net: "unix"})
	require.NoError(c.t, err)
	c.mu.Lock()
	c.listener = listener
	c.mu.Unlock()
	c.readers.Go(func() {
		for {
			conn, err := listener.AcceptUnix()
			if err != nil {
				return
			}
			accepted := &connection{conn: conn}
			c.mu.Lock()
			c.conns = append(c.conns, accepted)
			c.mu.Unlock()
			c.readers.Go(func() { c.readAll(accepted) })
		}
	})
}

// readAll reads under the lock, so that nobody sees the time between a read and its being kept.
func (c *collector) readAll(from *connection) {
	raw, err := from.conn.SyscallConn()
	if err != nil {
		return
	}
	buffer := make([]byte, 64<<10)
	_ = raw.Read(func(fd uintptr) bool {
		for {
			c.mu.Lock()
			n, err := syscall.Read(int(fd), buffer)
			if n > 0 {
				from.read = append(from.read, buffer[:n]...)
			}
			from.ended = err != syscall.EAGAIN && err != syscall.EINTR && n <= 0
			ended := from.ended
			c.mu.Unlock()
			switch {
			case ended:
				return true
			case err == syscall.EAGAIN:
				return false
			}
		}
	})
	_ = from.conn.Close()
	c.mu.Lock()
	from.ended = true // also when stop has closed it
	c.mu.Unlock()
}

// stop ends the collector as the end of its process would.
func (c *collector) stop() {
	c.mu.Lock()
	if c.listener != nil {
		_ = c.listener.Close()
		c.listener = nil
	}
	conns := slices.Clone(c.conns)
	c.mu.Unlock()
	for _, from := range conns {
		_ = from.conn.Close() // waits for a read under way, which takes the lock
	}
	c.readers.Wait()
}

// streams returns what has been written to each connection, in their order, once all of it is read.
func (c *collector) streams() [][]byte {
	c.t.Helper()
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	var streams [][]byte
	for _, from := range c.conns {
		if len(from.read) > 0 {
			streams = append(streams, bytes.Clone(from.read))
		}
	}
	return streams
}

// settle waits until every connection so far is accepted and read. One that writes nothing marks the end
// of those before it: they are accepted in their order.
func (c *collector) settle() {
	c.t.Helper()
	if marker, err := net.Dial("unix", c.path); err == nil {
		c.markers++
		require.NoError(c.t, marker.Close())
	}
	require.Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		markers := 0
		for _, from := range c.conns {
			if from.ended && len(from.read) == 0 {
				markers++
			}
			if !from.ended && !from.idle() {
				return false
			}
		}
		return markers >= c.markers
	}, patience, poll)
}

// idle tells whether there is nothing to be read.
func (from *connection) idle() bool {
	raw, err := from.conn.SyscallConn()
	if err != nil {
		return true
	}
	idle := false
	_ = raw.Control(func(fd uintptr) {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		idle = err == syscall.EAGAIN
	})
	return idle
}

// received are the results of all connections.
func (c *collector) received() []sinktest.Received {
	c.t.Helper()
	return sinktest.Lines(c.t, bytes.Join(c.streams(), nil))
}

// open opens a sink that closes with the test.
func open(t testing.TB, settings unix.Config) *unix.Sink {
	t.Helper()
	sink, err := unix.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close(context.Background())) })
	return sink
}

// stuck listens at a path and accepts nothing, with its queue of connections full.
func stuck(t testing.TB, path string) (release func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	require.NoError(t, syscall.Listen(fd, 0))
	var waiting []net.Conn
	for {
		conn, err := net.Dial("unix", path)
		if err != nil {
			require.ErrorIs(t, err, syscall.EAGAIN)
			break
		}
		waiting = append(waiting, conn)
	}
	return func() {
		for _, conn := range waiting {
			_ = conn.Close()
		}
		_ = syscall.Close(fd)
		_ = os.Remove(path)
	}
}
