package acceptance

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/worker"
)

func TestWorkers_TwoShareTheWork_AndOneGoesOnAlone(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  one: {script: {}}
  queued: {script: {}, inline: false}
`)
	second, err := worker.Start(s.ctx, worker.Options{Temporal: s.temporal, Namespace: s.namespace, Config: s.config})
	require.NoError(t, err)
	var handles []*consign.Handle
	for i := range 60 {
		handles = append(handles, s.submit(fmt.Sprint(i), `{}`))
		if i == 30 {
			require.NoError(t, second.Stop(s.ctx))
		}
	}
	for _, handle := range handles {
		require.True(t, s.wait(handle).Delivered())
	}
	require.Len(t, s.sinks["one"].took(), 60)
	require.Len(t, s.sinks["queued"].took(), 60)
}
