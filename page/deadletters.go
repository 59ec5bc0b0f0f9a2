package page

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/trace"
)

// filter is the form by which dead letters are selected, as it was filled in.
type filter struct {
	Sink, Cause, Source, Type, Since, Until, Where string
	Closed                                         bool
}

func filterOf(values url.Values) filter {
	text := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	return filter{
		Sink: text("sink"), Cause: text("cause"), Source: text("source"), Type: text("type"), Since: text("since"), Until: text("until"),
		Where: text("where"), Closed: values.Get("closed") != "",
	}
}

// Query is the filter in an address.
func (f filter) Query() (template.URL, error) {
	closed := ""
	if f.Closed {
		closed = "1"
	}
	return query("sink", f.Sink, "cause", f.Cause, "source", f.Source, "type", f.Type, "since", f.Since, "until", f.Until, "where", f.Where, "closed", closed)
}

// Narrow tells whether anything beyond the sink and the cause is asked for.
func (f filter) Narrow() bool { return f.Source+f.Type+f.Since+f.Until+f.Where != "" || f.Closed }

// parse is the filter for packages below. The error is one that the person at the browser can mend.
func (f filter) parse() (deadletters.Filter, error) {
	parsed := deadletters.Filter{Sink: f.Sink, Label: f.Cause, Source: f.Source, Type: f.Type, Where: f.Where, Closed: f.Closed}
	var err error
	if f.Since != "" {
		if parsed.Since, err = deadletters.ParseTime(f.Since); err != nil {
			return parsed, fmt.Errorf("%w: since %q: %w", errRequest, f.Since, err)
		}
	}
	if f.Until != "" {
		if parsed.Until, err = deadletters.ParseTime(f.Until); err != nil {
			return parsed, fmt.Errorf("%w: until %q: %w", errRequest, f.Until, err)
		}
	}
	if err := parsed.Check(); err != nil {
		return parsed, fmt.Errorf("%w: where: %w", errRequest, err)
	}
	return parsed, nil
}

// listing is what the page of dead letters shows.
type listing struct {
	Filter filter
	deadletters.Page
	// After is where the next page begins, and First is true for the first.
	After string
	First bool
	// All counts what the filter selects; -1: that would take too long.
	All int64
	// Causes of them, where they were asked for.
	Causes  []deadletters.CauseCount
	ByCause bool
}

// perPage is how many dead letters are listed at once.
const perPage = 50

func (p *Page) deadLetters(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	shown := listing{Filter: filterOf(values), First: values.Get("after") == "", All: -1, ByCause: values.Get("by") == "cause"}
	selected, err := shown.Filter.parse()
	if err == nil {
		err = p.list(r, selected, &shown)
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	p.show(w, r, http.StatusOK, "dead_letters", view{Title: "Dead letters", Here: "dead-letters", Data: shown})
}

func (p *Page) list(r *http.Request, selected deadletters.Filter, shown *listing) (err error) {
	ctx := r.Context()
	if shown.ByCause {
		shown.Causes, err = deadletters.Causes(ctx, p.Temporal, selected)
		return err
	}
	if !shown.Filter.Narrow() {
		if shown.All, err = deadletters.Count(ctx, p.Temporal, selected); err != nil {
			return err
		}
	}
	after, err := base64.RawURLEncoding.DecodeString(r.URL.Query().Get("after"))
	if err != nil {
		return fmt.Errorf("%w: there is no such page of the list: begin with the first", errRequest)
	}
	selected.Limit = perPage
	if shown.Page, err = deadletters.ListPage(ctx, p.Temporal, selected, after); err != nil {
		return err
	}
	shown.After = base64.RawURLEncoding.EncodeToString(shown.Next)
	return nil
}

// letterView is what the page of one dead letter shows.
type letterView struct {
	consign.Record

	Link, Delivery string
	// Parked: it can be replayed and discarded.
	Parked bool
	// Missing counts attempts that the record does not keep.
	Missing int
}

func (p *Page) deadLetter(w http.ResponseWriter, r *http.Request) {
	record, err := deadletters.Show(r.Context(), p.Temporal, r.URL.Query().Get("id"))
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	shown := letterView{
		Record: record, Parked: record.State == consign.StateParked, Missing: record.Made - len(record.Attempts),
		Link: trace.Link(p.UI, p.Namespace, record.ID, ""), Delivery: trace.Link(p.UI, p.Namespace, record.WorkflowID, record.RunID),
	}
	v := view{Title: "Dead letter", Here: "dead-letters", Data: shown}
	if record.State == deadletters.StateReplaying {
		v.Live = 1
	}
	p.show(w, r, http.StatusOK, "dead_letter", v)
}

func (p *Page) replay(w http.ResponseWriter, r *http.Request) {
	id, sink := r.PostFormValue("id"), strings.TrimSpace(r.PostFormValue("to"))
	if err := deadletters.ReplayTo(r.Context(), p.Temporal, id, sink, p.by(r)); err != nil {
		p.refuse(w, r, err)
		return
	}
	p.record(r, consign.Act{Act: "replay", On: id, Before: consign.StateParked, After: deadletters.StateReplaying})
	to(w, r, "/dead-letters/show", url.Values{"id": {id}, "did": {"replayed"}})
}

func (p *Page) discard(w http.ResponseWriter, r *http.Request) {
	id, reason := r.PostFormValue("id"), strings.TrimSpace(r.PostFormValue("reason"))
	if reason == "" {
		p.refuse(w, r, fmt.Errorf("%w: say why, for whoever looks for these results later", errRequest))
		return
	}
	if err := deadletters.Discard(r.Context(), p.Temporal, id, reason, p.by(r)); err != nil {
		p.refuse(w, r, err)
		return
	}
	p.record(r, consign.Act{Act: "discard", On: id, Reason: reason, Before: consign.StateParked, After: consign.StateDiscarded})
	to(w, r, "/dead-letters/show", url.Values{"id": {id}, "did": {"discarded"}})
}
