package consign

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubmitter_DataThatTemporalHolds_IsHeldHereNoLonger(t *testing.T) {
	t.Parallel()
	s := &Submitter{unstored: 1, open: 1}
	s.changed = sync.NewCond(&s.mu)
	i := &item{entry: Entry{Result: Result{Source: "s", ID: "1", Data: json.RawMessage(`"large"`)}}}
	i.Stored = func(where Stored, err error) {
		require.NoError(t, err)
		require.Equal(t, "1", where.ID)
	}
	s.stored(&consigned{Handle: &Handle{}, items: []*item{i}})
	require.Nil(t, i.entry.Data)
	require.Zero(t, s.unstored)
	require.Equal(t, 1, s.open)
}
