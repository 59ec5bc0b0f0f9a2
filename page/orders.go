package page

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/trace"
)

// ordersShown is how many orders are listed.
const ordersShown = 50

func (p *Page) orders(w http.ResponseWriter, r *http.Request) {
	var listed []deadletters.Progress
	for order, err := range deadletters.Bulks(r.Context(), p.Temporal, ordersShown) {
		if err != nil {
			p.refuse(w, r, err)
			return
		}
		listed = append(listed, order)
	}
	p.show(w, r, http.StatusOK, "orders", view{Title: "Orders", Here: "orders", Live: liveEvery, Data: listed})
}

// draft is an order that is not given yet: a dry run.
type draft struct {
	Act string
	// Filter, or IDs, select what it is about.
	Filter filter
	IDs    []string
	// Causes are what is selected, and All and Results their sums.
	Causes       []deadletters.CauseCount
	All, Results int
}

func (p *Page) newOrder(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	shown := draft{Act: values.Get("act"), Filter: filterOf(values), IDs: values["id"]}
	order, err := bulkOf(values)
	if err == nil && values.Get("chosen") != "" && len(order.IDs) == 0 {
		err = fmt.Errorf("%w: choose at least one dead letter of the list", errRequest) // and not all of them
	}
	if err == nil && shown.Act == string(deadletters.ActDiscard) {
		order.Reason = "to be given" // what is asked for next
	}
	if err == nil {
		err = check(order)
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	if len(order.IDs) > 0 {
		shown.All = len(order.IDs)
	} else {
		parked := order.Filter
		parked.State = consign.StateParked
		if shown.Causes, err = deadletters.Causes(r.Context(), p.Temporal, parked); err != nil {
			p.refuse(w, r, err)
			return
		}
		for _, c := range shown.Causes {
			shown.All, shown.Results = shown.All+c.DeadLetters, shown.Results+c.Results
		}
	}
	p.show(w, r, http.StatusOK, "new_order", view{Title: "Dry run", Here: "dead-letters", Data: shown})
}

// bulkOf reads an order from a form.
func bulkOf(values url.Values) (deadletters.Bulk, error) {
	selected := filterOf(values)
	selected.Closed = false
	order := deadletters.Bulk{Act: deadletters.Act(values.Get("act")), IDs: values["id"], To: strings.TrimSpace(values.Get("to")), Reason: strings.TrimSpace(values.Get("reason"))}
	if order.Act != deadletters.ActReplay && order.Act != deadletters.ActDiscard {
		return order, fmt.Errorf("%w: %q is neither replay nor discard", errRequest, order.Act)
	}
	if len(order.IDs) == 0 {
		parsed, err := selected.parse()
		if err != nil {
			return order, err
		}
		order.Filter = parsed
	}
	rate, err := strconv.ParseFloat(cmp.Or(strings.TrimSpace(values.Get("rate")), "0"), 64)
	if err != nil {
		return order, fmt.Errorf("%w: rate %q is no number: how many a second at the most", errRequest, values.Get("rate"))
	}
	order.Rate = rate
	return order, nil
}

func check(order deadletters.Bulk) error {
	err := order.Check()
	if err == nil || errors.Is(err, deadletters.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %w", errRequest, err)
}

func (p *Page) order(w http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	if err != nil {
		p.refuse(w, r, fmt.Errorf("%w: %w", errRequest, err))
		return
	}
	order, err := bulkOf(r.PostForm)
	if err == nil {
		err = check(order)
	}
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	order.By = p.by(r)
	id, err := deadletters.StartBulk(r.Context(), p.Temporal, order)
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	p.record(r, consign.Act{Act: string(order.Act), On: order.Words(), Reason: order.Reason, Detail: []string{id}})
	to(w, r, "/orders/show", url.Values{"id": {id}, "did": {"ordered"}})
}

// orderView is what the page of one order shows.
type orderView struct {
	deadletters.Progress

	Link string
	// Running: it can be cancelled.
	Running bool
}

// Over counts what has come to an end, whichever.
func (o orderView) Over() int { return o.Ordered - o.UnderWay() }

func (p *Page) showOrder(w http.ResponseWriter, r *http.Request) {
	order, err := deadletters.BulkProgress(r.Context(), p.Temporal, r.URL.Query().Get("id"))
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	v := view{Title: "Order", Here: "orders", Data: orderView{order, trace.Link(p.UI, p.Namespace, order.ID, ""), order.State == deadletters.BulkRunning}}
	if order.State == deadletters.BulkRunning {
		v.Live = 1
	}
	p.show(w, r, http.StatusOK, "order", v)
}

func (p *Page) cancelOrder(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	if err := deadletters.CancelBulk(r.Context(), p.Temporal, id); err != nil {
		p.refuse(w, r, err)
		return
	}
	p.record(r, consign.Act{Act: "cancel", On: id, Before: deadletters.BulkRunning, After: deadletters.BulkCancelled})
	to(w, r, "/orders/show", url.Values{"id": {id}, "did": {"cancelled"}})
}
