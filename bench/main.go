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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Flags by which this program runs itself as another process.
const (
	// receiverFlag makes it the receiver that the sinks of another one deliver to.
	receiverFlag = "-receiver"
	// hostFlag makes it a [Host].
	hostFlag = "-host"
	// brokerFlag makes it a NATS server, with a directory behind it.
	brokerFlag = "-broker"
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
	case len(args) == 1 && args[0] == hostFlag:
		return host(ctx, os.Stdin, os.Stdout)
	case len(args) == 2 && args[0] == brokerFlag:
		return serveBroker(ctx, os.Stdin, os.Stdout, args[1])
	}
	return run(ctx, args)
}

// options of a run.
type options struct {
	results   int
	rounds    int
	inFlight  int
	length    time.Duration
	rate      int
	flooding  int
	steadyFor time.Duration
	sizes     []int
	only      []string
	dataDir   string
	json      bool
	plot      string
	profile   string
	drawn     []string // reports to draw instead of measuring
}

func parse(args []string) (options, error) {
	var o options
	var only, sizes string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.results, "n", 320, "results (and no-op workflows) in a round; plain takes an eighth")
	flags.IntVar(&o.rounds, "rounds", 12, "rounds of each figure, of which the median is reported; many short ones cancel what else the machine does")
	flags.IntVar(&o.inFlight, "c", 64, "results in flight")
	flags.DurationVar(&o.length, "length", 12*time.Second, "length of runs at a pace: of paced, of each of the three of dead_sink beyond the time left out, and of the one whose memory resident measures")
	flags.IntVar(&o.rate, "rate", 50, "results a second of dead_sink")
	flags.IntVar(&o.flooding, "flood", 40_000, "results in a round of flooded and of flooded_webhook")
	flags.DurationVar(&o.steadyFor, "steady", 10*time.Minute, "length of the flood of steady")
	flags.StringVar(&sizes, "growth", "1000,100000,300000", "how many workflows the database holds when growth measures, separated by commas")
	flags.StringVar(&only, "only", "", "figures to measure, separated by commas: "+strings.Join(figures(), ", ")+" (default all but steady and growth, which take long)")
	flags.StringVar(&o.dataDir, "data-dir", "", "directory on a real disk; what is written there is removed at the end (default: one for temporary files)")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
	flags.StringVar(&o.plot, "plot", "", "draw the figures to this SVG file; with files that -json has written as arguments, draw those side by side and measure nothing")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the run to this file; with -only single the floor is left out of it")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.drawn = flags.Args()
	if len(o.drawn) > 0 && o.plot == "" {
		return o, fmt.Errorf("%q: only flags are taken, but for reports to draw with -plot: see -help", flags.Arg(0))
	}
	if o.results < 8 || o.rounds < 1 || o.inFlight < 1 || o.rate < 1 || o.flooding < 1 {
		return o, errors.New("-n must be at least 8, -rounds, -c, -rate and -flood at least 1")
	}
	if o.length < time.Second || o.steadyFor < 3*time.Second {
		return o, errors.New("-length must be at least 1s, -steady at least 3s")
	}
	var err error
	if o.sizes, err = growing(sizes); err != nil {
		return o, err
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

// growing reads numbers that grow.
func growing(list string) (sizes []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		size, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || size < 1 || len(sizes) > 0 && size <= sizes[len(sizes)-1] {
			return nil, fmt.Errorf("-growth %q: numbers are taken, each larger than the one before", list)
		}
		sizes = append(sizes, size)
	}
	return sizes, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if len(o.drawn) > 0 {
		return drawFiles(o.plot, o.drawn)
	}
	var report Report
	err = profiled(o.profile, func() error {
		report, err = measure(ctx, o)
		return err
	})
	if err != nil {
		return err
	}
	if err := show(report, o.json); err != nil || o.plot == "" {
		return err
	}
	return draw(o.plot, []drawing{{name: "this run", report: report}})
}

// show prints a report.
func show(report Report, asJSON bool) error {
	if !asJSON {
		return report.table(os.Stdout)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
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
