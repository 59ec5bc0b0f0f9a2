package embedded

import (
	"context"
	"fmt"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	serverconfig "go.temporal.io/server/common/config"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/consign-dev/consign"
)

// writeNamespace puts the namespace into the database of a server that is not running yet, unless it is
// there: a new one is then ready the moment the server is.
func writeNamespace(db *serverconfig.SQL, o Options) error {
	namespace, err := sqliteschema.NewNamespaceConfig(clusterName, o.Namespace, false, nil)
	if err != nil {
		return err
	}
	columns := map[string]string{}
	for i, attribute := range consign.SearchAttributes() {
		columns[fmt.Sprintf("Keyword%02d", i+1)] = attribute
	}
	namespace.Detail.Config.CustomSearchAttributeAliases = columns
	namespace.Detail.Config.Retention = durationpb.New(o.Retention)
	return sqliteschema.CreateNamespaces(db, namespace)
}

// readyNamespace brings a namespace that was there already up to date, and returns once its search
// attributes can be queried.
func readyNamespace(ctx context.Context, c client.Client, o Options) error {
	var described *workflowservice.DescribeNamespaceResponse
	err := eventually(ctx, func() (err error) {
		described, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace})
		return err
	})
	if err != nil {
		return fmt.Errorf("read namespace %s: %w", o.Namespace, err)
	}
	if err := keepFor(ctx, c, described, o.Retention); err != nil {
		return fmt.Errorf("set the retention of namespace %s to %s: %w", o.Namespace, o.Retention, err)
	}
	if err := addSearchAttributes(ctx, c, described); err != nil {
		return fmt.Errorf("add search attributes to namespace %s: %w", o.Namespace, err)
	}
	// One filter names them all, since an unknown one makes the whole of it invalid.
	filter := strings.Join(consign.SearchAttributes(), " IS NOT NULL AND ") + " IS NOT NULL"
	err = eventually(ctx, func() error {
		_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: o.Namespace, Query: filter})
		return err
	})
	if err != nil {
		return fmt.Errorf("query the search attributes of namespace %s: %w", o.Namespace, err)
	}
	return nil
}

func keepFor(ctx context.Context, c client.Client, described *workflowservice.DescribeNamespaceResponse, retention time.Duration) error {
	if described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == retention {
		return nil
	}
	_, err := c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: described.GetNamespaceInfo().GetName(),
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	})
	return err
}

// addSearchAttributes adds those that the namespace lacks; Temporal picks their columns.
func addSearchAttributes(ctx context.Context, c client.Client, described *workflowservice.DescribeNamespaceResponse) error {
	columns := map[string]string{}
	for column, attribute := range described.GetConfig().GetCustomSearchAttributeAliases() {
		columns[attribute] = column
	}
	missing := map[string]enums.IndexedValueType{}
	for _, attribute := range consign.SearchAttributes() {
		column, ok := columns[attribute]
		switch {
		case !ok:
			missing[attribute] = enums.INDEXED_VALUE_TYPE_KEYWORD
		case !strings.HasPrefix(column, "Keyword") || strings.HasPrefix(column, "KeywordList"):
			return fmt.Errorf("%s is there with another type (%s) and must be a Keyword: choose another namespace, or another directory with --data-dir", attribute, strings.TrimRight(column, "0123456789"))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace:        described.GetNamespaceInfo().GetName(),
		SearchAttributes: missing,
	})
	return err
}

// eventually calls try until it succeeds or ctx ends, whose end it reports with try's last error.
func eventually(ctx context.Context, try func() error) error {
	const pause = 10 * time.Millisecond
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
