package submit

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/consign-dev/consign"
)

func TestStream_WhenTemporalIsAway_SaysSoAlsoOfWhatFoundNoRoom(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	options, err := consign.Options{Address: address}.ClientOptions()
	require.NoError(t, err)
	lazy, err := client.NewLazyClient(options)
	require.NoError(t, err)
	defer lazy.Close()

	s, err := openStream(temporal{consign.NewClient(lazy)}, 2, 1)
	require.NoError(t, err)
	defer s.Close()
	s.patience = 300 * time.Millisecond
	var group errgroup.Group
	errs := make([]error, 6) // of which one is in flight, and two are what may wait
	for n := range errs {
		group.Go(func() error {
			data := json.RawMessage(`"` + strings.Repeat("x", 1_000_000) + `"`)
			_, errs[n] = s.Submit(t.Context(), consign.Result{Source: "s", ID: fmt.Sprint(n), Data: data})
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for n, err := range errs {
		require.ErrorIs(t, err, consign.ErrUnreachable, n)
	}
}
