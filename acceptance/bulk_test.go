package acceptance

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/sinks"
)

func TestBulk_WhenItsWorkerStops_AnotherGoesOn_AndOrdersNothingTwice(t *testing.T) {
	t.Parallel()
	const yaml = "sinks: {desk: {script: {}, retry: {max: 0}}}"
	s := perform(t, yaml)
	s.sinks["desk"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("closed")) })
	const letters = 30
	for i := range letters {
		s.wait(s.submit(fmt.Sprint(i), `{}`))
	}
	s.eventually(func() bool {
		n, err := deadletters.Count(s.ctx, s.temporal, deadletters.Filter{})
		return err == nil && n == letters
	}, "all are listed")
	s.sinks["desk"].answers(nil)
	id, err := deadletters.StartBulk(s.ctx, s.temporal, deadletters.Bulk{Act: deadletters.ActReplay, Rate: 20, By: "kim@ops"})
	require.NoError(t, err)
	for _, enough := range []int{5, 15} {
		s.eventually(func() bool { return len(s.sinks["desk"].took()) >= enough }, "some have come")
		s.stop()
		s.start(yaml)
	}
	p, err := deadletters.WaitBulk(s.ctx, s.temporal, id, func(deadletters.Progress) {})
	require.NoError(t, err)
	require.Equal(t, []int{letters, letters, 0, 0}, []int{p.Ordered, p.Done, p.Failed, p.Skipped}, "%+v", p)
	require.Len(t, s.sinks["desk"].took(), letters, "each once")
	require.Equal(t, "kim@ops", p.Order.By)
	s.keep("bulk_replay", id)
}
