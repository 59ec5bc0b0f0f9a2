package consign_test

import (
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/all"
	"github.com/consign-dev/consign/worker"
)

// stopServer stops what exampleServer has started.
var stopServer = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	stopServer()
	os.Exit(code)
}

// exampleServer is the address of a Temporal with a worker that has two sinks: a file, and a desk
// that takes nothing of the type "vulnerability". It is started for the first example that asks.
var exampleServer = sync.OnceValue(func() string {
	ctx := context.Background()
	server, err := embedded.Start(ctx, embedded.Options{Ephemeral: true, Port: embedded.AnyPort, Headless: true})
	if err != nil {
		log.Fatal(err)
	}
	options, err := consign.Options{Address: server.Address()}.ClientOptions()
	if err != nil {
		log.Fatal(err)
	}
	temporal, err := client.Dial(options)
	if err != nil {
		log.Fatal(err)
	}
	kinds := append(all.Kinds(), config.Kind{Name: "desk", New: func() config.Settings { return &desk{} }})
	settings, err := config.Parse("example.yaml", []byte("sinks:\n  archive: {file: {path: "+filepath.Join(server.DataDir(), "results.ndjson")+"}}\n  desk: {desk: {}}\n"), kinds, os.LookupEnv)
	if err != nil {
		log.Fatal(err)
	}
	w, err := worker.Start(ctx, worker.Options{Temporal: temporal, Config: settings})
	if err != nil {
		log.Fatal(err)
	}
	stopServer = func() {
		if err := errors.Join(w.Stop(ctx), server.Stop(ctx)); err != nil {
			log.Print(err)
		}
		temporal.Close()
	}
	return server.Address()
})

type desk struct{}

func (*desk) SetDefaults()                                       {}
func (*desk) Validate(func(_, _ string))                         {}
func (d *desk) Open(context.Context, string) (sinks.Sink, error) { return d, nil }
func (*desk) Close(context.Context) error                        { return nil }
func (*desk) Deliver(_ context.Context, batch []sinks.Delivery) []error {
	errs := make([]error, len(batch))
	for i, d := range batch {
		if d.Result.Type == "vulnerability" {
			errs[i] = sinks.Permanent(errors.New("not for this desk"))
		}
	}
	return errs
}
