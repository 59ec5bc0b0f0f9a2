package activities

import (
	"sync"
	"time"
)

// RecentWindow is what "of late" means for a rate.
const RecentWindow = 10 * time.Second

// Recent counts what has happened, and how often of late. The zero value is ready.
type Recent struct {
	mu      sync.Mutex
	all     int64
	seconds [RecentWindow / time.Second]struct{ at, count int64 }
}

// Add counts so many more.
func (r *Recent) Add(n int) {
	if n == 0 {
		return
	}
	second := time.Now().Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all += int64(n)
	slot := &r.seconds[second%int64(len(r.seconds))]
	if slot.at != second {
		slot.at, slot.count = second, 0
	}
	slot.count += int64(n)
}

// Read returns how many there were in all, and how many a second within [RecentWindow].
func (r *Recent) Read() (all int64, rate float64) {
	oldest := time.Now().Unix() - int64(len(r.seconds))
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := int64(0)
	for _, slot := range r.seconds {
		if slot.at > oldest {
			sum += slot.count
		}
	}
	return r.all, float64(sum) / RecentWindow.Seconds()
}
