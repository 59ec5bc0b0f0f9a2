package consign

import (
	"context"
	"errors"
	"fmt"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// fullness is what a [Client] knows of a Temporal that takes no new results for now.
type fullness struct {
	mu     sync.Mutex
	waits  int // submissions that wait for room
	reason error
}

// Full tells why Temporal takes no new results, as long as a submission of this client waits for that to
// change; nil otherwise. It is an [ErrFull]. [Client.Submit] and [Submitter] try again by themselves: what asks
// is who would rather stop reading a source, or tell somebody.
func (c *Client) Full() error {
	c.full.mu.Lock()
	defer c.full.mu.Unlock()
	return c.full.reason
}

// Full is that of the submitter's client.
func (s *Submitter) Full() error { return s.client.Full() }

// wait notes that one more submission waits.
func (f *fullness) wait() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits++
}

// because notes why those wait that do.
func (f *fullness) because(reason error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reason = fmt.Errorf("%w: %w", ErrFull, reason)
}

// goOn notes that one waits no more.
func (f *fullness) goOn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits--
	if f.waits == 0 {
		f.reason = nil
	}
}

// refusalOf is the refusal for want of room that an error is; nil if it is another. The embedded server refuses
// so, and a Temporal whose store has a limit may.
func refusalOf(err error) error {
	exhausted, ok := errors.AsType[*serviceerror.ResourceExhausted](err)
	if !ok || exhausted.Cause != enumspb.RESOURCE_EXHAUSTED_CAUSE_PERSISTENCE_STORAGE_LIMIT {
		return nil
	}
	return exhausted
}

// refused is the key of a context under which a call hears of a refusal.
type refused struct{}

// heeding returns the context of a call that ends as soon as Temporal refuses it for want of room. The SDK
// would try again for a minute, and say no word of it.
func heeding(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, end := context.WithCancelCause(ctx)
	return context.WithValue(ctx, refused{}, end), end
}

// DialOptions are for the connection of a Temporal client that is given to [NewClient]: with them its
// submissions hear at once that Temporal is full, else after a minute. [Options.ClientOptions] has them.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(heed)}
}

// heed stands below the SDK's retries.
func heed(ctx context.Context, method string, request, answer any, connection *grpc.ClientConn, next grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := next(ctx, method, request, answer, connection, options...)
	if end, ok := ctx.Value(refused{}).(context.CancelCauseFunc); ok && err != nil {
		if refusal := refusalOf(serviceerror.FromStatus(status.Convert(err))); refusal != nil {
			end(refusal)
		}
	}
	return err
}
