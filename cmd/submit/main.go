// Command submit hands results from files or stdin to Consign. It is the producer's command: it
// talks to Temporal alone, and has neither server nor sinks inside. `consign submit` is the same.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/cmd/internal/submit"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return exit.Report(os.Stderr, "submit", submit.Command(version()).ExecuteContext(ctx))
}

// version is the module's, as the Go command stamps it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
