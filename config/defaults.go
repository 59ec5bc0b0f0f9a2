package config

import "time"

// defaultDelivery is what every sink of a kind starts from. The values of queue_depth, batch_max,
// batch_flush, timeout, on_full and of retries within this machine are those of the system that
// Consign takes over. Its retries are over in 0.7 s, so kinds that cross a network keep trying for
// about half an hour.
func defaultDelivery(network bool) Delivery {
	return Delivery{
		Timeout:     10 * time.Second,
		Retry:       defaultRetry(network),
		Concurrency: 16,
		BatchMax:    64,
		BatchFlush:  50 * time.Millisecond,
		QueueDepth:  1024,
		OnFull:      Block,
		Inline:      new(true),
		Circuit:     Circuit{Failures: 5, Open: 5 * time.Second},
	}
}

func defaultRetry(network bool) Retry {
	retry := Retry{
		Max:           new(3),
		Backoff:       100 * time.Millisecond,
		MaxBackoff:    5 * time.Second,
		Jitter:        new(0.2),
		MaxRetryAfter: time.Hour,
	}
	if network {
		retry.Max, retry.Backoff, retry.MaxBackoff = new(12), time.Second, 5*time.Minute
	}
	return retry
}

func defaultAcks() Acks {
	return Acks{Timeout: 10 * time.Second, Retry: defaultRetry(true), Private: new(true)}
}

// fit lets a default give way where the file sets only one of backoff and max_backoff and the other
// one's default would contradict it.
func (retry *Retry) fit(written func(field string) bool) {
	if retry.Backoff <= retry.MaxBackoff {
		return
	}
	backoff, limit := written("retry.backoff"), written("retry.max_backoff")
	switch {
	case backoff && !limit:
		retry.MaxBackoff = retry.Backoff
	case limit && !backoff:
		retry.Backoff = retry.MaxBackoff
	}
}
