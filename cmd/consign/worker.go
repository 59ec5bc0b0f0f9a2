package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/cmd/internal/logging"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/webhook"
	"github.com/consign-dev/consign/sources/http"
	"github.com/consign-dev/consign/sources/nats"
	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/worker"
)

// workerFlags are the flags of every command that runs a worker.
type workerFlags struct {
	config, metrics, logLevel string
	drain                     time.Duration
	http                      string
	httpInsecure              bool
	// httpUsual is where it listens when neither a flag nor the configuration says so, and httpFound that this is so.
	httpUsual string
	httpFound bool
	webUI     string
	watch     bool
}

func (f *workerFlags) add(cmd *cobra.Command) {
	usually := ""
	if f.httpUsual != "" {
		usually = ", or else " + f.httpUsual
	}
	addConfig(cmd, &f.config)
	addMetrics(cmd, &f.metrics)
	cmd.Flags().StringVar(&f.logLevel, "log-level", "info", "what to log on standard error: debug, info, warn or error, then, after commas, another level for worker, http, nats, page or temporal: info,temporal=error")
	cmd.Flags().StringVar(&f.http, "http", "", "take results over HTTP at /v1/results, and show the page at /page, on this host:port; a port alone is on 127.0.0.1; off: nowhere (default: http.listen of the configuration"+usually+")")
	cmd.Flags().BoolVar(&f.httpInsecure, "http-insecure", false, "let others reach the address of --http without tokens or without TLS")
	cmd.Flags().BoolVar(&f.watch, "watch", true, "reload when a file of the configuration changes, those of secrets and certificates included; SIGHUP and \"consign reload\" work also without")
	cmd.Flags().DurationVar(&f.drain, "drain", worker.DefaultDrain, "how long to let attempts under way finish when stopped; Temporal has the others tried again")
}

// workplace is what a worker needs before it meets Temporal: all that can be wrong on this machine.
type workplace struct {
	log     *zap.Logger
	config  *config.Config
	metrics *metrics
	traced  *telemetry
	source  *source // over HTTP
	sources *nats.Sources
	drain   time.Duration
	disk    func() status.Disk // nil: Temporal runs elsewhere
	webUI   string             // address of Temporal's; may be empty
	flags   *workerFlags
	hangups *hangups
}

// tell adds to what the worker tells of itself what it does not know.
func (p *workplace) tell(standing *status.Standing) {
	if p.source != nil {
		standing.Sources = append(standing.Sources, p.source.server.Standing())
	}
	standing.Sources = append(standing.Sources, p.sources.Standing()...)
	for _, source := range standing.Sources {
		if source.LastError != nil {
			source.LastError.Cause = p.config.Redact(source.LastError.Cause)
		}
	}
	if p.disk != nil {
		standing.Disk = new(p.disk())
	}
}

// prepare finds mistakes in flags, configuration and sinks. Whoever gets a workplace closes it.
func (f *workerFlags) prepare(cmd *cobra.Command) (*workplace, error) {
	if f.httpInsecure && f.http == "" {
		return nil, usage(cmd, "--http-insecure is for the address of --http")
	}
	if f.drain <= 0 {
		return nil, usage(cmd, "--drain %s: it must be above zero", f.drain)
	}
	log, err := logging.New(f.logLevel, os.Stderr)
	if err != nil {
		return nil, usage(cmd, "--log-level: %w", err)
	}
	c, err := loadConfig(f.config)
	if err != nil {
		return nil, err
	}
	f.overrule(c)
	for _, note := range c.Notes {
		log.Warn("note on the configuration", zap.String("note", note.Error()))
	}
	if err := trySinks(cmd.Context(), c); err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	m, err := serveMetrics(cmd.Context(), f.metrics)
	if err != nil {
		return nil, err
	}
	sources, err := nats.New(c, log.Named(logging.NATS), m.registry)
	if err != nil {
		m.stop()
		return nil, exit.With(exit.Usage, err)
	}
	if m.address != "" {
		log.Info("metrics", zap.String("url", "http://"+m.address+"/metrics"))
	}
	traced, err := startTelemetry(cmd.Context(), m.registry, log)
	if err != nil {
		m.stop()
		return nil, err
	}
	worker.TuneGC()
	place := &workplace{log: log, config: c, metrics: m, traced: traced, sources: sources, drain: f.drain, webUI: f.webUI, flags: f, hangups: awaitHangups()}
	if place.source, err = listenHTTP(cmd.Context(), place); err != nil {
		place.close()
		return nil, err
	}
	return place, nil
}

// close stops what serves beside the worker.
func (p *workplace) close() {
	p.hangups.stop()
	p.source.stop(p.log, 0)
	if err := p.traced.stop(context.Background()); err != nil {
		p.log.Warn("some telemetry was not sent", zap.Error(err))
	}
	p.metrics.stop()
}

// trySinks opens every sink and closes it again, and looks at the secret of acks, so that what is wrong
// with one shows before anything else is started.
func trySinks(ctx context.Context, c *config.Config) error {
	var problems []error
	for _, one := range c.Sinks {
		settings, ok := one.Settings.(sinks.Settings)
		if !ok {
			continue // the worker says so
		}
		sink, err := settings.Open(ctx, one.Name)
		if err == nil {
			err = sink.Close(ctx)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("sinks.%s.%s: %s", one.Name, one.Kind, c.Redact(err.Error())))
		}
	}
	if _, err := webhook.NewSender(c.Acks.Secret, c.Acks.Secrets, webhook.GuardDefault); err != nil {
		problems = append(problems, fmt.Errorf("acks.%w", err))
	}
	return errors.Join(problems...)
}

// running is a worker, and the sources that it delivers for.
type running struct {
	*worker.Worker
	reading *nats.Reading
	reload  *reloader
}

// start starts the worker, then takes results over HTTP and reads the sources.
func (p *workplace) start(ctx context.Context, temporal client.Client, namespace string) (*running, error) {
	w, err := worker.Start(ctx, worker.Options{
		Temporal: temporal, Namespace: namespace, Config: p.config, NATS: p.sources, Release: release(), Tell: p.tell, Reread: p.reread,
		Drain: p.drain, Registry: p.metrics.registry, Log: p.log.Named(logging.Worker),
	})
	if err != nil {
		return nil, errors.Join(err, p.sources.Close(ctx))
	}
	reading, err := p.sources.Start(ctx, temporal)
	if err != nil {
		return nil, errors.Join(err, w.Stop(ctx), p.sources.Close(ctx))
	}
	r := &running{w, reading, p.reloads(w)} //nolint:contextcheck // until it is stopped
	ready := p.readiness(temporal, w)
	p.metrics.isReady(ready)
	if err := p.source.open(temporal, namespace, p, ready); err != nil {
		return nil, errors.Join(err, p.stop(r)) //nolint:contextcheck // it stops also when ctx is over
	}
	return r, nil
}

// readiness tells whether the worker does its work and takes results.
func (p *workplace) readiness(temporal client.Client, w *worker.Worker) http.Readiness {
	return func(ctx context.Context) (string, error) {
		if _, err := temporal.CheckHealth(ctx, nil); err != nil {
			return "", fmt.Errorf("temporal does not answer: %w", err)
		}
		standing := w.Standing()
		if standing.Disk != nil && standing.Disk.Full != "" {
			return "", errors.New("no new results are taken, what was accepted goes on: " + standing.Disk.Full)
		}
		return standing.Refusal(), nil
	}
}

// stopGrace is what stopping may take beyond the drain time, to close sinks and connections.
const stopGrace = 2 * time.Second

// stop takes no more results and reads no more from sources, then drains the worker, and closes what acks go through,
// each within the drain time. A sink that hangs even when it is closed, such as a pipe that nobody reads, is left
// behind: what it has not taken is safe in Temporal.
func (p *workplace) stop(r *running) error {
	p.metrics.isReady(func(context.Context) (string, error) { return "", errors.New("this process is about to stop") })
	r.reload.stop()
	p.source.stop(p.log, p.drain)
	p.log.Info("draining", zap.Duration("within", p.drain))
	ctx, cancel := context.WithTimeout(context.Background(), p.drain+stopGrace)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- errors.Join(r.reading.Stop(ctx), r.Stop(ctx), p.sources.Close(ctx)) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		p.log.Warn("a sink does not close: what it has not taken is left to Temporal")
		return nil
	}
}

// unlessStopped drops what failed only because someone stopped the command on its way up.
func unlessStopped(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

func workerCommand() *cobra.Command {
	var (
		flags      workerFlags
		connection consign.Options
	)
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Deliver for a Temporal that runs elsewhere",
		Long: `Deliver for a Temporal that runs elsewhere. Any number of workers may run, anywhere, with the same
configuration. A worker waits for a Temporal that is not up yet, and reconnects to one that goes away.

The namespace has to be set up once, with "consign setup".`,
		Example: `  consign worker --config consign.yaml
  consign worker --config consign.yaml --http 8088 --ui https://temporal.example.com
  consign worker --address temporal.example.com:7233 --metrics 0.0.0.0:9090`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runWorker(cmd, &flags, connection) },
	}
	addConnection(cmd, &connection)
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.webUI, "ui", "", "address of Temporal's Web UI, such as https://temporal.example.com, for links of the page")
	return cmd
}

func runWorker(cmd *cobra.Command, flags *workerFlags, connection consign.Options) error {
	ctx := cmd.Context()
	place, err := flags.prepare(cmd)
	if err != nil {
		return err
	}
	defer place.close()
	connection.Metrics = place.metrics.sdk()
	temporal, options, err := worker.Connect(ctx, connection, place.log)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer temporal.Close()
	w, err := place.start(ctx, temporal, options.Namespace)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	<-ctx.Done()
	return place.stop(w)
}
