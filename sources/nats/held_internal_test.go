package nats

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHeld_ABurst_IsRenewedInSeveralLooksAndNoneIsForgotten(t *testing.T) {
	t.Parallel()
	h := newHeld(2000, 0) // due at once, and again and again
	for n := range uint64(1000) {
		require.True(t, h.add("", place{sequence: n}))
		require.False(t, h.add("", place{sequence: n}))
	}
	h.every = time.Hour
	taken := 0
	for looks := 0; taken < 1000; looks++ {
		require.Less(t, looks, renewals/2)
		n := len(h.due())
		require.Positive(t, n)
		require.LessOrEqual(t, n, 300)
		taken += n
	}
	require.Empty(t, h.due())
	for n := range uint64(1000) {
		h.remove(place{sequence: n})
	}
	require.Empty(t, h.places)
	for _, o := range h.order {
		o.due = time.Time{}
	}
	require.Empty(t, h.due())
	require.Empty(t, h.order)
}

func TestHeld_AMessageThatComesAgain_IsRenewedAtItsNewReplySubject(t *testing.T) {
	t.Parallel()
	h := newHeld(1, 0)
	require.True(t, h.add("first", place{sequence: 1}))
	require.False(t, h.add("second", place{sequence: 1}))
	h.every = time.Hour
	require.Equal(t, []string{"second"}, h.due())
}

func TestHeld_AShorterWaitOfTheServer_CountsForWhatIsHeldAlready(t *testing.T) {
	t.Parallel()
	h := newHeld(10, 2*time.Hour)
	h.add("", place{sequence: 1})
	h.waits(4 * time.Hour)
	require.Less(t, time.Until(h.order[0].due), time.Hour+time.Second)
	h.waits(2 * time.Minute)
	require.Less(t, time.Until(h.order[0].due), time.Minute+time.Second)
}

func TestHeld_Full_HasRoomOnceSomethingIsHeldNoMoreOrTheContextIsOver(t *testing.T) {
	t.Parallel()
	h := newHeld(2, time.Hour)
	h.add("", place{sequence: 1})
	require.Equal(t, 1, h.room(t.Context()))
	h.add("", place{sequence: 2})
	room := make(chan int, 1)
	go func() { room <- h.room(t.Context()) }()
	h.remove(place{sequence: 3}) // never held
	require.Empty(t, room)
	h.remove(place{sequence: 1})
	require.Equal(t, 1, <-room)
	h.add("", place{sequence: 1})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.Zero(t, h.room(over))
}
