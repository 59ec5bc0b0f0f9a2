package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Of the 58 indexes of the table executions_visibility these stay as they are.
var keptIndexes = []string{
	"default_idx",       // every listing: latest close time first, open ones before them, then start time
	"by_workflow_id",    // one result or one dead letter by id; STARTS_WITH; the Web UI's search box
	"by_workflow_type",  // Deliver or DeadLetter, in the Web UI and in Consign's own listings
	"by_status",         // the Web UI's status filter and its counts by status
	"by_execution_time", // the Web UI's filter on when a delayed or scheduled run begins
}

// These cover columns that are NULL in most rows, and are made partial: a row without a value costs
// nothing, and a filter on a value uses the index all the same (https://www.sqlite.org/partialindex.html).
var sparseIndexes = map[string]string{
	// The Web UI's page of one workflow asks for its children.
	"by_parent_workflow_id": "parent_workflow_id",
	// ConsignSource, ConsignType, ConsignState, ConsignSink and ConsignCause take the first five in a
	// new database and any five in an older one, where Temporal picks them. The rest are the user's.
	"by_keyword_01": "Keyword01",
	"by_keyword_02": "Keyword02",
	"by_keyword_03": "Keyword03",
	"by_keyword_04": "Keyword04",
	"by_keyword_05": "Keyword05",
	"by_keyword_06": "Keyword06",
	"by_keyword_07": "Keyword07",
	"by_keyword_08": "Keyword08",
	"by_keyword_09": "Keyword09",
	"by_keyword_10": "Keyword10",
}

// trimVisibility leaves the indexes above on the table of workflow listings and drops every other one,
// and narrows the triggers that feed its full-text tables. Doing it again changes nothing.
func trimVisibility(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to undo
	if err := trimIndexes(ctx, tx); err != nil {
		return fmt.Errorf("drop unused indexes: %w", err)
	}
	if err := narrowTriggers(ctx, tx); err != nil {
		return fmt.Errorf("narrow full-text triggers: %w", err)
	}
	return tx.Commit()
}

func trimIndexes(ctx context.Context, tx *sql.Tx) error {
	indexes, err := definitions(ctx, tx, "index")
	if err != nil {
		return err
	}
	for name, definition := range indexes {
		column, sparse := sparseIndexes[name]
		partial := strings.Contains(definition, " WHERE ")
		if slices.Contains(keptIndexes, name) || sparse && partial {
			continue
		}
		if _, err := tx.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return err
		}
		if !sparse {
			continue
		}
		if _, err := tx.ExecContext(ctx, definition+" WHERE "+column+" IS NOT NULL"); err != nil {
			return err
		}
	}
	return nil
}

// definitions returns the indexes or triggers on the table of workflow listings, without those that
// SQLite makes for a primary key.
func definitions(ctx context.Context, tx *sql.Tx, kind string) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name, sql FROM sqlite_master
		WHERE tbl_name = 'executions_visibility' AND type = ? AND sql IS NOT NULL`, kind)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, definition string
		if err := rows.Scan(&name, &definition); err != nil {
			return nil, err
		}
		found[name] = definition
	}
	return found, rows.Err()
}
