package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// payloadBytes is the size of each result's data: 1 KiB.
const payloadBytes = 1024

// payload is one detection of exactly that size.
func payload(n int) json.RawMessage {
	head := fmt.Appendf(make([]byte, 0, payloadBytes), `{"rule":"ssh-brute-force","severity":"high","host":"web-%04d","attempts":%d,"message":"`, n%1000, n)
	const tail = `"}`
	return append(append(head, filling[:payloadBytes-len(head)-len(tail)]...), tail...)
}

var filling = strings.Repeat("failed password for root; ", payloadBytes/26+1)

// Lap is one round of a closed loop, or one run at a pace.
type Lap struct {
	PerSecond float64
	Took      []time.Duration
	CPU       time.Duration // that the process used for each
}

// closedLoop does something n times, so many at once, each as soon as an earlier one is over.
func closedLoop(ctx context.Context, n, inFlight int, do func(ctx context.Context, i int) error) (Lap, error) {
	took := make([]time.Duration, n)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began, used := time.Now(), cpuTime()
	for range min(inFlight, n) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				start := time.Now()
				if err := do(ctx, i); err != nil {
					return err
				}
				took[i] = time.Since(start)
			}
		})
	}
	err := group.Wait()
	return Lap{
		PerSecond: float64(n) / time.Since(began).Seconds(),
		Took:      took,
		CPU:       (cpuTime() - used) / time.Duration(n),
	}, err
}

// atPace does something perSecond times a second for as long as it is told, whether or not earlier ones
// are over, and waits for all of them. Each hears when it was due, so that a late start counts as part
// of what it waited.
func atPace(ctx context.Context, perSecond int, length time.Duration, do func(ctx context.Context, i int, due time.Time) error) error {
	interval := time.Second / time.Duration(perSecond)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range int(length / interval) {
		due := began.Add(time.Duration(i) * interval)
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-time.After(time.Until(due)):
		}
		group.Go(func() error { return do(ctx, i, due) })
	}
	return group.Wait()
}
