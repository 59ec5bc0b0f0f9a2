package activities

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// The wait before the next attempt is never negative or nothing, and what a destination asks for never
// goes beyond max_retry_after, whatever policy stands in a task.
func FuzzPolicy(f *testing.F) {
	f.Add(int64(10_000), int64(1000), int64(300_000), 0.2, int64(3_600_000), 64, 3, int64(7*time.Second), 5)
	f.Add(int64(0), int64(0), int64(0), 0.0, int64(0), 0, 0, int64(0), 0)
	f.Add(int64(-1), int64(-1), int64(-1), -1.0, int64(-1), -1, -1, int64(-1), -1)
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), int64(math.MaxInt64), math.MaxFloat64, int64(math.MaxInt64), math.MaxInt, math.MaxInt, int64(math.MaxInt64), math.MaxInt)
	f.Add(int64(1), int64(math.MaxInt64/2_000_000), int64(math.MaxInt64/1_000_000), 1.0, int64(1), 1, 1000, int64(math.MaxInt64), 70)
	f.Fuzz(func(t *testing.T, timeout, backoff, maxBackoff int64, jitter float64, maxRetryAfter int64, batchMax, results int, asked int64, n int) {
		p := Policy{
			Timeout: consign.Milliseconds(timeout), Backoff: consign.Milliseconds(backoff), MaxBackoff: consign.Milliseconds(maxBackoff),
			Jitter: jitter, MaxRetryAfter: consign.Milliseconds(maxRetryAfter), BatchMax: batchMax,
		}
		wait := p.next(n, time.Duration(asked))
		require.Positive(t, wait)
		if asked > 0 {
			require.LessOrEqual(t, wait, time.Duration(asked))
			if limit := p.MaxRetryAfter.Duration(); limit > 0 {
				require.LessOrEqual(t, wait, limit)
			}
		}
		require.Positive(t, QueuedLimit(p, results))
	})
}
