package activities

import (
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
)

// InlineLimit is the longest that an inline attempt may take, since commands of a workflow task
// leave only when all its local activities are over: one hanging sink would hold up the others.
const InlineLimit = 2 * time.Second

// Activities hold what the activity types work with, beside what changes with the configuration: see [Activities.Use].
type Activities struct {
	// Temporal starts dead letters and sends acks.
	Temporal client.Client
	// NATS sends acks to sources of NATS. Nil: such acks fail, saying so.
	NATS Settler
	// Metrics may not be nil.
	Metrics *Metrics
	// Log may not be nil.
	Log *zap.Logger

	// Routed and Unmatched count results: all, and those that no sink wanted.
	Routed, Unmatched Recent
	// Parked are the last dead letters that were made.
	Parked LastParked
	// Tail tells of what happens, while somebody asks.
	Tail Tail

	current     atomic.Pointer[Current]
	clockWarned atomic.Bool
}
