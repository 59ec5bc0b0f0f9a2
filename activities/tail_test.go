package activities_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

// routes is a worker without sinks, whose routing is what is tailed.
func routes() *activities.Activities {
	a := &activities.Activities{Metrics: activities.NewMetrics(prometheus.NewRegistry()), Log: zap.NewNop()}
	a.Use(&activities.Current{Config: &config.Config{Sinks: []config.Sink{{Name: "archive", Delivery: config.Delivery{Retry: config.Retry{Max: new(1), Jitter: new(0.0)}, Inline: new(true)}}}, Acks: config.Acks{Retry: config.Retry{Max: new(1), Jitter: new(0.0)}}}})
	return a
}

func resultsOf(from, count int) []consign.Result {
	results := make([]consign.Result, count)
	for i := range results {
		results[i] = consign.Result{Source: "test", ID: fmt.Sprint(from + i), Type: "t", Data: []byte(`{"a":"0123456789012345678901234567890123456789"}`)}
	}
	return results
}

func route(tb testing.TB, a *activities.Activities, from, count int) {
	tb.Helper()
	_, err := a.Route(tb.Context(), activities.RouteInput{Results: resultsOf(from, count)})
	require.NoError(tb, err)
}

func TestTail_KeepsOnlyWhileSomebodyAsks_AndDropsRatherThanWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := routes()
		ask := func(after int64) activities.TailOutput {
			return a.Tail.Read(t.Context(), activities.TailInput{After: after})
		}
		route(t, a, 0, 10)
		require.False(t, a.Tail.On())
		first := ask(-1)
		require.Empty(t, first.Events, "from now on")

		route(t, a, 10, 3)
		second := ask(first.Cursor)
		require.Len(t, second.Events, 3)
		require.Equal(t, "10", second.Events[0].ID)
		require.Zero(t, second.Missed)

		for i := range 10 {
			route(t, a, i*1000, 1000)
		}
		flood := ask(second.Cursor)
		require.Len(t, flood.Events, activities.TailMost)
		require.Equal(t, "9999", flood.Events[activities.TailMost-1].ID, "the latest are shown")
		require.EqualValues(t, 10_000-activities.TailMost, flood.Missed)

		time.Sleep(11 * time.Second)
		require.False(t, a.Tail.On(), "nobody has asked for long enough")
		route(t, a, 0, 5)
		require.Empty(t, ask(flood.Cursor).Events)
	})
}

func TestTail_WaitsForWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := routes()
		answers := make(chan activities.TailOutput, 1)
		go func() {
			answers <- a.Tail.Read(t.Context(), activities.TailInput{After: -1, Source: "test", Outcome: activities.EventResult, Wait: 1000})
		}()
		synctest.Wait()
		require.True(t, a.Tail.On())
		route(t, a, 7, 1)
		answer := <-answers
		require.Len(t, answer.Events, 1)
		require.Equal(t, []string{"archive"}, answer.Events[0].Sinks)
		require.Empty(t, a.Tail.Read(t.Context(), activities.TailInput{After: 0, Sink: "another"}).Events)
		require.Empty(t, a.Tail.Read(t.Context(), activities.TailInput{After: 0, Type: "another"}).Events)
	})
}

// BenchmarkRoute measures what a tail costs a worker for each result.
func BenchmarkRoute(b *testing.B) {
	for _, test := range []struct {
		name   string
		tailed bool
	}{{"nobody tails", false}, {"tailed", true}} {
		b.Run(test.name, func(b *testing.B) {
			a := routes()
			in := activities.RouteInput{Results: resultsOf(0, 1)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if test.tailed && i%100_000 == 0 {
					a.Tail.Read(b.Context(), activities.TailInput{After: -1})
				}
				if _, err := a.Route(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("question alone", func(b *testing.B) {
		var tail activities.Tail
		for b.Loop() {
			_ = tail.On()
		}
	})
}
