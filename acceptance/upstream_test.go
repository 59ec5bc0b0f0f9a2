package acceptance

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/consign-dev/consign"
)

// upstream is a producer that waits for acks over HTTP.
type upstream struct {
	*httptest.Server
	mu     sync.Mutex
	acks   []consign.Ack
	answer int // status; 0 is 204
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var ack consign.Ack
		if err != nil || json.Unmarshal(body, &ack) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.answer != 0 {
			w.WriteHeader(u.answer)
			return
		}
		u.acks = append(u.acks, ack)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(u.Close)
	return u
}

// acked lists the ids that were acked, each once, however often the ack came.
func (u *upstream) acked() map[string]consign.Receipt {
	u.mu.Lock()
	defer u.mu.Unlock()
	ids := map[string]consign.Receipt{}
	for _, ack := range u.acks {
		ids[ack.ID] = ack.Receipt
	}
	return ids
}
