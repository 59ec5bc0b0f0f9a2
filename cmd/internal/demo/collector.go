package demo

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Files of the collector in its directory.
const (
	collectorSocket = "collector.sock"
	collectorLedger = "collector.ndjson"
)

// collector is a local collector: it listens on a socket and appends each line that it reads to its
// ledger.
type collector struct {
	listener net.Listener
	reading  sync.WaitGroup

	mu     sync.Mutex
	ledger *os.File
	conns  []net.Conn
	closed bool
}

func startCollector(dir string) (*collector, error) {
	path := filepath.Join(dir, collectorSocket)
	listener, err := net.Listen("unix", path) //nolint:noctx // it connects to nothing
	if err != nil {
		return nil, fmt.Errorf("let the collector listen: %w: if %s is too long for a socket, set TMPDIR to a shorter path", err, path)
	}
	ledger, err := os.OpenFile(filepath.Join(dir, collectorLedger), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("open the collector's ledger: %w", err)
	}
	c := &collector{listener: listener, ledger: ledger}
	c.reading.Go(c.accept)
	return c, nil
}

func (c *collector) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return // closed
		}
		c.mu.Lock()
		if c.closed {
			conn.Close()
		}
		c.conns = append(c.conns, conn)
		c.mu.Unlock()
		c.reading.Go(func() { c.read(conn) })
	}
}

// read reads until the connection ends. What stands behind its last newline is no line. When the ledger
// cannot be written it hangs up, and the sink says so.
func (c *collector) read(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err == nil {
			_, err = c.ledger.Write(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *collector) close() {
	c.listener.Close()
	c.mu.Lock()
	c.closed = true
	for _, conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.reading.Wait()
	c.ledger.Close()
}
