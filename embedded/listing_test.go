package embedded_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
)

// Two workflows on one server, asked for in the ways of the Web UI, of Consign and of users.
func TestListings(t *testing.T) { //nolint:tparallel // its subtests share a server that ends with it
	t.Parallel()
	server := start(t, embedded.Options{Ephemeral: true})
	c := dial(t, server)
	addAttribute(t, c, "Note", "Text")
	addAttribute(t, c, "Tags", "KeywordList")
	parked := temporal.NewSearchAttributes(
		temporal.NewSearchAttributeKeyKeyword(consign.StateAttribute).ValueSet(consign.StateParked),
		temporal.NewSearchAttributeKeyKeywordList("Tags").ValueSet([]string{"red", "blue"}),
		temporal.NewSearchAttributeKeyString("Note").ValueSet("written by hand"),
	)
	run(t, c, client.StartWorkflowOptions{ID: "consign/a/1"})
	run(t, c, client.StartWorkflowOptions{ID: "dead-letter/b", TypedSearchAttributes: parked})

	for name, listing := range map[string]struct {
		query string
		want  []string // in order
	}{
		"in the default order":   {"", []string{"dead-letter/b", "consign/a/1"}},
		"by type":                {`WorkflowType = "Noop"`, []string{"dead-letter/b", "consign/a/1"}},
		"by status":              {"`ExecutionStatus`=\"Completed\"", []string{"dead-letter/b", "consign/a/1"}},
		"by the start of the id": {`WorkflowId STARTS_WITH "dead-letter/"`, []string{"dead-letter/b"}},
		"by id":                  {`WorkflowId = "consign/a/1"`, []string{"consign/a/1"}},
		"by start time":          {`StartTime > "2020-01-01T00:00:00Z"`, []string{"dead-letter/b", "consign/a/1"}},
		"by close time":          {`CloseTime > "2020-01-01T00:00:00Z"`, []string{"dead-letter/b", "consign/a/1"}},
		"parents only":           {"`ParentWorkflowId` is null", []string{"dead-letter/b", "consign/a/1"}},
		"by state":               {consign.StateAttribute + ` = "parked"`, []string{"dead-letter/b"}},
		"without state":          {consign.StateAttribute + ` IS NULL`, []string{"consign/a/1"}},
		"by state and status":    {consign.StateAttribute + ` IN ("parked", "replayed") AND ExecutionStatus = "Completed"`, []string{"dead-letter/b"}},
		"by task queue":          {`TaskQueue = "` + t.Name() + `"`, []string{"dead-letter/b", "consign/a/1"}},
		"by a word of a text":    {`Note = "hand"`, []string{"dead-letter/b"}},
		"by one of many":         {`Tags = "blue"`, []string{"dead-letter/b"}},
		"of failing tasks":       {`TemporalReportedProblems IN ("category=WorkflowTaskFailed")`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			// Temporal writes listings a moment after the workflow closes.
			require.Eventually(t, func() bool {
				return strings.Join(list(t, c, listing.query), " ") == strings.Join(listing.want, " ")
			}, 5*time.Second, 20*time.Millisecond, "last seen: %v", list(t, c, listing.query))
		})
	}

	t.Run("through the Web UI", func(t *testing.T) {
		status, page := get(t, server.UIURL(), "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, page, "<html")
		status, body := get(t, server.UIURL()+"/api/v1/namespaces", "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `"default"`)
		status, body = get(t, server.UIURL()+"/api/v1/namespaces/default/workflows?query="+url.QueryEscape(`WorkflowType="Noop"`), "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, "dead-letter/b")
		status, body = get(t, server.UIURL()+"/api/v1/settings", "")
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, `"DisableNewsFetch":true`)
	})

	t.Run("not through another host's name", func(t *testing.T) {
		port := server.UIURL()[strings.LastIndex(server.UIURL(), ":"):]
		status, _ := get(t, server.UIURL()+"/api/v1/namespaces", "evil.example"+port)
		require.Equal(t, http.StatusMisdirectedRequest, status)
		status, _ = get(t, server.UIURL()+"/api/v1/namespaces", "localhost"+port)
		require.Equal(t, http.StatusOK, status)
	})
}

func list(t *testing.T, c client.Client, query string) []string {
	t.Helper()
	response, err := c.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: query})
	require.NoError(t, err)
	var ids []string
	for _, e := range response.GetExecutions() {
		ids = append(ids, e.GetExecution().GetWorkflowId())
	}
	return ids
}

func addAttribute(t *testing.T, c client.Client, name, kind string) {
	t.Helper()
	_, err := c.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace: "default", SearchAttributes: indexed(name, kind),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: name + " IS NOT NULL"})
		return err == nil
	}, time.Minute, 20*time.Millisecond)
}
