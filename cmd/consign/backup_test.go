package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/embedded"
)

// The first backup is taken while results flow, the second one after the server was killed. What the
// server had confirmed before is in the copy: as a delivery under way, and as a dead letter.
func TestBackup_WhileResultsFlow_HoldsAllThatWasAccepted(t *testing.T) {
	t.Parallel()
	hook, refusing := newKeeper(t, false), newReceiver(t, http.StatusBadRequest)
	file := fmt.Sprintf(`
sinks:
  hook:
    webhook: {url: %s}
    retry: {max: 100, backoff: 200ms, max_backoff: 1s}
    circuit: {open: 1s}
  refusing: {webhook: {url: %s}}
`, hook.URL, refusing.URL)
	dir, copies := filepath.Join(t.TempDir(), "data"), t.TempDir()
	original := startUp(t, file, "--data-dir", dir, "--headless")
	client, err := consign.Dial(t.Context(), consign.Options{Address: original.Address})
	require.NoError(t, err)
	defer client.Close()

	var accepted atomic.Int32
	flow, dry := context.WithCancel(t.Context())
	defer dry()
	var submitter sync.WaitGroup
	submitter.Go(func() {
		pace := time.NewTicker(50 * time.Millisecond) // what waits for the hook is tried again and again
		defer pace.Stop()
		for i := int32(0); flow.Err() == nil; i++ {
			<-pace.C
			if _, err := client.Submit(flow, numbered(i)); err == nil {
				accepted.Add(1)
			}
		}
	})
	require.Eventually(t, func() bool { return len(held(t, original)) >= 20 }, patience, 50*time.Millisecond)
	before, heldBefore := accepted.Load(), held(t, original)
	running := backup(t, dir, filepath.Join(copies, "running.db"))
	require.Eventually(t, func() bool { return accepted.Load() > before }, patience, time.Millisecond, "results flow")
	require.NoError(t, original.Process.Kill())
	<-original.ended
	dry()
	submitter.Wait()
	stopped := backup(t, dir, filepath.Join(copies, "stopped.db"))

	hook.heal()
	for _, copied := range []struct {
		embedded.Saved
		accepted int32
		held     []string
	}{{running, before, heldBefore}, {stopped, accepted.Load(), heldBefore}} {
		restored := filepath.Join(t.TempDir(), "restored")
		require.NoError(t, os.Mkdir(restored, 0o700))
		require.NoError(t, os.Rename(copied.File, filepath.Join(restored, "temporal.db")))
		u := startUp(t, file, "--data-dir", restored, "--headless")
		client, err := consign.Dial(t.Context(), consign.Options{Address: u.Address})
		require.NoError(t, err)
		for i := range copied.accepted {
			handle, err := client.Submit(t.Context(), numbered(i))
			require.NoError(t, err)
			require.True(t, handle.Duplicate(), "result %d was accepted before the backup", i)
			receipt, err := handle.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome, "its delivery went on")
			require.Equal(t, consign.Parked, receipt.Legs[1].Outcome)
		}
		t.Logf("a copy of %d bytes with %d results", copied.Bytes, copied.accepted)
		require.Subset(t, held(t, u), copied.held)
		client.Close()
		terminate(t, u.process)
		require.Zero(t, u.exit(t, patience))
	}
}

func numbered(i int32) consign.Result {
	return consign.Result{Source: "backup", ID: fmt.Sprint(i), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
}

// held lists the dead letters, by id.
func held(t *testing.T, u *up) []string {
	t.Helper()
	said := u.run(t, "", "dead-letters", "list", "--limit", "0", "--json")
	require.Zero(t, said.code, said.messages)
	var ids []string
	for line := range strings.Lines(said.out) {
		var entry deadletters.Entry
		require.NoError(t, json.Unmarshal([]byte(line), &entry))
		ids = append(ids, entry.ID)
	}
	return ids
}

func backup(t *testing.T, dir, file string) (saved embedded.Saved) {
	t.Helper()
	said := invoke(t, "", "backup", file, "--data-dir", dir, "--json")
	require.Zero(t, said.code, said.messages)
	require.NoError(t, json.Unmarshal([]byte(said.out), &saved))
	require.Equal(t, file, saved.File)
	return saved
}

func TestBackup_CalledWrongly_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for want, args := range map[string][]string{
		"accepts 1 arg(s)":        {"backup"},
		"no database in " + empty: {"backup", filepath.Join(empty, "b.db"), "--data-dir", empty},
	} {
		said := invoke(t, "", args...)
		require.Contains(t, said.messages, want)
		require.Equal(t, 1, strings.Count(said.messages, "\n"), said.messages)
		require.NotEqual(t, exit.OK, said.code)
		require.Empty(t, said.out)
	}
}
