package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/temporal"

	"github.com/consign-dev/consign"
)

// Server is a running Temporal server with its Web UI.
type Server struct {
	ports    ports
	dir      *dataDir
	disk     *gauge
	log      *serverLog
	temporal temporal.Server
	ui       *webUI

	stopOnce sync.Once
	stopErr  error
}

// Start runs a server and returns when its API answers, the namespace is there and Consign's search
// attributes can be queried. Until then ctx bounds it; afterwards ctx means nothing to the server. Each
// error names what stands in the way (a port, the directory, the database) and the flag of `consign up`
// that leads around it, and leaves nothing running.
func Start(ctx context.Context, o Options) (*Server, error) {
	o.setDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{log: newServerLog()}
	if err := s.start(ctx, o); err != nil {
		// What is half started has nothing to drain.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.Stop(cleanup))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) (err error) {
	if s.dir, err = openDataDir(o); err != nil {
		return err
	}
	if s.ports, err = choosePorts(o); err != nil {
		return err
	}
	if err := s.dir.prepare(ctx, o); err != nil {
		return err
	}
	if s.disk, err = watchDisk(ctx, s.dir, o); err != nil {
		return err
	}
	if err := s.startTemporal(o); err != nil {
		return fmt.Errorf("start the embedded Temporal server on %s with %s: %w", s.Address(), s.dir.database(), err)
	}
	if err := s.awaitReady(ctx, o); err != nil {
		return fmt.Errorf("wait for the embedded Temporal server on %s: %w", s.Address(), err)
	}
	if s.ports.ui == nil {
		return nil
	}
	s.ui, err = startWebUI(s.ports.ui, s.Address(), o.Namespace)
	return err
}

func (s *Server) startTemporal(o Options) error {
	db := sqlConfig(s.dir.database(), o)
	if err := writeNamespace(db, o); err != nil {
		return fmt.Errorf("create namespace %s: %w", o.Namespace, err)
	}
	return s.log.guard(func() error {
		server, err := temporalServer(db, s.ports, s.dir, s.disk, s.log, o)
		if err != nil {
			return err
		}
		s.temporal = server
		return server.Start()
	})
}

func (s *Server) awaitReady(ctx context.Context, o Options) error {
	c, err := client.NewLazyClient(client.Options{
		HostPort:  s.Address(),
		Namespace: o.Namespace,
		Logger:    sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = consign.Setup(ctx, c, o.Namespace, o.Retention)
	return err
}

// Address of the Temporal API, such as 127.0.0.1:7233.
func (s *Server) Address() string { return s.ports.address() }

// UIURL is where the Web UI is, such as http://127.0.0.1:8233; empty if the server is headless.
func (s *Server) UIURL() string {
	if s.ui == nil {
		return ""
	}
	return s.ui.url
}

// DataDir is the directory of the database.
func (s *Server) DataDir() string { return s.dir.path }

// Disk is what the server takes of its disk, as of the last quarter of a second.
func (s *Server) Disk() Disk { return *s.disk.last.Load() }

// Failed receives the reason if a part of the Temporal server gives up while it runs; the server is of
// no use from then on.
func (s *Server) Failed() <-chan error { return s.log.failed }

// Stop stops the server and gives up its directory, which it removes if it is ephemeral. It returns an
// error if ctx ends first: the server is then still stopping, and holds its lock until this process
// ends. Nothing that was confirmed is lost either way. A second call returns what the first one did.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() { s.stopErr = s.stop(ctx) })
	return s.stopErr
}

func (s *Server) stop(ctx context.Context) error {
	switch {
	case s.ui != nil:
		s.ui.stop(ctx)
	case s.ports.ui != nil:
		s.ports.ui.Close()
	}
	if s.temporal != nil {
		s.log.stopping.Store(true)
		stopped := make(chan error, 1)
		go func() { stopped <- s.log.guard(s.temporal.Stop) }()
		select {
		case err := <-stopped:
			if err != nil {
				return fmt.Errorf("stop the embedded Temporal server: %w", err)
			}
		case <-ctx.Done():
			s.disk.stop()
			return errors.Join(fmt.Errorf("the embedded Temporal server has not stopped in time: %w", context.Cause(ctx)), s.dir.discard())
		}
	}
	if s.disk != nil {
		s.disk.stop()
	}
	if s.dir == nil {
		return nil
	}
	if s.temporal != nil {
		s.dir.settle(ctx)
	}
	return s.dir.close()
}
