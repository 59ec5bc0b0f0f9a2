package activities

import (
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/config"
)

// InlineLimit is the longest that an inline attempt may take, since commands of a workflow task
// leave only when all its local activities are over: one hanging sink would hold up the others.
const InlineLimit = 2 * time.Second

// Activities hold what the activity types work with.
type Activities struct {
	// Config is the configuration of this worker.
	Config *config.Config
	// Gates of this worker's sinks, by name and alias.
	Gates map[string]*Gate
	// Temporal starts dead letters and sends acks.
	Temporal client.Client
	// Acks sends acks over HTTP. Nil: such acks fail, saying so.
	Acks Poster
	// NATS sends acks to sources of NATS. Nil: such acks fail, saying so.
	NATS Settler
	// Metrics may not be nil.
	Metrics *Metrics
	// Log may not be nil.
	Log *zap.Logger

	// Routed and Unmatched count results: all, and those that no sink wanted.
	Routed, Unmatched Recent
	// Tail tells of what happens, while somebody asks.
	Tail Tail

	clockWarned atomic.Bool
}
