package worker

import (
	"context"
	"time"
)

// every does something at that pace until ctx is over.
func every(ctx context.Context, pace time.Duration, do func(now time.Time)) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			do(now)
		}
	}
}
