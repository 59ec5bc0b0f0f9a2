package page

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/status"
)

// sinkView is what the page of a sink shows.
type sinkView struct {
	status.Sink

	// Workers in which it is, as each sees it.
	Workers []sinkAt
	Causes  []deadletters.CauseCount
}

type sinkAt struct {
	status.WorkerSink

	Worker string
}

// causesOfAtMost is up to how many dead letters they are counted by cause: all of them have to be listed for it.
const causesOfAtMost = 5000

func (p *Page) sink(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	read, err := status.Read(r.Context(), p.Temporal, p.Namespace)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	at := slices.IndexFunc(read.Sinks, func(s status.Sink) bool { return s.Name == name })
	if at < 0 {
		p.fail(w, r, http.StatusNotFound, fmt.Errorf("no worker has told of a sink %q", name))
		return
	}
	shown := sinkView{Sink: read.Sinks[at]}
	for _, worker := range read.Workers {
		if worker.Standing == nil {
			continue
		}
		for _, sink := range worker.Standing.Sinks {
			if sink.Name == name {
				shown.Workers = append(shown.Workers, sinkAt{sink, worker.Identity})
			}
		}
	}
	if shown.DeadLetters > 0 && shown.DeadLetters <= causesOfAtMost {
		if shown.Causes, err = deadletters.Causes(r.Context(), p.Temporal, deadletters.Filter{Sink: name}); err != nil {
			p.refuse(w, r, err)
			return
		}
	}
	p.show(w, r, http.StatusOK, "sink", view{Title: "Sink " + name, Here: "overview", Live: liveEvery, Data: shown})
}

func (p *Page) pause(w http.ResponseWriter, r *http.Request) {
	name, reason := chi.URLParam(r, "name"), strings.TrimSpace(r.PostFormValue("reason"))
	if reason == "" {
		p.refuse(w, r, fmt.Errorf("%w: a pause needs a reason, for whoever finds the sink paused", errRequest))
		return
	}
	before, err := consign.HoldOf(r.Context(), p.Temporal, p.Namespace, name)
	if err == nil {
		err = consign.PauseSink(r.Context(), p.Temporal, p.Namespace, name, reason, p.by(r))
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	p.record(r, consign.Act{Act: "pause", On: name, Reason: reason, Before: before.Words(), After: "paused"})
	to(w, r, "/sinks/"+url.PathEscape(name), url.Values{"did": {"paused"}})
}

func (p *Page) resume(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	before, err := consign.HoldOf(r.Context(), p.Temporal, p.Namespace, name)
	resumed := false
	if err == nil {
		resumed, err = consign.ResumeSink(r.Context(), p.Temporal, p.Namespace, name, p.by(r))
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	if resumed {
		p.record(r, consign.Act{Act: "resume", On: name, Before: before.Words(), After: "open"})
	}
	to(w, r, "/sinks/"+url.PathEscape(name), url.Values{"did": {"resumed"}})
}
