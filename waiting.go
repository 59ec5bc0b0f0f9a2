package consign

import "time"

// RetryNowRequest is the argument of the update "retry_now" of Deliver: try now what waits for a sink.
type RetryNowRequest struct {
	Sink string `json:"sink"`
	// Spread starts the attempts at random within this time, at most [MaxSpread].
	Spread Milliseconds `json:"spread_ms,omitempty"`
	// By is who asks for it.
	By string `json:"by,omitempty"`
}

// MaxSpread is the longest spread of [RetryNowRequest].
const MaxSpread = 24 * time.Hour

// ParkNowRequest is the argument of the update "park_now" of Deliver: park what waits for a sink.
type ParkNowRequest struct {
	Sink string `json:"sink"`
	// By is who asks for it. It stands in the cause.
	By string `json:"by,omitempty"`
}

// Waiting is the answer to "retry_now" and "park_now". A delivery of which nothing waits for the sink
// refuses either, with a failure of type [NothingWaits].
type Waiting struct {
	// Legs counts what waited and obeys.
	Legs int `json:"legs"`
	// Busy counts attempts that are under way or about to start, and were left alone.
	Busy int `json:"busy,omitempty"`
}

// NothingWaits is the type of the failure by which a delivery refuses an order.
const NothingWaits = "NothingWaits"
