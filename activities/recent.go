package activities

import (
	"sync"
	"time"
)

// RecentWindow is what "of late" means for a rate.
const RecentWindow = 10 * time.Second

// RecentMinutes is how many minutes [Recent.Minutes] tells of.
const RecentMinutes = 30

// Recent counts what has happened, and how often of late. The zero value is ready.
type Recent struct {
	mu      sync.Mutex
	all     int64
	seconds [RecentWindow / time.Second]slot
	minutes [RecentMinutes]slot
}

// slot is the count of one second or minute, numbered from 1970 on.
type slot struct{ at, count int64 }

func count(slots []slot, at int64, n int) {
	s := &slots[at%int64(len(slots))]
	if s.at != at {
		s.at, s.count = at, 0
	}
	s.count += int64(n)
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
	count(r.seconds[:], second, n)
	count(r.minutes[:], second/60, n)
}

// Minutes returns how many there were in each of the last [RecentMinutes] minutes of the clock, the oldest first; the last
// has only begun.
func (r *Recent) Minutes() []int64 {
	minute := time.Now().Unix() / 60
	counts := make([]int64, RecentMinutes)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, slot := range r.minutes {
		if ago := minute - slot.at; ago >= 0 && ago < RecentMinutes {
			counts[RecentMinutes-1-ago] = slot.count
		}
	}
	return counts
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
