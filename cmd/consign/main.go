// Consign is the operator's command: it runs Temporal and workers, submits results, and deals with
// dead letters.
//
//	consign demo                     watch it work
//	consign up                       run everything in one process
//	consign submit results.ndjson    hand over results
//	consign dead-letters list        see what could not be delivered
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/config"
)

func main() { os.Exit(run(os.Args[1:])) }

// run returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once, by its default action.
	context.AfterFunc(ctx, stop)

	root := rootCommand()
	root.SetArgs(args)
	return report(os.Stderr, root.ExecuteContext(ctx))
}

// report writes what a command failed with, one line for each thing that is wrong, and returns the
// exit code. Mistakes in a configuration file begin with their place, as compilers write it, so that
// editors can follow.
func report(w io.Writer, err error) int {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, problem := range problems {
			fmt.Fprintln(w, problem.Error())
		}
		return exit.Code(err)
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(w, "consign: %s\n", strings.TrimSpace(line))
		}
		return exit.Code(err)
	}
	return exit.Report(w, "consign", err)
}
