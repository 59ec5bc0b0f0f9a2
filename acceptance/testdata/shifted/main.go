// Shifted is a worker for the tests of package acceptance, which build it with a package time whose
// clock is off by $CLOCK_SHIFT seconds. It reads its configuration from standard input, works for the
// Temporal that the environment names, and drains at SIGTERM.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/worker"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	source, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	c, err := config.Parse("stdin", source, all.Kinds(), os.LookupEnv)
	if err != nil {
		return err
	}
	log := zap.NewExample()
	temporal, options, err := worker.Connect(ctx, consign.Options{}, log)
	if err != nil {
		return err
	}
	defer temporal.Close()
	w, err := worker.Start(ctx, worker.Options{Temporal: temporal, Namespace: options.Namespace, Config: c, Drain: 5 * time.Second, Log: log})
	if err != nil {
		return err
	}
	fmt.Println(time.Now().Unix())
	<-ctx.Done()
	return w.Stop(context.Background())
}
