package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	commonpb "go.temporal.io/api/common/v1"

	"github.com/consign-dev/consign"
)

// state is what the table shows, taken from the sinks and the engine themselves.
type state struct {
	rows []row
	// last result on the console.
	last consign.Result
	// stubborn is a result that has been refused several times and is being retried.
	stubborn *retried
	engine   engine
}

// row is one sink.
type row struct {
	sink                    string
	taken, retrying, parked int
}

// retried is a result under retry.
type retried struct {
	id    string
	tries int
	link  string
}

// manyTries is from which refusal on a result is worth looking at: those that fail only at first have
// been taken by then.
const manyTries = 3

// look takes the state. The engine is asked first: what a sink takes meanwhile is then not counted as
// retrying.
func (s *stage) look(ctx context.Context) (state, error) {
	e, err := s.askEngine(ctx)
	if err != nil {
		return state{}, err
	}
	archived, err := s.readArchive()
	if err != nil {
		return state{}, err
	}
	held, err := s.receiver.held(ctx)
	if err != nil {
		return state{}, err
	}
	received, err := held.kept()
	if err != nil {
		return state{}, err
	}
	onConsole, last := s.console.show()
	atReceiver := ids(received)
	shown := state{engine: e, last: last, rows: []row{
		e.row(archiveSink, ids(archived)), e.row(consoleSink, onConsole), e.row(webhookSink, atReceiver),
	}}
	for _, execution := range e.retrying {
		id := resultOf(execution)
		if tries := held.Tries[id]; !atReceiver[id] && tries >= manyTries {
			shown.stubborn = &retried{id: id, tries: tries, link: webLink(s.server.UIURL(), execution)}
		}
	}
	return shown, nil
}

// row counts for one sink: what is retrying is what is under way and neither taken nor parked there.
func (e engine) row(sink string, taken map[string]bool) row {
	r := row{sink: sink, taken: len(taken)}
	over := map[string]bool{}
	for _, l := range e.letters {
		if l.header.Sink != sink {
			continue
		}
		over[l.header.ID] = true
		switch l.state {
		case consign.StateParked:
			r.parked++
		case consign.StateRetrying:
			r.retrying++
		}
	}
	for _, execution := range e.retrying {
		if id := resultOf(execution); !taken[id] && !over[id] {
			r.retrying++
		}
	}
	return r
}

// resultOf is the id of the result that a Deliver workflow carries, which stands in its workflow id.
func resultOf(execution *commonpb.WorkflowExecution) string {
	name := execution.GetWorkflowId()
	id, err := url.PathUnescape(name[strings.LastIndexByte(name, '/')+1:])
	if err != nil {
		return name // none of ours
	}
	return id
}

// webLink is where the Web UI shows a workflow's timeline, with the activity that is being retried.
func webLink(ui string, execution *commonpb.WorkflowExecution) string {
	return ui + "/namespaces/default/workflows/" + url.PathEscape(execution.GetWorkflowId()) + "/" + execution.GetRunId() + "/timeline"
}

// kept is one result as a destination holds it.
type kept struct {
	deliveryID string // empty where none is kept
	result     consign.Result
}

func (s *stage) readArchive() ([]kept, error) {
	text, err := os.ReadFile(s.archive)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	// The sink may be within a write: a last line without its end is not there yet.
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	results, err := parseLines(text)
	if err != nil {
		return nil, fmt.Errorf("read the archive %s: %w", s.archive, err)
	}
	var archived []kept
	for _, result := range results {
		archived = append(archived, kept{result: result})
	}
	return archived, nil
}

// kept reads the bodies that the receiver holds.
func (h held) kept() ([]kept, error) {
	var received []kept
	for _, delivery := range h.Deliveries {
		results, err := parseLines(delivery.Body)
		if err != nil || len(results) != 1 {
			return nil, fmt.Errorf("the receiver holds a body that is no result, delivery %s: %w", delivery.DeliveryID, err)
		}
		received = append(received, kept{delivery.DeliveryID, results[0]})
	}
	return received, nil
}

func ids(all []kept) map[string]bool {
	found := map[string]bool{}
	for _, k := range all {
		found[k.result.ID] = true
	}
	return found
}
