package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/status"
	"github.com/consign-dev/consign/worker"
)

func upCommand() *cobra.Command {
	var (
		flags  = workerFlags{httpUsual: usualHTTP}
		server embedded.Options
		disk   diskFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run Temporal, its Web UI, a worker and the page in this process",
		Long: `Run Temporal, its Web UI, a worker and Consign's own page in this process. Everything listens on 127.0.0.1 only,
unless --http or --metrics name another address, and survives a restart: what was submitted is in the data directory.`,
		Example: `  consign up
  consign up --config consign.yaml --metrics 9090
  consign up --http off
  consign up --max-disk 10GB --retention 6h
  consign up --ephemeral --port -1 --ui-port -1 --json`,
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := disk.options(cmd, &server); err != nil {
				return err
			}
			return runUp(cmd, &flags, server, asJSON)
		},
	}
	f := cmd.Flags()
	f.StringVar(&server.DataDir, "data-dir", "", "directory of the database (default consign in the XDG data home, such as ~/.local/share/consign)")
	f.BoolVar(&server.Ephemeral, "ephemeral", false, "keep the data in a temporary directory, and remove it in the end")
	f.IntVar(&server.Port, "port", embedded.DefaultPort, "port of Temporal's API; -1 for any free one")
	f.IntVar(&server.UIPort, "ui-port", embedded.DefaultUIPort, "port of the Web UI; -1 for any free one")
	f.BoolVar(&server.Headless, "headless", false, "leave the Web UI out")
	f.DurationVar(&server.Retention, "retention", consign.DefaultRetention, "how long closed deliveries are kept, and with them the protection from duplicates; at least 1h")
	disk.add(cmd)
	_ = cmd.MarkFlagDirname("data-dir")
	flags.add(cmd)
	f.BoolVar(&asJSON, "json", false, "when ready, print one JSON object with address, ui, http, page and data_dir on standard output")
	return cmd
}

// usualHTTP is where "up" shows its page and takes results over HTTP, unless it is told otherwise.
const usualHTTP = "127.0.0.1:8088"

func runUp(cmd *cobra.Command, flags *workerFlags, options embedded.Options, asJSON bool) (err error) {
	if options.Port == 0 || options.UIPort == 0 {
		return usage(cmd, "a port of 0 is none: -1 takes any free one")
	}
	if options.Port == embedded.AnyPort || options.UIPort == embedded.AnyPort {
		flags.httpUsual = "127.0.0.1:0" // as the others
	}
	ctx := cmd.Context()
	place, err := flags.prepare(cmd)
	if err != nil {
		return err
	}
	defer place.close()
	options.Logger, options.Release, options.Meter = place.log, release(), place.metrics.meter
	server, err := embedded.Start(ctx, options)
	if err != nil {
		return unlessStopped(ctx, exit.With(exit.Usage, err))
	}
	defer func() { err = errors.Join(err, stopServer(server, place.drain)) }()
	place.webUI = server.UIURL()
	countDisk(place.metrics.registry, server)
	place.disk = func() status.Disk { return toldDisk(server) }
	temporal, err := client.DialContext(ctx, ownConnection(server, place))
	if err != nil {
		return unlessStopped(ctx, fmt.Errorf("connect to the embedded Temporal server at %s: %w", server.Address(), err))
	}
	defer temporal.Close()
	w, err := place.start(ctx, temporal, client.DefaultNamespace)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	if err := announce(cmd, server, place, asJSON); err != nil {
		return errors.Join(err, place.stop(w))
	}
	select {
	case <-ctx.Done():
		return place.stop(w)
	case reason := <-server.Failed():
		return errors.Join(fmt.Errorf("the embedded Temporal server gave up: %w: what was submitted is in %s, start again", reason, server.DataDir()), place.stop(w))
	}
}

// ownConnection leads to the server in this process, whatever the environment says of other ones.
func ownConnection(server *embedded.Server, place *workplace) client.Options {
	return client.Options{
		HostPort:          server.Address(),
		DataConverter:     consign.DataConverter(),
		Logger:            worker.SDKLog(place.log),
		MetricsHandler:    place.metrics.sdk(),
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}, DialOptions: consign.DialOptions()},
	}
}

// serverStop is how long the server may take to stop.
const serverStop = 10 * time.Second

func stopServer(server *embedded.Server, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), max(serverStop, patience))
	defer cancel()
	return server.Stop(ctx)
}

// announce says where everything is.
func announce(cmd *cobra.Command, server *embedded.Server, place *workplace, asJSON bool) error {
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), ready{Address: server.Address(), UI: server.UIURL(), HTTP: place.source.url(), Page: place.source.page(), DataDir: server.DataDir()})
	}
	greet(cmd.ErrOrStderr(), server, place)
	return nil
}

// ready is what up prints with --json.
type ready struct {
	// Address of Temporal's API, and of the Web UI unless --headless.
	Address string `json:"address"`
	UI      string `json:"ui,omitempty"`
	// HTTP is where results are taken, if they are.
	HTTP string `json:"http,omitempty"`
	// Page is Consign's own, for people.
	Page    string `json:"page,omitempty"`
	DataDir string `json:"data_dir"`
}

func greet(w io.Writer, server *embedded.Server, place *workplace) {
	fmt.Fprintf(w, "\nConsign is up.\n\n")
	if url := place.source.page(); url != "" {
		fmt.Fprintf(w, "  page     %s\n", url)
	}
	if url := server.UIURL(); url != "" {
		fmt.Fprintf(w, "  Web UI   %s\n", url)
	}
	fmt.Fprintf(w, "  Temporal %s\n", server.Address())
	if url := place.source.url(); url != "" {
		fmt.Fprintf(w, "  HTTP     %s/v1/results\n", url)
	}
	fmt.Fprintf(w, "  data     %s\n", server.DataDir())
	fmt.Fprintf(w, "  sinks    %s\n", summary(place.config))
	address := ""
	if server.Address() != consign.DefaultAddress {
		address = " --address " + server.Address()
	}
	fmt.Fprintf(w, "  submit   echo '{\"hello\":\"world\"}' | consign submit%s --source me --wait\n\nCtrl-C stops it.\n\n", address)
}
