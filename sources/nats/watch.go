package nats

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// watchPace is the time from one look at the consumer to the next.
const watchPace = 15 * time.Second

// watch looks at the consumer from time to time: how much waits, and whether somebody has changed it.
func (r *reader) watch(ctx context.Context, consumer jetstream.Consumer) {
	said := ""
	for ctx.Err() == nil {
		looking, cancel := context.WithTimeout(ctx, consumerWait)
		info, err := consumer.Info(looking)
		cancel()
		if err == nil {
			r.facts.waiting.Store(int64(info.NumPending)) //nolint:gosec // no stream holds so many
			r.metrics.waiting.WithLabelValues(r.name).Set(float64(info.NumPending))
			r.metrics.unacked.WithLabelValues(r.name).Set(float64(info.NumAckPending))
			said = r.compare(info, said)
		}
		rest(ctx, watchPace)
	}
}

// compare keeps step with a consumer that somebody has changed since this process began to read it, and says so
// once. It is not changed back: two processes with different settings would do so for ever, in turn.
func (r *reader) compare(info *jetstream.ConsumerInfo, said string) string {
	r.held.waits(shortest(info.Config, r.settings.AckWait))
	changed := strings.Join(r.settings.adjust(new(info.Config)), ", ")
	if info.Paused {
		changed = strings.TrimPrefix(changed+", paused", ", ")
	}
	if changed != said && changed != "" {
		r.log.Warn("the consumer is not as this source needs it: another process with other settings, or a person, has changed it. Give all that share it the same settings, and start again",
			zap.String("durable", r.settings.Durable), zap.String("differs", changed))
	}
	return changed
}

// shortest is how long the server may wait for a sign of life.
func shortest(c jetstream.ConsumerConfig, ackWait time.Duration) time.Duration {
	waits := append([]time.Duration{ackWait}, c.BackOff...)
	if c.AckWait > 0 {
		waits = append(waits, c.AckWait)
	}
	return max(slices.Min(waits), time.Second)
}
