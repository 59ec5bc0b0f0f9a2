package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// The full-text tables answer filters on Text and KeywordList attributes.
var fullTextTables = []string{"executions_visibility_fts_text", "executions_visibility_fts_keyword_list"}

// narrowTriggers replaces the server's three triggers, which write two full-text tables at each start,
// update and close of any workflow, by ones that fire only for a row that has something to index.
// BuildIds alone is nothing: Temporal sets it on every workflow, and only worker versioning asks for it.
func narrowTriggers(ctx context.Context, tx *sql.Tx) error {
	triggers, err := definitions(ctx, tx, "trigger")
	if err != nil {
		return err
	}
	if _, done := triggers[fullTextTables[0]+"_insert"]; done {
		return nil
	}
	for name := range triggers {
		if _, err := tx.ExecContext(ctx, "DROP TRIGGER "+name); err != nil {
			return err
		}
	}
	for _, table := range fullTextTables {
		if err := narrow(ctx, tx, table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	return nil
}

func narrow(ctx context.Context, tx *sql.Tx, table string) error {
	columns, err := columnsOf(ctx, tx, table)
	if err != nil {
		return err
	}
	list := strings.Join(columns, ", ")
	row := func(prefix string) string { return prefix + strings.Join(columns, ", "+prefix) }
	indexed := func(prefix string) string {
		var terms []string
		for _, column := range columns {
			if column != "BuildIds" {
				terms = append(terms, prefix+column+" IS NOT NULL")
			}
		}
		return "(" + strings.Join(terms, " OR ") + ")"
	}
	// https://www.sqlite.org/fts5.html#external_content_tables: what was indexed is taken out by its old values.
	add := fmt.Sprintf("INSERT INTO %s (rowid, %s) SELECT NEW.rowid, %s WHERE %s;", table, list, row("NEW."), indexed("NEW."))
	remove := fmt.Sprintf("INSERT INTO %s (%s, rowid, %s) SELECT 'delete', OLD.rowid, %s WHERE %s;", table, table, list, row("OLD."), indexed("OLD."))
	statements := []string{
		fmt.Sprintf("CREATE TRIGGER %s_insert AFTER INSERT ON executions_visibility WHEN %s BEGIN %s END", table, indexed("NEW."), add),
		fmt.Sprintf("CREATE TRIGGER %s_delete AFTER DELETE ON executions_visibility WHEN %s BEGIN %s END", table, indexed("OLD."), remove),
		fmt.Sprintf("CREATE TRIGGER %s_update AFTER UPDATE ON executions_visibility WHEN %s OR %s BEGIN %s %s END", table, indexed("OLD."), indexed("NEW."), remove, add),
		// Rows that the server's own triggers have indexed must not outlive what the new ones would take out.
		fmt.Sprintf("INSERT INTO %s (%s) VALUES ('delete-all')", table, table),
		fmt.Sprintf("INSERT INTO %s (rowid, %s) SELECT rowid, %s FROM executions_visibility WHERE %s", table, list, list, indexed("")),
	}
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func columnsOf(ctx context.Context, tx *sql.Tx, table string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, "SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return nil, err
		}
		columns = append(columns, column)
	}
	return columns, rows.Err()
}
