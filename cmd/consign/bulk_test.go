package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReplayAll_KilledTwice_GoesOn_AndEachArrives kills everything there is, the server too, in the midst of an order.
func TestReplayAll_KilledTwice_GoesOn_AndEachArrives(t *testing.T) {
	t.Parallel()
	r := newDesk(t, refuse)
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
	r.heal()
	ordered := u.run(t, "", "dlq", "replay", "--all", "--rate", "15")
	require.Zero(t, ordered.code, "%+v", ordered)
	order := regexp.MustCompile(`bulk/[0-9a-f-]+`).FindString(ordered.out)
	require.NotEmpty(t, order, ordered.out)
	for _, enough := range []int{20, 60} {
		require.Eventually(t, func() bool { return r.took() >= enough }, patience, 10*time.Millisecond)
		require.NoError(t, u.process.Process.Kill())
		u.exit(t, patience)
		u = startUp(t, file, "--data-dir", directory, "--headless")
	}
	over := u.run(t, "", "dlq", "orders", order, "--wait")
	require.Zero(t, over.code, "%+v", over)
	require.Contains(t, over.out, fmt.Sprintf("replayed %d dead letters: %d delivered\n", letters, letters))
	require.Equal(t, letters, r.took())
	u.listed(t, 0)
	require.Contains(t, u.run(t, "", "dlq", "orders").out, order)
}
