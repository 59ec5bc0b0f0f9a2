package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/consign-dev/consign"
)

// plan is what a run does. Children get it as flags too, so that each knows what is to come.
type plan struct {
	seed    uint64
	results int
	kills   int
	stops   int
	stopped time.Duration
	// source is how results are handed in. Empty: bySubmit.
	source string
	// batch is the most results that may share a workflow. 0: 256 by a Submitter, else 1.
	batch int
	sinks string
	plant string
	dir   string
	json  bool
}

func (p *plan) flags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Uint64Var(&p.seed, "seed", 1, "seed of everything that happens at random")
	flags.IntVar(&p.results, "results", 20000, "results to submit")
	flags.IntVar(&p.kills, "kills", 24, "times that a process is killed with SIGKILL, each in turn")
	flags.IntVar(&p.stops, "stops", 6, "times that a process is held with SIGSTOP, each in turn")
	flags.DurationVar(&p.stopped, "stopped", 15*time.Second, "how long it is held")
	flags.StringVar(&p.source, "source", bySubmit, "how results are handed in: "+strings.Join(ways(), ", "))
	flags.IntVar(&p.batch, "batch", 0, "most results that may share a workflow, where -source is not submit (default: 256 for batch, else 1)")
	flags.StringVar(&p.sinks, "sinks", "", "kinds of sinks beside the file and the two webhooks: all, or some of "+strings.Join(counterpartNames(), ","))
	flags.StringVar(&p.plant, "plant", "", "a bug to plant in the workers, which the judge must find: "+strings.Join(plants(), ", "))
	flags.StringVar(&p.dir, "dir", "", "directory for ledgers and logs, on a real disk, kept after the run (default: a temporary one, kept if the verdict is negative)")
	flags.BoolVar(&p.json, "json", false, "print the verdict as JSON")
	return flags
}

func (p *plan) args() []string {
	return []string{
		fmt.Sprint("-seed=", p.seed), fmt.Sprint("-results=", p.results), fmt.Sprint("-source=", p.way()), fmt.Sprint("-batch=", p.batch),
		fmt.Sprint("-sinks=", p.sinks), fmt.Sprint("-plant=", p.plant), fmt.Sprint("-dir=", p.dir),
	}
}

func (p *plan) check() error {
	switch {
	case p.results < 1 || p.kills < 0 || p.stops < 0 || p.stopped < 0:
		return errors.New("-results must be at least 1; -kills, -stops and -stopped at least 0")
	case !slices.Contains(ways(), p.way()):
		return fmt.Errorf("-source %q: there is no such way: %s are", p.source, strings.Join(ways(), ", "))
	case p.batch < 0 || p.batch > consign.MaxConsignmentResults:
		return fmt.Errorf("-batch %d: at least 1, at most %d", p.batch, consign.MaxConsignmentResults)
	case p.batch > 0 && p.way() == bySubmit:
		return errors.New("-batch: with -source submit what shares a workflow is by the seed")
	case p.unknownSink() != "":
		return fmt.Errorf("-sinks: %q is none of %s", p.unknownSink(), strings.Join(counterpartNames(), ", "))
	case p.plant != "" && !slices.Contains(plants(), p.plant):
		return fmt.Errorf("-plant %q: there is no such bug: %s are", p.plant, strings.Join(plants(), ", "))
	}
	return nil
}

// source of all results.
const source = "oracle"

func resultID(n int) string { return fmt.Sprintf("r-%06d", n) }

// number of a result by its id.
func number(id string) (n int, err error) {
	_, err = fmt.Sscanf(id, "r-%d", &n)
	return n, err
}

// result is the one of that number. Its data is spelt in ways that a second encoder would change.
func result(n int) consign.Result {
	return consign.Result{
		Source: source, ID: resultID(n), Type: "detection",
		Data: fmt.Appendf(nil, `{"n":%d,"ratio":1.0e2,"big":12345678901234567890,"text":"<&>\u00e9\/ \u2028","n":%d,"pad":%q}`, n, n, strings.Repeat("x", n%400)),
	}
}

// archive is the file sink's file.
func (p *plan) archive() string { return p.path("archive.ndjson") }

// archiveSize in bytes; 0 before anything is in it.
func (p *plan) archiveSize() int64 {
	info, err := os.Stat(p.archive())
	if err != nil {
		return 0
	}
	return info.Size()
}

// release lets the submitter go on to the results below that number, which released tells it.
func (p *plan) release(n int) error {
	draft := p.path("released.draft")
	if err := os.WriteFile(draft, []byte(strconv.Itoa(n)), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, p.path("released"))
}

// released is 0 before anything is.
func (p *plan) released() int {
	text, err := os.ReadFile(p.path("released"))
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0
	}
	return n
}
