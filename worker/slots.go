package worker

import (
	"context"
	"sync"
	"time"

	sdk "go.temporal.io/sdk/worker"

	"github.com/consign-dev/consign/activities"
)

// slots decides when this worker asks for a task of a sink's queue. It does not while the sink's
// circuit is open or the sink has asked to be left alone, so that no attempt is used up in vain.
type slots struct {
	gate  *activities.Gate
	limit int
	alias bool // the queue is that of an earlier name, which a pause of the sink does not reach in Temporal

	mu   sync.Mutex
	held int
	free chan struct{} // closed when held falls
}

// tuner of a sink's worker: slots for its activities, and one of each other kind, which the SDK
// wants although there is no such work.
func tuner(gate *activities.Gate, name string) (sdk.WorkerTuner, error) {
	unused, err := sdk.NewFixedSizeSlotSupplier(1)
	if err != nil {
		return nil, err
	}
	return sdk.NewCompositeTuner(sdk.CompositeTunerOptions{
		WorkflowSlotSupplier:        unused,
		ActivitySlotSupplier:        &slots{gate: gate, limit: gate.Settings().Concurrency, alias: name != gate.Name(), free: make(chan struct{})},
		LocalActivitySlotSupplier:   unused,
		NexusSlotSupplier:           unused,
		SessionActivitySlotSupplier: unused,
	})
}

// ReserveSlot waits until a task may be asked for.
func (s *slots) ReserveSlot(ctx context.Context, _ sdk.SlotReservationInfo) (*sdk.SlotPermit, error) {
	for {
		permit, wait, changed, free := s.try()
		if permit != nil {
			return permit, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-changed:
		case <-free:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (s *slots) try() (permit *sdk.SlotPermit, wait time.Duration, changed, free <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok, wait, changed := s.gate.Ready(s.held)
	if s.alias && s.gate.Paused() {
		return nil, holdsEvery, changed, s.free
	}
	if ok && s.held < s.limit {
		s.held++
		return &sdk.SlotPermit{}, 0, nil, nil
	}
	if ok {
		wait = time.Minute // a slot that is given back wakes the waiter sooner
	}
	return nil, wait, changed, s.free
}

// TryReserveSlot never has one: attempts are queued, never eager.
func (s *slots) TryReserveSlot(sdk.SlotReservationInfo) *sdk.SlotPermit { return nil }

// MarkSlotUsed needs nothing: a slot counts from its reservation.
func (s *slots) MarkSlotUsed(sdk.SlotMarkUsedInfo) {}

// ReleaseSlot gives a slot back.
func (s *slots) ReleaseSlot(sdk.SlotReleaseInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
	close(s.free)
	s.free = make(chan struct{})
}

// MaxSlots is the sink's concurrency.
func (s *slots) MaxSlots() int { return s.limit }
