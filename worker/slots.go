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
	name string // under which the sink is polled

	mu   sync.Mutex
	gate *activities.Gate // nil: none yet
	held int
	free chan struct{} // closed when held falls, or the gate is another
}

func newSlots(name string) *slots { return &slots{name: name, free: make(chan struct{})} }

// use has the gate of now decide. Those that are held count on.
func (s *slots) use(gate *activities.Gate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != gate {
		s.gate = gate
		s.wake()
	}
}

// wake has those that wait look again. The mutex is held.
func (s *slots) wake() {
	close(s.free)
	s.free = make(chan struct{})
}

// tuner of a sink's worker: slots for its activities, and one of each other kind, which the SDK
// wants although there is no such work.
func tuner(own *slots) (sdk.WorkerTuner, error) {
	unused, err := sdk.NewFixedSizeSlotSupplier(1)
	if err != nil {
		return nil, err
	}
	return sdk.NewCompositeTuner(sdk.CompositeTunerOptions{
		WorkflowSlotSupplier:        unused,
		ActivitySlotSupplier:        own,
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
	if s.gate == nil {
		return nil, time.Minute, nil, s.free
	}
	ok, wait, changed := s.gate.Ready(s.held)
	// The queue of an earlier name is one that a pause of the sink does not reach in Temporal.
	if s.name != s.gate.Name() && s.gate.Paused() {
		return nil, holdsEvery, changed, s.free
	}
	if ok && s.held < s.gate.Settings().Concurrency {
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
	s.wake()
}

// MaxSlots says that no limit is known: a reload may change the sink's concurrency.
func (s *slots) MaxSlots() int { return 0 }
