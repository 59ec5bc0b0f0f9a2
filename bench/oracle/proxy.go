package main

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Faults of a proxy.
const (
	// hangOdds of a connection that breaks after it has hung for hangTime, which is longer than an attempt.
	hangOdds = .15
	hangTime = 4 * time.Second
)

// proxy stands between a sink and its counterpart, and breaks each connection after a number of bytes
// that the seed says: in the midst of a request, or of an answer, when the counterpart may have taken
// what the sink is not told of.
type proxy struct {
	name, target string
	seed         uint64
	// mean is after how many bytes, both ways together, a connection breaks on average.
	mean   float64
	ledger *ledger
	// healed is closed when nothing is to break any more.
	healed  chan struct{}
	passing sync.WaitGroup

	mu    sync.Mutex
	count uint64
	open  map[*passage]struct{}
}

// passage is a connection through a proxy.
type passage struct {
	client, server *net.TCPConn
	hangs          bool
	// left is how many bytes it passes before it breaks.
	left atomic.Int64
	// hold is locked while nothing is passed on.
	hold   sync.RWMutex
	broken sync.Once
}

// between puts a proxy before a counterpart, for as long as the rack is there.
func (r *rack) between(ctx context.Context, name, address, target string, mean float64) error {
	listener, err := listen(ctx, address)
	if err != nil {
		return err
	}
	ledger, err := r.ledger(name + cutsSuffix)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	p := &proxy{
		name: name, target: target, seed: r.plan.seed, mean: mean, ledger: ledger,
		healed: make(chan struct{}), open: map[*passage]struct{}{},
	}
	r.heal = append(r.heal, sync.OnceFunc(func() { close(p.healed) }))
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	r.group.Go(func() error {
		defer stop()
		p.accept(listener)
		return nil
	})
	return nil
}

// cutsSuffix of the names of ledgers that tell which connections broke.
const cutsSuffix = ".cuts"

func (p *proxy) accept(listener net.Listener) {
	defer p.close()
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target) //nolint:noctx // on this machine
		if err != nil {
			_ = client.Close()
			continue
		}
		c := p.passage(client, server)
		p.passing.Go(func() { p.pass(c, c.server, c.client) })
		p.passing.Go(func() { p.pass(c, c.client, c.server) })
	}
}

func (p *proxy) passage(client, server net.Conn) *passage {
	c := &passage{}
	c.client, _ = client.(*net.TCPConn)
	c.server, _ = server.(*net.TCPConn)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
	p.count++
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(p.name))
	random := rand.New(rand.NewPCG(p.seed, hash.Sum64()+p.count))
	c.left.Store(int64(random.ExpFloat64() * p.mean))
	c.hangs = random.Float64() < hangOdds
	return c
}

// pass passes on what comes from one end, until either is gone or the connection breaks.
func (p *proxy) pass(c *passage, to, from *net.TCPConn) {
	defer p.forget(c)
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if c.left.Add(-int64(n)) < 0 && !p.isHealed() {
			if to == c.server {
				_ = c.write(to, buffer[:n/2])
			}
			c.broken.Do(func() { p.breakOff(c) })
			return
		}
		if err := c.write(to, buffer[:n]); err != nil {
			return
		}
	}
}

func (c *passage) write(to *net.TCPConn, text []byte) error {
	c.hold.RLock()
	defer c.hold.RUnlock()
	_, err := to.Write(text)
	return err
}

// breakOff resets a connection, maybe after a time in which it passes nothing on, and writes that down.
func (p *proxy) breakOff(c *passage) {
	c.hold.Lock()
	defer c.hold.Unlock()
	from := time.Now().UnixNano()
	if c.hangs {
		select {
		case <-time.After(hangTime):
		case <-p.healed:
		}
	}
	_ = p.ledger.write(line{What: cut, From: from})
	_ = c.client.SetLinger(0)
	_ = c.server.SetLinger(0)
}

func (p *proxy) isHealed() bool {
	select {
	case <-p.healed:
		return true
	default:
		return false
	}
}

func (p *proxy) forget(c *passage) {
	_ = c.client.Close()
	_ = c.server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// close ends what is left.
func (p *proxy) close() {
	p.mu.Lock()
	for c := range p.open {
		_ = c.client.Close()
		_ = c.server.Close()
	}
	p.mu.Unlock()
	p.passing.Wait()
}
