package embedded

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

// The long form lets ten thousand workflows expire:
// go test ./embedded -run Retention -timeout 60m -expired 2500
var expired = flag.Int("expired", 60, "how many workflows expire in each of the four rounds of the retention test")

func TestRetention_WorkflowsPastIt_AreDeletedAndTheFileStopsGrowing(t *testing.T) {
	t.Parallel()
	o := Options{
		DataDir: t.TempDir(), Port: AnyPort, Headless: true,
		// Less than Temporal's API takes for a namespace, but it is there when the server starts.
		Retention: time.Second,
		// By default each deletion is put off by up to half an hour, to spread the work.
		dynamic: map[string]any{"history.retentionTimerJitterDuration": time.Millisecond},
	}
	o.setDefaults()
	s := &Server{log: newServerLog()}
	require.NoError(t, s.start(t.Context(), o))
	defer func() { require.NoError(t, s.Stop(context.Background())) }()
	c, err := client.Dial(client.Options{HostPort: s.Address()})
	require.NoError(t, err)
	defer c.Close()
	w := worker.New(c, "expiring", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context, string) error { return nil }, workflow.RegisterOptions{Name: "Expiring"})
	require.NoError(t, w.Start())
	defer w.Stop()
	db, err := openSQLite(s.dir.database(), "ro", "busy_timeout=10000")
	require.NoError(t, err)
	defer db.Close()

	pages := []int{number(t, db, "PRAGMA page_count")}
	for round := range 4 {
		began := time.Now()
		require.NoError(t, expire(t.Context(), c, round))
		ran := time.Since(began)
		require.Eventually(t, func() bool { return remaining(t, db) == 0 }, 5*time.Minute+time.Duration(*expired)*100*time.Millisecond, 100*time.Millisecond)
		pages = append(pages, number(t, db, "PRAGMA page_count"))
		t.Logf("round %d: %d workflows in %s, all deleted after %s; the file has %d pages, %d of them free",
			round, *expired, ran, time.Since(began), pages[round+1], number(t, db, "PRAGMA freelist_count"))
	}
	// The payload of a workflow alone fills two pages, so two more rounds of workflows that stay, or of pages
	// that are not used again, would take four for each.
	require.Less(t, pages[4]-pages[2], 2**expired, "%d", pages)
}

func expire(ctx context.Context, c client.Client, round int) error {
	var group errgroup.Group
	group.SetLimit(32)
	for i := range *expired {
		group.Go(func() error {
			options := client.StartWorkflowOptions{ID: fmt.Sprintf("expiring/%d/%d", round, i), TaskQueue: "expiring"}
			handle, err := c.ExecuteWorkflow(ctx, options, "Expiring", strings.Repeat("x", 8000))
			if err != nil {
				return err
			}
			return handle.Get(ctx, nil)
		})
	}
	return group.Wait()
}

// remaining counts the rows that are left of this test's workflows; history_node has no names, and all
// but a few are theirs.
func remaining(t *testing.T, db *sql.DB) int {
	t.Helper()
	const own = "WHERE workflow_id LIKE 'expiring/%'"
	return number(t, db, "SELECT (SELECT count(*) FROM executions "+own+") + (SELECT count(*) FROM current_executions "+own+
		") + (SELECT count(*) FROM executions_visibility "+own+") + (SELECT count(*) / 20 FROM history_node)")
}

func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// Temporal puts deletions behind all other work, so while results come as fast as they are taken hardly any
// is made. A bound of the database gives them their turn.
func TestRetention_UnderAFloodAboveMaxDisk_MakesRoomUntilAllIsTaken(t *testing.T) {
	t.Parallel()
	const bound, results, size = 32_000_000, 400, 200_000
	core, seen := observer.New(zap.WarnLevel)
	o := Options{
		DataDir: t.TempDir(), Port: AnyPort, Headless: true, Retention: time.Second, MaxDisk: bound, Logger: zap.New(core),
		dynamic: map[string]any{"history.retentionTimerJitterDuration": time.Millisecond},
	}
	o.setDefaults()
	s := &Server{log: newServerLog()}
	require.NoError(t, s.start(t.Context(), o))
	defer func() { require.NoError(t, s.Stop(context.Background())) }()
	options, err := consign.Options{Address: s.Address()}.ClientOptions()
	require.NoError(t, err)
	temporal, err := client.Dial(options)
	require.NoError(t, err)
	defer temporal.Close()
	w := worker.New(temporal, consign.TaskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context, converter.RawValue) error { return nil }, workflow.RegisterOptions{Name: consign.DeliverWorkflow})
	require.NoError(t, w.Start())
	defer w.Stop()

	c := consign.NewClient(temporal)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // with a deadline Submit waits that long
	defer cancel()
	var most atomic.Int64
	var group errgroup.Group
	group.SetLimit(16)
	data := []byte(`"` + strings.Repeat("x", size) + `"`)
	for i := range results {
		group.Go(func() error {
			_, err := c.Submit(ctx, consign.Result{Source: "flood", ID: fmt.Sprint(i), Data: data})
			most.Store(max(most.Load(), s.Disk().Used))
			return err
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("%d MB went through, and at most %d MB were held", results*size/1_000_000, most.Load()/1_000_000)
	require.Less(t, most.Load(), int64(2*bound), "beyond the bound is only what was under way")
	require.NotZero(t, seen.FilterMessage("no new results are taken until there is room; what was accepted goes on").Len())
	require.NotZero(t, seen.FilterMessage("new results are taken again").Len())
}
