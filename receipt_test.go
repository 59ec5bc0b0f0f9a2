package consign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestReceipt_OfAResultWhoseNeighboursAckFailed_SaysThatItsOwnWasSent(t *testing.T) {
	t.Parallel()
	whole := consign.Receipt{Results: 3, Ack: consign.AckFailed, AckErrors: []consign.AckError{{Index: 1, Cause: "answered 404"}}}
	require.Equal(t, consign.AckSent, whole.Of(0).Ack)
	require.Empty(t, whole.Of(0).AckErrors)
	require.Equal(t, consign.AckFailed, whole.Of(1).Ack)
	require.Equal(t, []consign.AckError{{Cause: "answered 404"}}, whole.Of(1).AckErrors)

	whole = consign.Receipt{Results: 1, Ack: consign.AckNone}
	require.Equal(t, consign.AckNone, whole.Of(0).Ack)
}
