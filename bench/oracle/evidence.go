package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// evidence is everything that the judge looks at. Times are in nanoseconds since 1970, results go by
// their numbers.
type evidence struct {
	sinks     []string
	units     []unit
	submitted map[int]int64
	// handed is when a result was about to be handed in, each time. It is empty where only the stories tell.
	handed map[int][]int64
	acks   map[int][]line
	// told are what a process was told of results that are committed, which may be killed before.
	told map[int][]line
	// pending and terminated are messages of the stream that were not acked in the end, or were not to come
	// again. redelivered counts acks of deliveries beyond the first.
	pending, terminated []string
	redelivered         int
	// takes of each sink, in the order in which they were written down.
	takes map[string]taken
	// cuts are when connections to a sink's counterpart broke.
	cuts map[string][]span
	// unfinished are workflows that did not complete.
	unfinished []string
	// torn are lines that are no results, in that file or a stream.
	torn []string
	// parked is when a dead letter for a sink began that holds the result.
	parked map[string]map[int]int64
	// stories of workflows, in the order of their start.
	stories     []*story
	happened    []happening
	stillParked int
}

// take is a result that a sink took. A line of the archive has no time, no id and no author: where it
// ends tells when it was written.
type take struct {
	at int64
	// seen says that at is when a stream was read, some time after the sink had written to it.
	seen     bool
	end      int64
	delivery string
	by       int // the worker's process id; 0: nobody knows
	// spoiled says that the client was not told so.
	spoiled bool
	mangled bool
}

// span of time in which a connection broke: it may have hung before.
type span struct{ from, to int64 }

// story is what Temporal tells of a Deliver workflow.
type story struct {
	workflow string
	// results that it carries.
	results         []int
	started, closed int64
	// messages are the deliveries by which they came, if they came so.
	messages map[int]delivered
	// records are, for each sink, when outcomes of attempts came to stand in the history. Nil: it was
	// not read, since nothing happened while the workflow was open.
	records map[string][]int64
	// silent are, for each sink, the attempts that the history says heard no answer in time: what they sent may
	// have been taken. lost is when workflow tasks failed or ran out of time, whose inline attempts are made again.
	silent map[string][]span
	lost   []int64
}

const archiveName = "archive"

// gather reads the ledgers, the archive and Temporal, when every process but the server is at rest.
func gather(ctx context.Context, p *plan, at addresses, happened []happening, temporal client.Client) (*evidence, error) {
	e := &evidence{
		sinks: p.sinkNames(), units: p.units(), submitted: map[int]int64{}, handed: map[int][]int64{},
		acks: map[int][]line{}, told: map[int][]line{},
		takes: map[string]taken{archiveName: {}}, cuts: map[string][]span{}, happened: happened,
	}
	lines, err := readLedger(p.path(submitterName + ledgerSuffix))
	if err != nil {
		return nil, err
	}
	e.readUpstream(lines)
	if p.way() == byJetStream {
		e.handed = nil
		if err := e.readBroker(ctx, p, at); err != nil {
			return nil, err
		}
		if err := e.readCuts(p, brokerName); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{hookName, deskName} {
		if e.takes[name], err = readTakes(p.path(name + ledgerSuffix)); err != nil {
			return nil, err
		}
	}
	for _, c := range p.counterparts() {
		if err := e.readCounterpart(ctx, p, c, at.Of[c.name]); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if err := e.readArchive(p.archive()); err != nil {
		return nil, err
	}
	letters, err := executions(ctx, temporal, consign.DeadLetterWorkflow)
	if err != nil {
		return nil, err
	}
	deliveries, err := executions(ctx, temporal, consign.DeliverWorkflow)
	if err != nil {
		return nil, err
	}
	for _, w := range slices.Concat(letters, deliveries) {
		if s := w.GetStatus(); s != enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED && s != enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
			e.unfinished = append(e.unfinished, fmt.Sprint(w.GetExecution().GetWorkflowId(), " is ", w.GetStatus()))
		}
	}
	if e.parked, err = readParked(ctx, temporal, letters); err != nil {
		return nil, err
	}
	e.stories, err = readStories(ctx, temporal, p, e, deliveries)
	return e, err
}

// readUpstream reads what the submitter wrote down.
func (e *evidence) readUpstream(lines []line) {
	first := map[int]unit{}
	for _, u := range e.units {
		first[u.first] = u
	}
	for _, l := range lines {
		switch l.What { //nolint:exhaustive // the others are no evidence
		case meant:
			for n := l.N; n < l.N+first[l.N].count; n++ {
				e.handed[n] = append(e.handed[n], l.At)
			}
		case submitted:
			for n := l.N; n < l.N+first[l.N].count; n++ {
				if e.submitted[n] == 0 {
					e.submitted[n] = l.At
				}
			}
		case acked:
			e.acks[l.N] = append(e.acks[l.N], l)
		case told:
			e.told[l.N] = append(e.told[l.N], l)
		}
	}
}

func (e *evidence) readCounterpart(ctx context.Context, p *plan, c counterpart, address string) (err error) {
	if e.takes[c.name], err = c.read(ctx, p, address); err != nil {
		return err
	}
	lines, err := readLedger(p.path(c.name + ledgerSuffix))
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.What == tornLine {
			e.torn = append(e.torn, fmt.Sprintf("a line at %s: %.100q", c.name, l.Text))
		}
	}
	return e.readCuts(p, c.name)
}

// readCuts reads when connections to something broke.
func (e *evidence) readCuts(p *plan, name string) error {
	lines, err := readLedger(p.path(name + cutsSuffix + ledgerSuffix))
	for _, l := range lines {
		e.cuts[name] = append(e.cuts[name], span{l.From, l.At})
	}
	return err
}

// readStream reads the ledger of whoever read a stream.
func readStream(p *plan, name string) (taken, error) {
	takes, err := readTakes(p.path(name + ledgerSuffix))
	for _, of := range takes {
		for i := range of {
			of[i].seen = true
		}
	}
	return takes, err
}

// readPrinted reads what the workers have printed.
func readPrinted(_ context.Context, p *plan, _ string) (taken, error) {
	return readStream(p, stdoutName)
}

func readTakes(path string) (taken, error) {
	lines, err := readLedger(path)
	if err != nil {
		return nil, err
	}
	takes := taken{}
	for _, l := range lines {
		switch l.What { //nolint:exhaustive // a receiver writes no others
		case taking:
			takes[l.N] = append(takes[l.N], take{at: l.At, delivery: l.Delivery, by: l.By, spoiled: l.Answer.spoils(), mangled: l.Mangled})
		case unheard:
			// It is about the last take of this delivery: two at once are two attempts, both unheard.
			all := takes[l.N]
			if i := lastHeard(all); i >= 0 {
				all[i].spoiled = true
			}
		}
	}
	return takes, nil
}

// lastHeard is the last take that is not spoiled.
func lastHeard(all []take) int {
	for i := range slices.Backward(all) {
		if !all[i].spoiled {
			return i
		}
	}
	return -1
}

func (e *evidence) readArchive(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	end := int64(0)
	for raw := range bytes.Lines(text) {
		end += int64(len(raw))
		var got consign.Result
		n := 0
		err := json.Unmarshal(raw, &got)
		if err == nil {
			n, err = number(got.ID)
		}
		if err != nil || raw[len(raw)-1] != '\n' || string(got.Data) != string(result(n).Data) {
			e.torn = append(e.torn, fmt.Sprintf("the archive's line that ends at byte %d: %.100q", end, raw))
			continue
		}
		e.takes[archiveName][n] = append(e.takes[archiveName][n], take{end: end})
	}
	return nil
}

// disputed tells whether a workflow's history is needed: it was open when something happened, or what it carried was
// delivered more than once.
func (e *evidence) disputed(s *story) bool {
	for _, n := range s.results {
		for _, of := range e.takes {
			if len(of[n]) > 1 {
				return true
			}
		}
	}
	return slices.ContainsFunc(e.happened, func(h happening) bool { return s.started <= h.To && s.closed >= h.From })
}
