package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/consign-dev/consign/sinks"
)

// columns that the sink writes, and their types in a table that it creates.
func columns() [][2]string {
	return [][2]string{
		{"delivery_id", "text PRIMARY KEY"},
		{"source", "text NOT NULL"},
		{"id", "text NOT NULL"},
		{"type", "text"},
		{"subject", "text"},
		{"time", "timestamptz"},
		{"first_attempt", "timestamptz NOT NULL"},
		{"data", "json NOT NULL"},
	}
}

func createTable(table pgx.Identifier) string {
	var lines []string
	for _, column := range columns() {
		lines = append(lines, column[0]+" "+column[1])
	}
	return "CREATE TABLE IF NOT EXISTS " + table.Sanitize() + " (" + strings.Join(lines, ", ") + ")"
}

// insertInto is one statement for a batch of any size, so that the server plans it once. Arrays come
// as parameters; the server turns texts of data into json, which checks them and keeps their bytes.
func insertInto(table pgx.Identifier) string {
	return "INSERT INTO " + table.Sanitize() +
		" (delivery_id, source, id, type, subject, time, first_attempt, data)" +
		" SELECT a, b, c, d, e, f, g, h::json" +
		" FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::text[])" +
		" AS row (a, b, c, d, e, f, g, h) ON CONFLICT (delivery_id) DO NOTHING"
}

// rows are the parameters of the statement: an array for each column.
func rows(batch []sinks.Delivery) []any {
	n := len(batch)
	deliveries, sources, ids, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	types, subjects := make([]*string, n), make([]*string, n)
	times, firsts := make([]*time.Time, n), make([]time.Time, n)
	for i, d := range batch {
		deliveries[i], sources[i], ids[i], firsts[i] = d.ID, d.Result.Source, d.Result.ID, d.First
		types[i], subjects[i] = given(d.Result.Type), given(d.Result.Subject)
		times[i] = given(d.Result.Time)
		data[i] = string(body(d))
	}
	return []any{deliveries, sources, ids, types, subjects, times, firsts, data}
}

// body is what stands in the column data.
func body(d sinks.Delivery) []byte { return d.Result.Data }

// given is nil, which is NULL, for the zero value.
func given[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// lookOnce looks at the table before the first insertion.
func (s *Sink) lookOnce(ctx context.Context) error {
	if s.closed.Load() {
		return sinks.ErrClosed
	}
	if s.ready.Load() {
		return nil
	}
	return s.prepare(ctx)
}

// prepare creates the table if it is missing, and checks that it can take results. Several may do so
// at once.
func (s *Sink) prepare(ctx context.Context) error {
	found, err := s.look(ctx)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		if !s.create {
			return tableError(fmt.Sprintf("the table does not exist: set create to true, or create it: %s", createTable(s.table)))
		}
		_, createErr := s.pool.Exec(ctx, createTable(s.table))
		// Of several that create it at once, all but one may fail, although it says IF NOT EXISTS.
		if found, err = s.look(ctx); err != nil || len(found) == 0 {
			return errors.Join(createErr, err)
		}
	}
	if err := check(found, s.table); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// column of a table, as the database has it.
type column struct {
	Name, Type string
	// Unique means that it has an index by which ON CONFLICT finds duplicates.
	Unique bool
}

// look returns the columns of the table; none if there is no table.
func (s *Sink) look(ctx context.Context) ([]column, error) {
	result, err := s.pool.Query(ctx, `
		SELECT attname, format_type(atttypid, NULL), EXISTS (
			SELECT FROM pg_index WHERE indrelid = attrelid AND indisunique AND indisvalid AND indimmediate
				AND indpred IS NULL AND indnkeyatts = 1 AND indkey[0] = attnum)
		FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`, s.table.Sanitize())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(result, pgx.RowToStructByPos[column])
}

// tableError says what a table lacks.
type tableError string

func (e tableError) Error() string { return string(e) }

// check says what a table lacks to take results.
func check(found []column, table pgx.Identifier) error {
	var missing, problems []string
	for _, want := range columns() {
		name := want[0]
		at := slices.IndexFunc(found, func(c column) bool { return c.Name == name })
		if at < 0 {
			missing = append(missing, name+" "+strings.Fields(want[1])[0])
			continue
		}
		if name == "data" && found[at].Type == "jsonb" {
			problems = append(problems, "its column data is jsonb, which changes data and refuses some: make it json or text")
		}
		if name == "delivery_id" && !found[at].Unique {
			problems = append(problems, fmt.Sprintf("it has no unique index by which to know a delivery again: CREATE UNIQUE INDEX ON %s (delivery_id)", table.Sanitize()))
		}
	}
	if missing != nil {
		problems = append([]string{"it lacks the columns " + strings.Join(missing, ", ")}, problems...)
	}
	if problems == nil {
		return nil
	}
	return tableError("the table cannot take results: " + strings.Join(problems, "; "))
}
