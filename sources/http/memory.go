package http

import (
	"net/http"

	"golang.org/x/sync/semaphore"

	"github.com/consign-dev/consign/config"
)

const (
	// maxHeld bounds the bodies and results of all requests under way, in bytes.
	maxHeld = 256 << 20
	// requestCost is what a request takes beside all that, in bytes, more or less: HTTP/2 brings hundreds on a connection.
	requestCost = 16 << 10
	// resultCost is what a result takes in memory beside its data, in bytes, more or less.
	resultCost = 1024
	// maxReading is how many bodies are decompressed and decoded at once, for which the largest take some 50 MB
	// beyond what is counted: windows of zstd, and copies of a value. It bounds nobody who sends slowly, since a
	// body is read when all of it has arrived.
	maxReading = 4
)

// memoryFor is what is set aside for all requests, in bytes: any that is alone has room.
func memoryFor(c config.HTTP) int64 {
	return max(maxHeld, 2*int64(c.MaxBody)+2*maxPiece+requestCost+maxResults*resultCost)
}

// turnsFor is how many results may be with the Submitter that are not stored, which is also how many a new one has
// before it: the 64 that it has in flight and a few that wait; where workflows carry several, 16 full ones in flight
// and what fills the next.
func turnsFor(c config.HTTP) int64 { return int64(max(80, 17*c.BatchMax)) }

// share is what one request has of the memory that is set aside.
type share struct {
	of    *semaphore.Weighted
	taken int64
}

// take takes n bytes more; false if they are not there.
func (s *share) take(n int64) bool {
	if !s.of.TryAcquire(n) {
		return false
	}
	s.taken += n
	return true
}

// keep gives back all but n bytes.
func (s *share) keep(n int64) {
	if s.taken > n {
		s.of.Release(s.taken - n)
		s.taken = n
	}
}

func noMemory() *problem {
	return &problem{
		slug: "full", Status: http.StatusTooManyRequests, retryAfter: retryFull,
		Detail: "requests under way fill the memory that is set aside for them: nothing was submitted",
	}
}
