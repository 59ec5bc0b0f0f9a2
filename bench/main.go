package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Flags by which this program runs itself as another process.
const (
	// receiverFlag makes it the receiver that the sinks of another one deliver to.
	receiverFlag = "-receiver"
	// hostFlag makes it server and worker, with a directory and the URL of a receiver behind it.
	hostFlag = "-host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := play(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // the deferred stop was just called
	}
}

// play is one of the processes, or the run itself.
func play(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == receiverFlag:
		return receive(ctx, os.Stdin, os.Stdout)
	case len(args) == 3 && args[0] == hostFlag:
		return host(ctx, os.Stdin, os.Stdout, args[1], args[2])
	}
	return run(ctx, args)
}

// options of a run.
type options struct {
	results   int
	rounds    int
	inFlight  int
	isolation time.Duration
	rate      int
	only      []string
	dataDir   string
	json      bool
	profile   string
}

// figures lists what can be measured, in the order in which it is.
func figures() []string {
	return []string{"floor", "single", "alone", "plain", "isolation", "resident"}
}

func (o *options) wants(figure string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, figure)
}

func parse(args []string) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.results, "n", 320, "results (and no-op workflows) in a round; plain takes a quarter")
	flags.IntVar(&o.rounds, "rounds", 12, "rounds of each figure, of which the median is reported; many short ones cancel what else the machine does")
	flags.IntVar(&o.inFlight, "c", 64, "results in flight")
	flags.DurationVar(&o.isolation, "isolation", 20*time.Second, "length of each of the three isolation runs, beyond the time left out, and of the paced run whose memory is measured")
	flags.IntVar(&o.rate, "rate", 50, "results a second in the isolation runs")
	flags.StringVar(&only, "only", "", "figures to measure, separated by commas: "+strings.Join(figures(), ", ")+" (default all)")
	flags.StringVar(&o.dataDir, "data-dir", "", "directory on a real disk; what is written there is removed at the end (default: one for temporary files)")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the run to this file; with -only single the floor is left out of it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q: only flags are taken, see -help", flags.Arg(0))
	}
	if o.results < 4 || o.rounds < 1 || o.inFlight < 1 || o.isolation < time.Second || o.rate < 1 {
		return o, errors.New("-n must be at least 4, -rounds, -c and -rate at least 1, -isolation at least 1s")
	}
	for name := range strings.SplitSeq(only, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(figures(), name) {
			return o, fmt.Errorf("-only %q: there is no such figure: %s are", name, strings.Join(figures(), ", "))
		}
		o.only = append(o.only, name)
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	var report Report
	err = profiled(o.profile, func() error {
		report, err = measure(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.table(os.Stdout)
}

// profiled writes a CPU profile of what measure does to a file; to none if the path is empty.
func profiled(path string, measure func() error) error {
	if path == "" {
		return measure()
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = measure()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}
