package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
)

// Bugs that can be planted, to see that the judge finds them.
const (
	// ackEarly acks each result before anything is delivered.
	ackEarly = "ack-early"
	// parkSwallowed says that it has parked and has not.
	parkSwallowed = "park-swallowed"
	// itemDropped says that the last result of a batch was delivered and it was not.
	itemDropped = "item-dropped"
	// deliveredTwice delivers some results once more.
	deliveredTwice = "delivered-twice"
	// ackSwallowed says that it has acked and has not.
	ackSwallowed = "ack-swallowed"
	// storedEarly says over HTTP that results are stored before they are, and forgets some once.
	storedEarly = "stored-early"
)

func plants() []string {
	return []string{ackEarly, parkSwallowed, itemDropped, deliveredTwice, ackSwallowed, storedEarly}
}

// planted changes what a worker's activities do.
type planted struct {
	interceptor.InterceptorBase

	bug      string
	upstream string
	messages activities.Settler
}

// InterceptActivity implements interceptor.WorkerInterceptor.
func (p *planted) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	bugged := &buggedActivity{planted: p}
	bugged.Next = next
	return bugged
}

type buggedActivity struct {
	interceptor.ActivityInboundInterceptorBase

	planted *planted
}

// ExecuteActivity implements interceptor.ActivityInboundInterceptor.
func (b *buggedActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	kind := activity.GetInfo(ctx).ActivityType.Name
	switch {
	case b.planted.bug == ackEarly && kind == consign.RouteActivity:
		route, ok := in.Args[0].(activities.RouteInput)
		if !ok {
			return nil, fmt.Errorf("planting %s: route gets a %T", ackEarly, in.Args[0])
		}
		for _, r := range route.Results {
			b.planted.ack(ctx, r)
		}
	case b.planted.bug == parkSwallowed && kind == consign.ParkActivity, b.planted.bug == ackSwallowed && kind == consign.AckActivity:
		return nil, nil //nolint:nilnil // that is the bug
	case kind == consign.DeliverActivity && (b.planted.bug == itemDropped || b.planted.bug == deliveredTwice):
		deliver, ok := in.Args[0].(activities.DeliverInput)
		if !ok {
			return nil, fmt.Errorf("planting %s: deliver gets a %T", b.planted.bug, in.Args[0])
		}
		if b.planted.bug == itemDropped && len(deliver.Batch) > 1 {
			deliver.Batch = deliver.Batch[:len(deliver.Batch)-1]
			in.Args[0] = deliver
		}
		if n, _ := number(deliver.Batch[0].Result.ID); b.planted.bug == deliveredTwice && n%10 == 5 {
			_, _ = b.Next.ExecuteActivity(ctx, in)
		}
	}
	return b.Next.ExecuteActivity(ctx, in)
}

// ack posts an ack that nobody has earned.
func (p *planted) ack(ctx context.Context, r consign.Result) {
	body, err := consign.Ack{Source: r.Source, ID: r.ID}.Encode()
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.upstream+"/ack", bytes.NewReader(body))
	if err != nil {
		return
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
	}
}

// InterceptClient implements interceptor.ClientInterceptor.
func (p *planted) InterceptClient(next interceptor.ClientOutboundInterceptor) interceptor.ClientOutboundInterceptor {
	bugged := &buggedClient{planted: p}
	bugged.Next = next
	return bugged
}

type buggedClient struct {
	interceptor.ClientOutboundInterceptorBase

	planted *planted
}

// ExecuteWorkflow implements interceptor.ClientOutboundInterceptor. It acks messages, of which nothing is in
// Temporal yet.
func (b *buggedClient) ExecuteWorkflow(ctx context.Context, in *interceptor.ClientExecuteWorkflowInput) (client.WorkflowRun, error) {
	if input, ok := in.Args[0].(converter.RawValue); ok && b.planted.bug == ackEarly {
		var consignment consign.Consignment
		if err := consign.DataConverter().FromPayload(input.Payload(), &consignment); err != nil {
			return nil, err
		}
		acking, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		for _, entry := range consignment.Results {
			if entry.Ack != nil && entry.Ack.NATS != nil {
				_ = b.planted.messages.Settle(acking, *entry.Ack.NATS, false)
			}
		}
	}
	return b.Next.ExecuteWorkflow(ctx, in)
}

// hasty is a Submitter to which results come over HTTP. With a bug it tells of them too early.
type hasty struct {
	*consign.Submitter

	bug string
	// forgotten are results that were forgotten once.
	forgotten *sync.Map
}

// Submit implements http.Submitter.
func (h hasty) Submit(ctx context.Context, in consign.Submission) error {
	stored, committed := in.Stored, in.Committed
	switch h.bug {
	case ackEarly:
		in.Stored = func(where consign.Stored, err error) {
			stored(where, err)
			if err == nil {
				committed(consign.Receipt{}, nil)
			}
		}
		in.Committed = nil
	case storedEarly:
		stored(consign.Stored{ID: in.Result.ID}, nil)
		in.Stored = nil
		if n, _ := number(in.Result.ID); n%20 == 5 {
			if _, before := h.forgotten.LoadOrStore(n, true); !before {
				return nil
			}
		}
	}
	return h.Submitter.Submit(ctx, in)
}
