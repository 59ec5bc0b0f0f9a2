package submit

import (
	"sync"
	"time"
)

// fullPace is the time from one look at whether Temporal is full to the next.
const fullPace = 500 * time.Millisecond

// tellWhenFull says why nothing is taken, and when it is again, until it is told to stop.
func (r *run) tellWhenFull() (stop func()) {
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(fullPace)
		defer tick.Stop()
		for told, well := false, 0; ; {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			reason := r.client.Full()
			well++
			if reason != nil {
				well = 0
			}
			switch {
			case reason != nil && !told:
				r.print.message("waiting: " + reason.Error())
				told = true
			case well > 1 && told: // from one submission to the next nobody waits for a moment
				r.print.message("going on: temporal takes results again")
				told = false
			}
		}
	})
	return func() {
		close(done)
		telling.Wait()
	}
}
