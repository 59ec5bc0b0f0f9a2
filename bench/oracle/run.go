package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// patience is how long nothing at all may happen before the run is given up: then results are missing.
const patience = 3 * time.Minute

// conductor starts the processes and lets things happen to them.
type conductor struct {
	plan      plan
	at        addresses
	processes map[string]*process
	random    *rand.Rand
	progress  *progress
	units     []unit
	happened  []happening
	// socketDir holds the Unix socket, whose path has to be short.
	socketDir string
	// printed is what the workers' sink stdout has printed.
	printed *ledger
}

// Signals that processes get.
const (
	sigkill = "SIGKILL"
	sigstop = "SIGSTOP"
)

// happening is a kill or a stop.
type happening struct {
	Process string `json:"process"`
	Signal  string `json:"signal"`
	// Pid of the process then.
	Pid int `json:"pid"`
	// From is when it was sent, To when a stopped process went on, or a killed server was there again; for
	// another that was killed the same as From. Both in nanoseconds since 1970.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Sizes of the archive at From, and when what had been begun before To was worked off, in bytes.
	ArchiveFrom int64 `json:"archive_from"`
	ArchiveTo   int64 `json:"archive_to"`
}

// startOrder of the processes, which is not that in which things happen to them.
func (p *plan) startOrder() []string {
	order := []string{serverName, hookName, deskName}
	if len(p.counterparts()) > 0 {
		order = append(order, rackName)
	}
	if p.way() == byJetStream {
		order = append(order, brokerName)
	}
	return append(order, worker1Name, worker2Name, submitterName)
}

// victims are the processes in the order in which things happen to them. A Submitter, which is all that knows
// of results that wait for a workflow, has its turn more often.
func (p *plan) victims() []string {
	if p.way() == byBatch {
		return []string{worker1Name, submitterName, serverName, submitterName, hookName, worker2Name, submitterName, deskName}
	}
	return []string{worker1Name, serverName, hookName, submitterName, worker2Name, deskName}
}

// run is one run, from nothing to the verdict.
func run(ctx context.Context, p plan) (_ *verdict, err error) {
	if err := p.withoutMissing(); err != nil {
		return nil, err
	}
	temporary := p.dir == ""
	if temporary {
		if p.dir, err = os.MkdirTemp("", "consign-oracle-"); err != nil {
			return nil, err
		}
	} else if p.dir, err = emptyDir(p.dir); err != nil {
		return nil, err
	}
	c := &conductor{
		plan: p, processes: map[string]*process{},
		random:   rand.New(rand.NewPCG(p.seed, 2)),
		progress: newProgress(&p), units: p.units(),
	}
	fmt.Fprintf(os.Stderr, "oracle: seed %d, %d results by %s, %d kills, %d stops of %s, in %s\n", p.seed, p.results, p.way(), p.kills, p.stops, p.stopped, p.dir)
	began := time.Now()
	defer func() { err = errors.Join(err, c.end()) }()
	found, err := c.perform(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w (ledgers and logs are in %s)", err, p.dir)
	}
	v := judge(found)
	v.Seed, v.Source, v.Batch = p.seed, p.way(), p.batchMax()
	v.Took, v.Dir = time.Since(began).Round(time.Second).String(), p.dir
	v.wanted(p)
	if temporary && len(v.problems()) == 0 {
		v.Dir = ""
		err = os.RemoveAll(p.dir)
	} else {
		err = v.save()
	}
	return v, err
}

// end leaves no process and no socket behind.
func (c *conductor) end() error {
	for _, process := range c.processes {
		if process.cmd != nil && process.cmd.Process != nil {
			_ = process.cmd.Process.Kill()
			<-process.ended
		}
	}
	err := os.RemoveAll(c.socketDir)
	if c.printed != nil {
		err = errors.Join(err, c.printed.close())
	}
	return err
}

func emptyDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return "", errors.Join(fmt.Errorf("-dir %s must be empty", dir), err)
	}
	return dir, nil
}

func (c *conductor) perform(ctx context.Context) (*evidence, error) {
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	if err := c.disturb(ctx); err != nil {
		return nil, err
	}
	if err := c.await(ctx, func(p *progress) bool { return p.over(&c.plan, c.units) }); err != nil && !errors.Is(err, errStuck) {
		return nil, err
	}
	options, err := consign.Options{Address: c.at.Server}.ClientOptions()
	if err != nil {
		return nil, err
	}
	temporal, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, err
	}
	defer temporal.Close()
	if c.plan.way() == byJetStream {
		if err := untilAcked(ctx, c.at); err != nil {
			return nil, err
		}
	}
	// Where no acks say so, results may be under way still.
	if err := untilClosed(ctx, temporal, "WorkflowType = '"+consign.DeliverWorkflow+"' AND "); err != nil {
		return nil, err
	}
	still, err := c.heal(ctx, temporal)
	if err != nil {
		return nil, err
	}
	if err := untilClosed(ctx, temporal, ""); err != nil {
		return nil, err
	}
	for _, name := range []string{submitterName, worker1Name, worker2Name, hookName, deskName} {
		if err := c.processes[name].stop(); err != nil {
			return nil, err
		}
	}
	found, err := gather(ctx, &c.plan, c.at, c.happened, temporal)
	if err != nil {
		return nil, err
	}
	found.stillParked = still
	for _, name := range []string{rackName, brokerName, serverName} {
		if p := c.processes[name]; p != nil {
			err = errors.Join(err, p.stop())
		}
	}
	return found, err
}

// start brings all processes up.
func (c *conductor) start(ctx context.Context) error {
	var err error
	if c.socketDir, err = os.MkdirTemp("", "consign-oracle-socket-"); err != nil {
		return err
	}
	if c.printed, _, err = openLedger(c.plan.path(stdoutName + ledgerSuffix)); err != nil {
		return err
	}
	if c.at, err = chooseAddresses(ctx, &c.plan, filepath.Join(c.socketDir, "socket")); err != nil {
		return err
	}
	for _, name := range c.plan.startOrder() {
		c.processes[name] = &process{
			name: name, log: c.plan.path(name + ".log"),
			args: append([]string{"-role=" + name}, c.plan.args()...),
		}
		if name == worker1Name || name == worker2Name {
			c.processes[name].output = func(pid int, lines [][]byte) error { return writeEvents(c.printed, pid, lines) }
		}
		if err := c.processes[name].start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// disturb kills and stops processes, evenly over the results that are submitted.
func (c *conductor) disturb(ctx context.Context) error {
	all, victims := c.plan.kills+c.plan.stops, c.plan.victims()
	kills, stops := 0, 0
	step := c.plan.results / (all + 1)
	for i := range all {
		// The submitter goes on by one step, and is in the midst of it when something happens.
		err := c.keepPace(ctx, i*step)
		if err == nil {
			err = c.plan.release((i + 1) * step)
		}
		if err == nil {
			mark, before := c.mark(i, step), len(c.progress.delivered)
			// What is in the stream is under way once the workers go on to read.
			read := func(p *progress) bool { return c.plan.way() != byJetStream || len(p.delivered) > before }
			err = c.await(ctx, func(p *progress) bool { return p.submitted >= mark && read(p) })
		}
		if err == nil && c.plan.way() == byBatch {
			err = pause(ctx, time.Duration(c.random.Int64N(int64(storing))))
		}
		if errors.Is(err, errStuck) {
			return nil // the verdict will say what is missing
		}
		if err != nil {
			return err
		}
		if (i+1)*c.plan.stops/all > i*c.plan.stops/all {
			err = c.stop(ctx, c.processes[victims[stops%len(victims)]])
			stops++
		} else {
			err = c.kill(ctx, c.processes[victims[kills%len(victims)]])
			kills++
		}
		if err != nil {
			return err
		}
	}
	return c.plan.release(c.plan.results)
}

// mark is how far the submitter is to be in a step when something happens: a third of it by calls, which it makes
// one after the other, else at the first that is stored, with the others on their way.
func (c *conductor) mark(i, step int) int {
	if c.plan.way() == bySubmit {
		return i*step + step/3
	}
	return min(i*step, c.plan.reached((i+1)*step)) + 1
}

// storing is about how long it takes until the results of a step are stored that share a workflow.
const storing = 100 * time.Millisecond

// openResults are results that are handed in and not delivered at once.
const openResults = 400

// keepPace waits until not too many of the results that were released are under way, unless the submitter does.
func (c *conductor) keepPace(ctx context.Context, released int) error {
	if c.plan.way() == bySubmit {
		return nil
	}
	return c.await(ctx, func(p *progress) bool { return len(p.delivered) >= released-openResults })
}

// kill ends a process with SIGKILL, and starts it again up to two seconds later.
func (c *conductor) kill(ctx context.Context, p *process) error {
	h := happening{Process: p.name, Signal: sigkill, Pid: p.cmd.Process.Pid, From: time.Now().UnixNano()}
	h.To = h.From
	if err := p.kill(); err != nil {
		return err
	}
	h.ArchiveTo = c.plan.archiveSize()
	h.ArchiveFrom = h.ArchiveTo
	if err := pause(ctx, time.Duration(c.random.Int64N(int64(2*time.Second)))); err != nil {
		return err
	}
	if err := p.start(ctx); err != nil {
		return err
	}
	if p.name != serverName {
		c.happened = append(c.happened, h)
		return nil
	}
	h.To = time.Now().UnixNano() // until then no worker could report
	return c.settle(ctx, h)
}

func (c *conductor) stop(ctx context.Context, p *process) error {
	h := happening{Process: p.name, Signal: sigstop, Pid: p.cmd.Process.Pid, ArchiveFrom: c.plan.archiveSize(), From: time.Now().UnixNano()}
	if err := p.hold(ctx, c.plan.stopped); err != nil {
		return err
	}
	h.To = time.Now().UnixNano()
	return c.settle(ctx, h)
}

// settle waits until what had been begun before is worked off.
func (c *conductor) settle(ctx context.Context, h happening) error {
	err := pause(ctx, grace)
	h.ArchiveTo = c.plan.archiveSize()
	c.happened = append(c.happened, h)
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

var errStuck = errors.New("nothing happens any more")

// await waits until the submitter has come so far.
func (c *conductor) await(ctx context.Context, reached func(*progress) bool) error {
	last, at := -1, time.Now()
	for {
		if err := c.progress.read(); err != nil {
			return err
		}
		if reached(c.progress) {
			return nil
		}
		if now := c.progress.sum(); now != last {
			last, at = now, time.Now()
		}
		if time.Since(at) > patience {
			return errStuck
		}
		for _, p := range c.processes {
			select {
			case <-p.ended:
				return fmt.Errorf("%s ended by itself, see %s", p.name, p.log)
			default:
			}
		}
		if err := pause(ctx, c.look()); err != nil {
			return err
		}
	}
}

// look is the time from one look at the progress to the next.
func (c *conductor) look() time.Duration {
	if c.plan.way() == bySubmit {
		return 50 * time.Millisecond
	}
	return 2 * time.Millisecond // a step is soon over
}

// heal lets the receivers take everything, replays all dead letters, and returns how many are left.
func (c *conductor) heal(ctx context.Context, temporal client.Client) (int, error) {
	for name, address := range map[string]string{hookName: c.at.Hook, deskName: c.at.Desk, rackName: c.at.Rack, brokerName: c.at.Door} {
		if c.processes[name] == nil {
			continue
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/heal", http.NoBody)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, fmt.Errorf("healing %s: %w", name, err)
		}
		if err := response.Body.Close(); err != nil {
			return 0, err
		}
	}
	return replayAll(ctx, temporal)
}
