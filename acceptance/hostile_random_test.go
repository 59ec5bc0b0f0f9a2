package acceptance

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

var (
	hostileFor  = flag.Duration("hostile", 3*time.Second, "how long to send random requests to the server")
	hostileSeed = flag.Uint64("seed", 0, "seed of the random requests; 0 takes a new one")
)

// stranger makes up requests.
type stranger struct {
	*besieged
	*rand.Rand
	ids []string // of workflows that were started
}

func TestHostile_Random_LeavesNothingStuckAndLosesNothing(t *testing.T) {
	t.Parallel()
	seed := *hostileSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("again with -seed %d", seed)
	s := besiege(t, two+"dead_letters: {also_to: [good]}\n")
	s.sinks["bad"].answers(never)
	innocent := s.submit("innocent", `{"n":1}`)
	x := &stranger{besieged: s, Rand: rand.New(rand.NewPCG(seed, 0)), ids: []string{innocent.WorkflowID()}}
	x.ids = append(x.ids, s.wait(innocent).Legs[0].DeadLetter)
	deadline := time.Now().Add(*hostileFor)
	for n := 0; n < 20 || time.Now().Before(deadline); n++ {
		x.act(n)
	}
	// What the strangers may do to it is what anyone may who reaches Temporal: have it replayed or discarded.
	record := s.record(x.ids[1])
	require.Contains(t, []string{consign.StateParked, "replaying", consign.StateDiscarded}, record.State)
	s.holds()
}

// act sends one request. Most are refused; how is not looked at, as the history tells.
func (x *stranger) act(n int) {
	id := x.ids[x.IntN(len(x.ids))]
	start := func(id, kind string, argument any) {
		if _, err := x.temporal.ExecuteWorkflow(x.ctx, client.StartWorkflowOptions{ID: id, TaskQueue: consign.TaskQueue}, kind, argument); err == nil {
			x.ids = append(x.ids, id)
		}
	}
	entries := []consign.Entry{{Result: consign.Result{Source: "x", ID: fmt.Sprint(n), Data: []byte(`{"a":[1,"b"]}`)}, Ack: &consign.AckTarget{Signal: &consign.SignalTarget{WorkflowID: id}}}}
	switch x.IntN(6) {
	case 0, 1:
		start(fmt.Sprint("random ", n), consign.DeliverWorkflow, x.spoil(consign.Consignment{Results: entries}))
	case 2:
		start(fmt.Sprint("dead-letter/random/", n), consign.DeadLetterWorkflow, x.spoil(activities.DeadLetterInput{
			Record: consign.Record{Sink: "bad", Results: []consign.Result{entries[0].Result}},
			AlsoTo: []activities.Leg{{Sink: "good", Policy: activities.Policy{Timeout: 100, Backoff: 1, MaxBackoff: 1, RetryMax: 1}}},
		}))
	case 3:
		_ = x.temporal.SignalWorkflow(x.ctx, id, "", consign.ReplaySignal, x.spoil(consign.ReplayRequest{By: "x"}))
	case 4:
		_ = x.temporal.SignalWorkflow(x.ctx, id, "", []string{consign.DiscardSignal, "ack", "x"}[x.IntN(3)], x.spoil(consign.DiscardRequest{Reason: "x"}))
	default:
		_, _ = x.temporal.UpdateWorkflow(x.ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateName: consign.FirstAttemptsUpdate, WaitForStage: client.WorkflowUpdateStageAccepted,
			Args: []any{x.spoil(consign.FirstAttemptsRequest{Ack: entries[0].Ack})},
		})
	}
}

// spoil changes a value of a message at random, or a byte of it, or its encoding.
func (x *stranger) spoil(message any) converter.RawValue {
	payload, err := consign.DataConverter().ToPayload(message)
	require.NoError(x, err)
	switch x.IntN(8) {
	case 0:
		all := garbage()
		names := []string{"binary/plain", "a number", "no JSON", "too deep", "no UTF-8", "encrypted", "odd encoding", "no encoding"}
		return all[names[x.IntN(len(names))]]
	case 1:
		data := payload.GetData()
		data[x.IntN(len(data))] = byte(x.IntN(256))
		return raw(converter.MetadataEncodingJSON, string(data))
	}
	var tree any
	require.NoError(x, json.Unmarshal(payload.GetData(), &tree))
	data, err := json.Marshal(x.change(tree))
	require.NoError(x, err)
	return raw(converter.MetadataEncodingJSON, string(data))
}

func (x *stranger) change(value any) any {
	if x.IntN(12) == 0 {
		return []any{nil, true, -1, 1e18, -1e18, 1e300, "", "../x", "\x00", "é\u2028", []any{}, map[string]any{}, []any{nil}}[x.IntN(13)]
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) { // in one order, for the seed's sake
			value[key] = x.change(value[key])
		}
	case []any:
		for i, inner := range value {
			value[i] = x.change(inner)
		}
		if len(value) > 0 && x.IntN(10) == 0 {
			value = append(value, value[0])
		}
		return value
	}
	return value
}
