package page

import (
	"net/http"
	"strings"

	"github.com/consign-dev/consign/status"
)

// liveEvery is how often a page keeps itself up to date, in seconds.
const liveEvery = 5

// overview is what the first page shows.
type overview struct {
	status.Overview

	Sources []sourceAt
}

// sourceAt is a source, and the worker that it is in.
type sourceAt struct {
	status.Source

	Worker string
}

func (p *Page) overview(w http.ResponseWriter, r *http.Request) {
	read, err := status.Read(r.Context(), p.Temporal, p.Namespace)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	shown := overview{Overview: read}
	for _, worker := range read.Workers {
		if worker.Standing != nil {
			for _, source := range worker.Standing.Sources {
				shown.Sources = append(shown.Sources, sourceAt{source, worker.Identity})
			}
		}
	}
	p.show(w, r, http.StatusOK, "overview", view{Title: "Overview", Here: "overview", Live: liveEvery, Data: shown})
}

// SinkOf is the sink that a thing to attend to is about; empty: it is about something else.
func (o overview) SinkOf(about string) string {
	name, is := strings.CutPrefix(about, "sink ")
	if !is {
		return ""
	}
	for _, sink := range o.Sinks {
		if sink.Name == name {
			return name
		}
	}
	return ""
}
