package workflows_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

func few(n int) consign.Consignment {
	in := consign.Consignment{}
	for i := range n {
		in.Results = append(in.Results, consign.Entry{Result: consign.Result{Source: "test", ID: fmt.Sprint(i), Data: []byte(`{}`)}})
	}
	return in
}

func TestDeliver_ResultsThatASinkCannotTellOf_AreParkedAndTheOthersDelivered(t *testing.T) {
	t.Parallel()
	for name, inline := range map[string]bool{"inline": true, "queued": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leg := slack(3)
			leg.Policy.Inline = inline
			leg.Results = []int{1, 2, 4}
			leg.Undecided = []activities.Undecided{{Results: []int{1}, Cause: "when: one"}, {Results: []int{4}, Cause: "when: two"}}
			w := newWorld(t, leg)
			var got []string
			w.deliver = func(_ context.Context, in activities.DeliverInput) (activities.Outcome, error) {
				for _, item := range in.Batch {
					got = append(got, item.Result.ID)
				}
				return activities.Outcome{Made: 1}, nil
			}
			receipt := w.run(t, few(5))
			require.Equal(t, []string{"2"}, got)
			require.Len(t, w.parked, 1)
			require.Equal(t, "when failed", w.parked[0].Label)
			require.Len(t, w.parked[0].Results, 2)
			require.Zero(t, w.parked[0].Made)
			require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
			require.Equal(t, []consign.Exception{{Index: 2, Outcome: consign.Delivered}}, receipt.Legs[0].Except)
			require.Equal(t, []int{0, 3}, receipt.Legs[0].Skipped)
		})
	}
}

// A leg whose sink has a rate limit is split into one for each result.
func TestDeliver_ResultThatALimitedSinkCannotTellOf_IsParkedOnly_AndAckedWhenTheOtherSinksAreDone(t *testing.T) {
	t.Parallel()
	limited, slow := slack(3), slack(3)
	limited.Policy.Inline, limited.Singly = false, true
	limited.Undecided = []activities.Undecided{{Results: []int{1}, Cause: "when: no such key: n"}}
	slow.Sink, slow.Policy.Inline = "slow", false
	w := newWorld(t, limited, slow)
	var got []string
	done := false // the slow sink
	w.deliver = func(_ context.Context, in activities.DeliverInput) (activities.Outcome, error) {
		if in.Sink == "slow" {
			if len(got) < 2 || len(w.parked) < 1 {
				return activities.Outcome{Skipped: "not yet"}, nil
			}
			done = true
			return activities.Outcome{Made: 1}, nil
		}
		got = append(got, in.Batch[0].Result.ID)
		return activities.Outcome{Made: 1}, nil
	}
	in := few(3)
	for i := range in.Results {
		in.Results[i].Ack = &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1/"}}
	}
	w.ack = func() error {
		require.True(t, done, "acked before every sink was done")
		return nil
	}
	receipt := w.run(t, in)
	require.ElementsMatch(t, []string{"0", "2"}, got)
	require.Len(t, w.parked, 1)
	require.Len(t, w.acks, 3)
	require.Equal(t, consign.Delivered, receipt.Legs[0].Outcome)
	require.Len(t, receipt.Legs[0].Except, 1)
	require.Equal(t, 1, receipt.Legs[0].Except[0].Index)
}

func TestDeliver_WhenASinkCanTellOfNone_MakesNoAttempt(t *testing.T) {
	t.Parallel()
	leg := slack(3)
	leg.Undecided = []activities.Undecided{{Results: []int{0}, Cause: "when: no such key: n"}}
	w := newWorld(t, leg)
	receipt := w.run(t, one())
	require.Empty(t, w.at)
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	require.Equal(t, "when: no such key: n", receipt.Legs[0].Cause)
}
