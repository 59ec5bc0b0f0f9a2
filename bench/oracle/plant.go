package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"go.temporal.io/sdk/activity"
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
)

func plants() []string { return []string{ackEarly, parkSwallowed, itemDropped, deliveredTwice} }

// planted changes what a worker's activities do.
type planted struct {
	interceptor.InterceptorBase

	bug      string
	upstream string
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
	case b.planted.bug == parkSwallowed && kind == consign.ParkActivity:
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
