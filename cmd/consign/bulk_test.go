package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// byID counts what arrives at a receiver by delivery id, once it is open.
type byID struct {
	*httptest.Server

	mu   sync.Mutex
	open bool
	took map[string]int
}

func newByID(t *testing.T) *byID {
	t.Helper()
	r := &byID{took: map[string]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.open {
			http.Error(w, "closed", http.StatusBadRequest)
			return
		}
		r.took[request.Header.Get("webhook-id")]++
	}))
	t.Cleanup(r.Close)
	return r
}

// ids counts the delivery ids that have come.
func (r *byID) ids() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.took)
}

// TestReplayAll_KilledTwice_GoesOn_AndEachArrives kills everything there is, the server too, in the midst of an order.
func TestReplayAll_KilledTwice_GoesOn_AndEachArrives(t *testing.T) {
	t.Parallel()
	r := newByID(t)
	file := "sinks: {hook: {webhook: {url: '" + r.URL + "'}, retry: {max: 0}}}"
	directory := filepath.Join(t.TempDir(), "data")
	u := startUp(t, file, "--data-dir", directory, "--headless")
	const letters = 120
	var results strings.Builder
	for i := range letters {
		fmt.Fprintf(&results, "{\"n\":%d}\n", i)
	}
	require.Equal(t, 4, u.run(t, results.String(), "submit", "--source", "test", "--wait").code)
	require.Eventually(t, func() bool {
		return strings.HasPrefix(u.run(t, "", "dlq", "replay", "--all", "--dry-run").out, fmt.Sprint(letters, "\t"))
	}, patience, 50*time.Millisecond)
	r.mu.Lock()
	r.open = true
	r.mu.Unlock()
	ordered := u.run(t, "", "dlq", "replay", "--all", "--rate", "15")
	require.Zero(t, ordered.code, "%+v", ordered)
	order := regexp.MustCompile(`bulk/[0-9a-f-]+`).FindString(ordered.out)
	require.NotEmpty(t, order, ordered.out)
	for _, enough := range []int{20, 60} {
		require.Eventually(t, func() bool { return r.ids() >= enough }, patience, 10*time.Millisecond)
		require.NoError(t, u.process.Process.Kill())
		u.exit(t, patience)
		u = startUp(t, file, "--data-dir", directory, "--headless")
	}
	over := u.run(t, "", "dlq", "orders", order, "--wait")
	require.Zero(t, over.code, "%+v", over)
	require.Contains(t, over.out, fmt.Sprintf("replayed %d dead letters: %d delivered\n", letters, letters))
	require.Equal(t, letters, r.ids())
	u.listed(t, 0)
	require.Contains(t, u.run(t, "", "dlq", "orders").out, order)
}
