package embedded

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"github.com/consign-dev/consign"
)

// admit refuses new results while the disk has no room for them. Everything else goes on: what was accepted is
// delivered, retried, parked and acked, which alone makes room again.
//
// The code is the one that clients take for back-pressure: Temporal's SDKs try again, ever more slowly. Its
// cause, which this server uses for nothing else, tells [consign.Client] what it is about.
func (g *gauge) admit(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if full := g.last.Load().Full; full != nil && brings(request) {
		return nil, serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_STORAGE_LIMIT, full.Error())
	}
	return next(ctx, request)
}

// brings tells whether a request brings new results.
func brings(request any) bool {
	switch r := request.(type) {
	case *workflowservice.StartWorkflowExecutionRequest:
		return r.GetWorkflowType().GetName() == consign.DeliverWorkflow
	case *workflowservice.SignalWithStartWorkflowExecutionRequest:
		return r.GetWorkflowType().GetName() == consign.DeliverWorkflow
	case *workflowservice.ExecuteMultiOperationRequest:
		for _, operation := range r.GetOperations() {
			if start := operation.GetStartWorkflow(); start != nil && brings(start) {
				return true
			}
		}
	}
	return false
}
