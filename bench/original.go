package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	enumsspb "go.temporal.io/server/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"google.golang.org/protobuf/proto"

	"github.com/consign-dev/consign"
)

// original is a closed delivery with its rows.
type original struct {
	ids  ids
	rows []originalRow
}

// ids are those in which a copy differs.
type ids struct{ result, run, branch uuid.UUID }

func newIDs() ids { return ids{uuid.New(), uuid.New(), uuid.New()} }

func (i ids) workflow() string { return consign.WorkflowID("bench", i.result.String()) }

// originalRow is a row as what copies it: a statement whose arguments hold ids, and at the end the row's number.
type originalRow struct {
	insert string
	args   []any
	timer  *persistencespb.TimerTaskInfo // in timer_tasks
	number int64
}

// copy returns arguments for a copy with other ids.
func (r *originalRow) copy(from, to ids) ([]any, error) {
	args := make([]any, 0, len(r.args)+1)
	for _, arg := range r.args {
		args = append(args, exchange(arg, from, to))
	}
	if r.timer != nil {
		// Its key is a time and a number, of which the copies count on.
		r.timer.TaskId++
		data, err := proto.Marshal(r.timer)
		if err != nil {
			return nil, err
		}
		args = []any{r.timer.GetTaskId(), exchange(data, from, to)}
	}
	return append(args, r.number), nil
}

// exchange puts other ids in the place of those in a value. Each is as long as the other, so that lengths in
// what is encoded (protocol buffers) stay true.
func exchange(value any, from, to ids) any {
	data, binary := value.([]byte)
	if !binary {
		data = []byte(value.(string)) //nolint:forcetypeassert // holds tells that it is one of the two
	}
	for _, pair := range [][2]uuid.UUID{{from.result, to.result}, {from.run, to.run}, {from.branch, to.branch}} {
		data = bytes.ReplaceAll(data, []byte(pair[0].String()), []byte(pair[1].String()))
		data = bytes.ReplaceAll(data, pair[0][:], pair[1][:])
	}
	if !binary {
		return string(data)
	}
	return data
}

// holds tells whether a value has one of the ids in it.
func (i ids) holds(value any) bool {
	var data []byte
	switch value := value.(type) {
	case []byte:
		data = value
	case string:
		data = []byte(value)
	}
	for _, id := range []uuid.UUID{i.result, i.run, i.branch} {
		if bytes.Contains(data, []byte(id.String())) || bytes.Contains(data, id[:]) {
			return true
		}
	}
	return false
}

// read finds deliveries to copy, and their rows.
func (f *filler) read(ctx context.Context, db *sql.DB) error {
	found, err := f.find(ctx, db)
	if err != nil {
		return err
	}
	timers, err := deletions(ctx, db)
	if err != nil {
		return err
	}
	for _, o := range found {
		timer, ok := timers[o.ids.run.String()]
		if !ok {
			continue // its end is not written yet
		}
		o.rows = append(o.rows, timer)
		run, workflow := o.ids.run, o.ids.workflow()
		for _, table := range []struct {
			name, where string
			args        []any
		}{
			{"executions", "workflow_id = ? AND run_id = ?", []any{workflow, run[:]}},
			{"current_executions", "workflow_id = ?", []any{workflow}},
			{"history_tree", "tree_id = ?", []any{run[:]}},
			{"history_node", "tree_id = ?", []any{run[:]}},
			{"executions_visibility", "run_id = ?", []any{run.String()}},
		} {
			if err := o.add(ctx, db, table.name, table.where, table.args...); err != nil {
				return fmt.Errorf("table %s: %w", table.name, err)
			}
		}
		f.originals = append(f.originals, o)
	}
	if len(f.originals) == 0 {
		return errors.New("it holds no closed delivery to copy")
	}
	return nil
}

// find finds closed deliveries.
func (f *filler) find(ctx context.Context, db *sql.DB) (found []*original, err error) {
	rows, err := db.QueryContext(ctx, `SELECT v.workflow_id, v.run_id, t.branch_id FROM executions_visibility v
		JOIN executions e ON e.workflow_id = v.workflow_id JOIN history_tree t ON t.shard_id = e.shard_id AND t.tree_id = e.run_id
		WHERE v.workflow_type_name = ? AND v.close_time IS NOT NULL LIMIT ?`, consign.DeliverWorkflow, maxOriginals)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var workflow, run string
		var branch []byte
		if err := rows.Scan(&workflow, &run, &branch); err != nil {
			return nil, err
		}
		o := &original{}
		var errs [3]error
		o.ids.result, errs[0] = uuid.Parse(workflow[strings.LastIndex(workflow, "/")+1:])
		o.ids.run, errs[1] = uuid.Parse(run)
		o.ids.branch, errs[2] = uuid.FromBytes(branch)
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("workflow %s: %w", workflow, err)
		}
		found = append(found, o)
	}
	return found, rows.Err()
}

// deletions are the timers that end the retention of closed workflows, by run.
func deletions(ctx context.Context, db *sql.DB) (map[string]originalRow, error) {
	rows, err := db.QueryContext(ctx, "SELECT rowid, data FROM timer_tasks")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]originalRow{}
	for rows.Next() {
		row := originalRow{
			timer: &persistencespb.TimerTaskInfo{},
			insert: "INSERT INTO timer_tasks (shard_id, visibility_timestamp, task_id, data, data_encoding) " +
				"SELECT shard_id, visibility_timestamp, ?, ?, data_encoding FROM timer_tasks WHERE rowid = ?",
		}
		var data []byte
		if err := rows.Scan(&row.number, &data); err != nil {
			return nil, err
		}
		if err := proto.Unmarshal(data, row.timer); err != nil {
			return nil, err
		}
		if row.timer.GetTaskType() == enumsspb.TASK_TYPE_DELETE_HISTORY_EVENT {
			found[row.timer.GetRunId()] = row
		}
	}
	return found, rows.Err()
}

// add adds the rows of a table that belong to the original.
func (o *original) add(ctx context.Context, db *sql.DB, table, where string, args ...any) error {
	// Columns that SQLite computes are not in this list.
	var list string
	err := db.QueryRowContext(ctx, "SELECT group_concat(name, ', ') FROM pragma_table_info(?)", table).Scan(&list)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT rowid, "+list+" FROM "+table+" WHERE "+where, args...) //nolint:gosec // names of tables and columns
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := strings.Split(list, ", ")
	before := len(o.rows)
	for rows.Next() {
		values := make([]any, len(columns)+1)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := originalRow{number: values[0].(int64)} //nolint:forcetypeassert // so it is in SQLite
		from := make([]string, len(columns))
		for i, column := range columns {
			if from[i] = column; o.ids.holds(values[i+1]) {
				from[i] = "?"
				row.args = append(row.args, values[i+1])
			}
		}
		row.insert = fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE rowid = ?", table, list, strings.Join(from, ", "), table)
		o.rows = append(o.rows, row)
	}
	if len(o.rows) == before && rows.Err() == nil {
		return fmt.Errorf("no row of %s", o.ids.workflow())
	}
	return rows.Err()
}
