package embedded

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Options of an embedded server. The zero value is a server on the usual ports, with its data under
// the user's home.
type Options struct {
	// DataDir is the directory of the database. It is made, for its owner only, if it is not there.
	// Default: consign in the XDG data home, such as ~/.local/share/consign.
	DataDir string
	// Ephemeral keeps the data in a directory of its own among the system's temporary files, without
	// waiting for the disk, and removes it in Stop. Excludes DataDir.
	Ephemeral bool
	// Port of the Temporal API (gRPC) on 127.0.0.1. Default 7233; AnyPort for any free one.
	Port int
	// UIPort of the Web UI on 127.0.0.1. Default 8233; AnyPort for any free one.
	UIPort int
	// Headless leaves the Web UI out.
	Headless bool
	// Namespace that is there, with Consign's search attributes, when Start returns. Default "default".
	Namespace string
	// Retention of closed workflows, at least an hour. Default 24h. A namespace that is there already gets it too.
	Retention time.Duration
	// MaxDisk is how much the database may hold, in bytes: its pages in use and its write-ahead log. Beyond it
	// no new results are taken, until retention has deleted enough; what was accepted goes on, so the
	// bound may be passed by what is under way. At least 32 MB. Default: no bound.
	MaxDisk int64
	// MinFree is the room that the disk must have for new results to be taken, in bytes. Default 1 GiB, or a
	// twentieth of a smaller volume; NoMinFree takes them until the disk is full.
	MinFree int64
	// Logger gets what the Temporal server says at level warn and above, under the name "temporal" and
	// without what is usual at start and stop. Default: nothing is logged.
	Logger *zap.Logger
	// Meter makes the instruments of what the Temporal server counts. Default: it counts nothing.
	Meter metric.Meter
	// Release is the version of Consign that is recorded in the database, so that a later release can say
	// which one it has to be read by. Default: what the build information says, else "dev".
	Release string
	// Stock runs the server as `temporal server start-dev --db-filename` does: no tuning, every index,
	// no pragma. It exists to be measured against, in a new data directory.
	Stock bool

	// dynamic is Temporal's dynamic config, set over the tuned one by this package's own tests.
	dynamic map[string]any
}

// AnyPort asks for any free port.
const AnyPort = -1

// NoMinFree keeps no room free.
const NoMinFree = -1

// Ports used when Options name none: those of `temporal server start-dev`.
const (
	DefaultPort   = 7233
	DefaultUIPort = 8233
)

// minRetention is what Temporal takes for a local namespace (dynamic config system.namespaceMinRetentionLocal).
const minRetention = time.Hour

func (o *Options) setDefaults() {
	if o.DataDir == "" && !o.Ephemeral {
		o.DataDir = filepath.Join(xdg.DataHome, "consign")
	}
	if o.Port == 0 {
		o.Port = DefaultPort
	}
	if o.UIPort == 0 {
		o.UIPort = DefaultUIPort
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Retention == 0 {
		o.Retention = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
}

func (o *Options) validate() error {
	var mistakes []error
	if o.Ephemeral && o.DataDir != "" {
		mistakes = append(mistakes, errors.New("--ephemeral and --data-dir exclude each other: leave out one of them"))
	}
	for _, p := range []struct {
		flag string
		port int
	}{{"--port", o.Port}, {"--ui-port", o.UIPort}} {
		if p.port != AnyPort && (p.port < 1 || p.port > 65535) {
			mistakes = append(mistakes, fmt.Errorf("%s %d: a port lies between 1 and 65535 (-1 takes any free one)", p.flag, p.port))
		}
	}
	if !o.Headless && o.Port != AnyPort && o.Port == o.UIPort {
		mistakes = append(mistakes, fmt.Errorf("--port and --ui-port are both %d: give the Web UI another port with --ui-port", o.Port))
	}
	if o.Retention < minRetention {
		mistakes = append(mistakes, fmt.Errorf("retention %s: Temporal keeps closed workflows for at least %s", o.Retention, minRetention))
	}
	if o.MaxDisk != 0 && o.MaxDisk < smallestMaxDisk {
		mistakes = append(mistakes, fmt.Errorf("--max-disk %s: at least %s", inBytes(o.MaxDisk), inBytes(smallestMaxDisk)))
	}
	return errors.Join(mistakes...)
}
