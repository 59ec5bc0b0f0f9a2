package deadletters

import (
	"cmp"
	"context"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const (
	// defaultPage is how many entries [ListPage] returns where the filter has no limit.
	defaultPage = 50
	// looksAtMost is how many entries one page looks at where the filter asks for what Temporal cannot select by: a page is
	// there within a second also when few match.
	looksAtMost = 1000
	// readsAtMost is the same for a condition, which may ask for each record as a whole.
	readsAtMost = 200
)

// Page is a part of a listing.
type Page struct {
	Entries []Entry
	// Next has [ListPage] go on after this page; empty: there is nothing more.
	Next []byte
	// LookedAt counts entries that were looked at. Of many that do not match, a page may hold few, or none, and yet
	// there are more.
	LookedAt int
}

// ListPage lists dead letters, the newest first, about filter.Limit of them (default 50), and goes on after another page.
func ListPage(ctx context.Context, temporal client.Client, filter Filter, after []byte) (Page, error) {
	selection, err := filter.selection()
	if err != nil {
		return Page{}, err
	}
	size := int32(min(cmp.Or(max(filter.Limit, 0), defaultPage), pageSize)) //nolint:gosec // at most 200
	most := looksAtMost
	if filter.Where != "" {
		most = readsAtMost
	}
	page := Page{Next: after}
	for {
		listed, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: filter.query(), PageSize: size, NextPageToken: page.Next})
		if err != nil {
			return page, explain("listing dead letters", err)
		}
		for _, execution := range listed.GetExecutions() {
			entry := entryOf(execution)
			page.LookedAt++
			taken, err := selection.takes(ctx, temporal, entry)
			if err != nil {
				return page, err
			}
			if taken {
				page.Entries = append(page.Entries, entry)
			}
		}
		page.Next = listed.GetNextPageToken()
		if len(page.Next) == 0 || len(page.Entries) >= int(size) || page.LookedAt >= most {
			return page, nil
		}
	}
}
