package nats

import (
	"context"
	"time"
)

// renew tells the server that what is held is worked on, until ctx is over. While there is no connection
// nothing is told, and all of it is due once there is one again.
func (r *reader) renew(ctx context.Context) {
	look := time.NewTimer(r.held.pace())
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if js, err := r.connection.Up(ctx); err == nil {
			for _, reply := range r.held.due() {
				if js.Conn().Publish(reply, []byte(inProgress)) != nil {
					break // the connection is lost just now; what comes again meanwhile is known
				}
			}
		}
		look.Reset(r.held.pace())
	}
}
