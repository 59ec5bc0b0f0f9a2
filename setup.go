package consign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"
)

// DefaultRetention is how long a closed delivery is kept, and with it the protection from
// duplicates, unless the namespace says otherwise: 24 hours.
const DefaultRetention = 24 * time.Hour

// Setup makes a namespace fit for Consign, and returns once it is: it creates the namespace if it
// is missing, sets its retention, and adds the search attributes that it lacks. It returns what it
// changed, in words; nothing, when all was there. It can be repeated at any time.
//
// A retention of 0 leaves that of an existing namespace alone, and gives a new one
// [DefaultRetention].
func Setup(ctx context.Context, temporal client.Client, namespace string, retention time.Duration) ([]string, error) {
	var changes []string
	described, err := temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var missing *serviceerror.NamespaceNotFound
	switch {
	case errors.As(err, &missing):
		if retention == 0 {
			retention = DefaultRetention
		}
		request := &workflowservice.RegisterNamespaceRequest{Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(retention)}
		_, err := again(ctx, transient, func() (any, error) { return temporal.WorkflowService().RegisterNamespace(ctx, request) })
		if err != nil {
			return changes, fmt.Errorf("creating namespace %q: %w", namespace, err)
		}
		changes = append(changes, fmt.Sprintf("created namespace %s, which keeps closed deliveries for %s", namespace, retention))
	case err != nil:
		return changes, fmt.Errorf("reading namespace %q: %w", namespace, err)
	default:
		kept := described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
		if retention == 0 || retention == kept {
			break
		}
		_, err := temporal.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
			Namespace: namespace,
			Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
		})
		if err != nil {
			return changes, fmt.Errorf("setting the retention of namespace %q to %s: %w", namespace, retention, err)
		}
		changes = append(changes, fmt.Sprintf("set the retention of namespace %s from %s to %s", namespace, kept, retention))
	}
	added, err := addSearchAttributes(ctx, temporal, namespace)
	if err != nil {
		return changes, err
	}
	if len(added) == 0 {
		return changes, untilQueryable(ctx, temporal, namespace)
	}
	changes = append(changes, "added the search attributes "+strings.Join(added, ", "))
	if err := untilQueryable(ctx, temporal, namespace); err != nil {
		return changes, err
	}
	select {
	case <-ctx.Done():
		return changes, ctx.Err()
	case <-time.After(namespaceRefresh):
		return changes, nil
	}
}

// namespaceRefresh is how long Temporal's history service may go on without a search attribute that its
// frontend knows (system.namespaceCacheRefreshInterval, 2 s). The first result that fails in that time
// would have its workflow task refused and its first attempt made again.
const namespaceRefresh = 2 * time.Second

// CheckSetup returns [ErrNotSetUp], saying what is missing, unless the namespace is fit for Consign.
func CheckSetup(ctx context.Context, temporal client.Client, namespace string) error {
	missing, err := missingSearchAttributes(ctx, temporal, namespace)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: namespace %q lacks the search attributes %s: run \"consign setup\"", ErrNotSetUp, namespace, strings.Join(missing, ", "))
	}
	return nil
}

func addSearchAttributes(ctx context.Context, temporal client.Client, namespace string) ([]string, error) {
	// A namespace that was just created is not known everywhere at once.
	missing, err := eventually(ctx, func() ([]string, error) { return missingSearchAttributes(ctx, temporal, namespace) })
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	request := &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: map[string]enumspb.IndexedValueType{}}
	for _, name := range missing {
		request.SearchAttributes[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
	}
	_, err = again(ctx, transient, func() (any, error) { return temporal.OperatorService().AddSearchAttributes(ctx, request) })
	var there *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &there) {
		return nil, fmt.Errorf("adding the search attributes %s (type Keyword) to namespace %q: %w", strings.Join(missing, ", "), namespace, err)
	}
	return missing, nil
}

func missingSearchAttributes(ctx context.Context, temporal client.Client, namespace string) ([]string, error) {
	listed, err := temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("listing the search attributes of namespace %q: %w", namespace, err)
	}
	var missing []string
	for _, name := range SearchAttributes() {
		kind, there := listed.GetCustomAttributes()[name]
		if !there {
			missing = append(missing, name)
		} else if kind != enumspb.INDEXED_VALUE_TYPE_KEYWORD {
			return nil, fmt.Errorf("search attribute %s of namespace %q has the type %s and must be a Keyword: use another namespace", name, namespace, kind)
		}
	}
	return missing, nil
}

// untilQueryable waits until a filter over all search attributes is understood; an unknown one makes
// the whole filter invalid.
func untilQueryable(ctx context.Context, temporal client.Client, namespace string) error {
	filter := strings.Join(SearchAttributes(), " IS NOT NULL AND ") + " IS NOT NULL"
	_, err := eventually(ctx, func() (any, error) {
		_, err := temporal.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: filter})
		return nil, err
	})
	return err
}

// eventually calls try until it succeeds, fails for another reason than that a namespace or search
// attribute is not known yet, or ctx is over.
func eventually[T any](ctx context.Context, try func() (T, error)) (T, error) {
	return again(ctx, func(err error) bool {
		var unknown *serviceerror.NamespaceNotFound
		var invalid *serviceerror.InvalidArgument
		return errors.As(err, &unknown) || errors.As(err, &invalid) || transient(err)
	}, try)
}

// again calls try until it succeeds or fails for good, or ctx is over.
func again[T any](ctx context.Context, heals func(error) bool, try func() (T, error)) (T, error) {
	for {
		result, err := try()
		if err == nil || !heals(err) {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
