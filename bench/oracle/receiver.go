package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consign-dev/consign"
)

// receiver is the process behind a webhook sink.
type receiver struct {
	seed   uint64
	faults []odds
	ledger *ledger
	healed atomic.Bool

	mu       sync.Mutex
	requests map[string]int // by delivery id
}

// receive runs one until ctx is over.
func receive(ctx context.Context, p *plan, name, address string, faults []odds) error {
	ledger, before, err := openLedger(p.path(name + ledgerSuffix))
	if err != nil {
		return err
	}
	r := &receiver{seed: p.seed, faults: faults, ledger: ledger, requests: map[string]int{}}
	for _, l := range before {
		if l.What == taking {
			r.requests[l.Delivery]++
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /take", r.take)
	mux.HandleFunc("POST /heal", func(http.ResponseWriter, *http.Request) { r.healed.Store(true) })
	if err := serve(ctx, address, mux); err != nil {
		return err
	}
	return ledger.close()
}

// mayBeGone is how long an answer may take before the client may have given up: an inline attempt ends
// after two seconds, some of which the request may have spent on the way.
const mayBeGone = time.Second

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	began := time.Now()
	var got consign.Result
	if err := json.NewDecoder(request.Body).Decode(&got); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	n, err := number(got.ID)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	delivery := request.Header.Get("webhook-id")
	does := r.next(delivery)
	if does.instead(w, request) {
		return
	}
	by, err := strconv.Atoi(request.Header.Get(workerHeader))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l := line{What: taking, N: n, Delivery: delivery, By: by, Answer: does, Mangled: string(got.Data) != string(result(n).Data)}
	if err := r.ledger.write(l); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if request.Context().Err() != nil || time.Since(began) > mayBeGone {
		l.What = unheard
		_ = r.ledger.write(l)
	}
	if !does.afterwards(w) {
		_, _ = fmt.Fprintln(w, "taken")
	}
}

// next is what the receiver does with a request for this delivery.
func (r *receiver) next(delivery string) fault {
	if r.healed.Load() {
		return none
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests[delivery]++
	return pick(r.faults, r.seed, delivery, r.requests[delivery])
}
