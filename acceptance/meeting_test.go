package acceptance

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
)

// The race detector is what tells.
func TestSubmit_FirstSubmissionsSideBySide_ThroughAClientThatConnectsLazily_DoNotRace(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	options, err := consign.Options{Address: server.Address(), Namespace: s.namespace}.ClientOptions()
	require.NoError(t, err)
	for round := range 5 {
		temporal, err := client.NewLazyClient(options)
		require.NoError(t, err)
		t.Cleanup(temporal.Close)
		c := consign.NewClient(temporal)
		var all sync.WaitGroup
		for n := range 16 {
			all.Go(func() {
				_, err := c.Submit(s.ctx, consign.Result{Source: "lazy", ID: fmt.Sprint(round, "-", n), Data: []byte(`1`)})
				assert.NoError(t, err)
			})
		}
		all.Wait()
	}
}
