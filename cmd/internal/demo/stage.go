package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/worker"
)

// stage is everything that runs during a demo. It lies in a directory of its own and on free ports, so
// that it meddles with no other Consign on this machine.
type stage struct {
	sinks         []string // their names
	dir           string
	archive       string // path of the file sink's file
	configuration string
	console       *console
	receiver      *receiverProcess
	nats          *nats.Conn // nil unless a sink delivers there
	server        *embedded.Server
	temporal      client.Client
	worker        *worker.Worker
}

// all tells whether these are the sinks of --sinks all.
func (s *stage) all() bool { return slices.Contains(s.sinks, collectorSink) }

// closeTime is how long the parts have to end.
const closeTime = 15 * time.Second

// openStage starts the parts. After an error nothing of it is left.
func openStage(ctx context.Context, o options) (*stage, error) {
	s := &stage{sinks: sinkNames(o.all()), console: &console{}}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *stage) open(ctx context.Context, o options) (err error) {
	if s.dir, err = os.MkdirTemp("", "consign-demo-"); err != nil {
		return fmt.Errorf("make a temporary directory: %w: set TMPDIR to a directory that can be written", err)
	}
	s.archive = filepath.Join(s.dir, "archive.ndjson")
	receiver := receiverOptions{secret: newSecret(), file: filepath.Join(s.dir, "receiver.ndjson"), forget: o.vanish}
	if o.all() {
		receiver.counterparts = s.dir
	}
	if s.receiver, err = startReceiver(ctx, receiver); err != nil {
		return err
	}
	s.configuration = configurationText(s.archive, s.receiver.URL+hookPath, rhythmFor(o.once).retry)
	if o.all() {
		s.configuration += furtherSinks(filepath.Join(s.dir, collectorSocket), s.receiver.NATS, s.receiver.Kafka)
		if s.nats, err = nats.Connect(s.receiver.NATS); err != nil {
			return fmt.Errorf("connect to the demo's NATS at %s: %w", s.receiver.NATS, err)
		}
	}
	if s.server, err = embedded.Start(ctx, embedded.Options{Ephemeral: true, Port: embedded.AnyPort, UIPort: embedded.AnyPort}); err != nil {
		return err
	}
	// Not by consign.Options: an environment that points at another Temporal is no matter here.
	s.temporal, err = client.DialContext(ctx, client.Options{
		HostPort:          s.server.Address(),
		DataConverter:     consign.DataConverter(),
		Logger:            worker.SDKLog(zap.NewNop()),
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
	})
	if err != nil {
		return fmt.Errorf("connect to the embedded Temporal at %s: %w", s.server.Address(), err)
	}
	parsed, err := parseConfiguration(s.configuration, receiver.secret, s.console)
	if err != nil {
		return err
	}
	s.worker, err = worker.Start(ctx, worker.Options{Temporal: s.temporal, Config: parsed, Drain: 2 * time.Second})
	return err
}

// close ends the parts, the last one first, and removes every trace. It does so even when ctx is over.
func (s *stage) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	var problems []error
	if s.worker != nil {
		problems = append(problems, s.worker.Stop(ctx))
	}
	if s.temporal != nil {
		s.temporal.Close()
	}
	if s.server != nil {
		problems = append(problems, s.server.Stop(ctx))
	}
	if s.nats != nil {
		s.nats.Close()
	}
	if s.receiver != nil {
		s.receiver.stop()
	}
	if s.dir != "" {
		problems = append(problems, os.RemoveAll(s.dir))
	}
	return errors.Join(problems...)
}

// watchOver ends the demo when the server or the receiver gives up.
func (s *stage) watchOver(ctx context.Context, end context.CancelCauseFunc) {
	select {
	case err := <-s.server.Failed():
		end(fmt.Errorf("the embedded Temporal server gave up: %w", err))
	case <-s.receiver.exited:
		end(errors.New("the receiver's process has ended"))
	case <-ctx.Done():
	}
}
