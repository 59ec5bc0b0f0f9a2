package page

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/trace"
)

// resultView is what the page of a result shows.
type resultView struct {
	// Story of it; nil where nothing is known.
	*trace.Story
	// Unknown says why there is none, and Deep that batches were looked through too.
	Unknown string
	Deep    bool
}

func (p *Page) result(w http.ResponseWriter, r *http.Request) {
	asked := strings.TrimSpace(r.URL.Query().Get("q"))
	look, ok := trace.Named(asked)
	if !ok {
		p.refuse(w, r, fmt.Errorf("%w: %q: name a result as SOURCE/ID, such as scanner/4711, or give the id of a delivery or a dead letter", errRequest, asked))
		return
	}
	shown := resultView{Deep: r.URL.Query().Get("since") != ""}
	if shown.Deep {
		var err error
		if look.Since, err = deadletters.ParseTime(r.URL.Query().Get("since")); err != nil {
			p.refuse(w, r, fmt.Errorf("%w: %w", errRequest, err))
			return
		}
	}
	look.UI, look.Namespace = p.UI, p.Namespace
	v := view{Title: asked, Here: "results", Q: asked}
	story, err := trace.Read(r.Context(), p.Temporal, look)
	switch {
	case errors.Is(err, trace.ErrUnknown):
		shown.Unknown = err.Error()
		v.Data = shown
		p.show(w, r, http.StatusNotFound, "result", v)
	case err != nil:
		p.refuse(w, r, err)
	default:
		shown.Story = &story
		v.Data, v.Title = shown, story.Source+"/"+story.ID
		if story.State == trace.Open {
			v.Live = liveEvery
		}
		p.show(w, r, http.StatusOK, "result", v)
	}
}
