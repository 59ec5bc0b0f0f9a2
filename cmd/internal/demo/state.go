package demo

import (
	"context"
	"net/url"
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

// state takes the state. The engine is asked first: what a sink takes meanwhile is then not counted as
// retrying.
func (s *stage) state(ctx context.Context) (state, error) {
	e, err := s.askEngine(ctx)
	if err != nil {
		return state{}, err
	}
	there, err := s.look(ctx)
	if err != nil {
		return state{}, err
	}
	shown := state{engine: e}
	for _, sink := range s.sinks {
		shown.rows = append(shown.rows, e.row(sink, ids(there.kept[sink])))
	}
	if onConsole := there.kept[consoleSink]; len(onConsole) > 0 {
		shown.last = onConsole[len(onConsole)-1].result
	}
	atReceiver := ids(there.kept[webhookSink])
	for _, execution := range e.retrying {
		id := resultOf(execution)
		if tries := there.receiver.Tries[id]; !atReceiver[id] && tries >= manyTries {
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
