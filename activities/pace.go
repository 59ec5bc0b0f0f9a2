package activities

import (
	"sync"
	"time"
)

const (
	// slowAttempt is how long an attempt may take for its sink to run inline (DESIGN: recent p95
	// under 250 ms), for each batch_max of results, as its timeout is. A full consignment is handed over in
	// several parts, and would else make every sink look slow.
	slowAttempt = 250 * time.Millisecond
	// paceWindow is how many attempts "recent" means, and slowShare how many of them may be slow for
	// the 95th percentile to stay below slowAttempt.
	paceWindow = 64
	slowShare  = paceWindow * 5 / 100
)

// pace knows how quick a sink has been lately.
type pace struct {
	mu     sync.Mutex
	recent [paceWindow]bool // whether each of the last attempts was slow
	took   [paceWindow]time.Duration
	count  int // of attempts, of which the last are kept
	next   int
	slows  int
	inline map[*time.Time]struct{} // by when the inline attempts under way will have been slow
}

// begin notes an inline attempt under way, in so many parts.
func (p *pace) begin(now time.Time, parts int) (over func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inline == nil {
		p.inline = map[*time.Time]struct{}{}
	}
	key := new(now.Add(time.Duration(parts) * slowAttempt))
	p.inline[key] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.inline, key)
	}
}

// record notes how long an attempt took, inline or queued, in so many parts.
func (p *pace) record(took time.Duration, parts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slow := took > time.Duration(parts)*slowAttempt
	if p.recent[p.next] {
		p.slows--
	}
	if slow {
		p.slows++
	}
	p.recent[p.next], p.took[p.next] = slow, took
	p.count++
	p.next = (p.next + 1) % paceWindow
}

// slow tells whether the sink's recent 95th percentile, or an inline attempt under way, is above
// slowAttempt.
func (p *pace) slow(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slows > slowShare {
		return true
	}
	for limit := range p.inline {
		if now.After(*limit) {
			return true
		}
	}
	return false
}
