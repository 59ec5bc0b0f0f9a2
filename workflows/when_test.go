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
