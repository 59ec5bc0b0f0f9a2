package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/postgres"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestSink(t *testing.T) {
	s := database(t)
	sinktest.Run(t, sinktest.Subject{
		KeepsOrder: true,
		Open: func(t *testing.T) sinktest.Instance {
			a := s.account(t)
			sink := a.open(t)
			// Rows are numbered as they arrive, in a column that the sink knows nothing of.
			s.exec(t, "ALTER TABLE "+a.quote+" ADD COLUMN number bigserial")
			s.exec(t, fmt.Sprintf("GRANT ALL ON ALL SEQUENCES IN SCHEMA %q TO %q", a.schema, a.name))
			heal := func() {}
			return sinktest.Instance{
				Sink:          sink,
				Received:      func() []sinktest.Received { return a.received(t) },
				TimePrecision: time.Microsecond,
				Break: func() {
					a.readOnly(t)
					heal = func() { a.writable(t) }
				},
				BreakForGood: func() {
					s.exec(t, "ALTER TABLE "+a.quote+" ADD CONSTRAINT never CHECK (false) NOT VALID")
					heal = func() { s.exec(t, "ALTER TABLE "+a.quote+" DROP CONSTRAINT never") }
				},
				Hang:    func() { heal = a.lock(t) },
				Heal:    func() { heal(); heal = func() {} },
				Secrets: []string{a.password, a.url, a.name + ":"},
			}
		},
	})
}

func TestDeliver_ABatch_IsInTheColumnsAsDocumented(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	full, bare := sinktest.Delivery("full", []byte(`{"b":1,"a":2,"b":"\u0000"}`)), sinktest.Delivery("bare", []byte(`null`))
	bare.Result = consign.Result{Source: bare.Result.Source, ID: bare.Result.ID, Data: bare.Result.Data}

	requireNone(t, sink.Deliver(t.Context(), []sinks.Delivery{full, bare}))

	var first time.Time
	var when, kind, subject, data string
	conn := a.server.connect(t)
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT first_attempt, to_char(time at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS.US'), type, subject, data::text FROM "+a.quote+" WHERE delivery_id = $1", full.ID).
		Scan(&first, &when, &kind, &subject, &data))
	require.WithinDuration(t, full.First, first, time.Microsecond)
	require.Equal(t, []string{"2026-03-01 12:30:00.123456", "detection", "host & user", `{"b":1,"a":2,"b":"\u0000"}`}, []string{when, kind, subject, data})
	var nulls int
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT num_nulls(time, type, subject) FROM "+a.quote+" WHERE delivery_id = $1", bare.ID).Scan(&nulls))
	require.Equal(t, 3, nulls)
}

func TestDeliver_TheSameAgain_AddsNoRowAndChangesNone(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	batch := sinktest.Deliveries("again", 5)
	requireNone(t, sink.Deliver(t.Context(), batch[:3]))
	before := a.received(t)
	batch[0].Result.Data = []byte(`"another"`)

	requireNone(t, sink.Deliver(t.Context(), append(batch, batch[4])))

	after := a.received(t)
	require.Len(t, after, 5)
	require.Equal(t, before, after[:3])
}

func TestDeliver_RowsThatTheTableDoesNotTake_AreParkedAndTheOthersInserted(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	a.server.exec(t,
		"ALTER TABLE "+a.quote+" ADD CONSTRAINT small CHECK (length(data::text) < 30)",
		`CREATE FUNCTION "`+a.schema+`".no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 'rows-0011' THEN RAISE 'not this one'; END IF; RETURN NEW; END $$`,
		"CREATE TRIGGER no BEFORE INSERT ON "+a.quote+` FOR EACH ROW EXECUTE FUNCTION "`+a.schema+`".no()`)
	batch := sinktest.Deliveries("rows", 13)
	for i := range batch {
		batch[i].Result.Data = []byte("1")
	}
	batch[0].Result.Subject = "with a \x00 in it"
	batch[3].Result.Data = []byte("{no")
	batch[4].Result.Data = []byte(`"` + strings.Repeat("x", 40) + `"`)
	batch[9].Result.Data = []byte("\"\xff\"")
	want := map[int]string{0: "postgres 22021", 3: "postgres 22P02", 4: "postgres 23514", 9: "postgres 22021", 11: "postgres P0001"}

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, len(batch))
	got := map[int]string{}
	for i, err := range errs {
		if err != nil {
			failure := sinks.Classify(err)
			require.True(t, failure.Permanent, failure.Message)
			got[i] = failure.Label
		}
	}
	require.Equal(t, want, got)
	require.Len(t, a.received(t), len(batch)-len(want))
	require.ErrorContains(t, errs[11], "not this one")
}

func TestDeliver_AnotherClientEncoding_ChangesNoByte(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q SET client_encoding = 'LATIN2'", a.name))
	a.url += "&client_encoding=LATIN1"
	batch := sinktest.Deliveries("encoding", 1)
	batch[0].Result.Data = []byte(`"é 日本"`)
	requireNone(t, a.open(t).Deliver(t.Context(), batch))
	require.Equal(t, string(batch[0].Result.Data), string(a.received(t)[0].Result.Data))
}

func TestDeliver_TheDeepestData_IsTakenOrParkedAlone(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	batch := sinktest.Deliveries("deep", 3)
	batch[1].Result.Data = []byte(strings.Repeat("[", consign.MaxDepth) + strings.Repeat("]", consign.MaxDepth))

	errs := sink.Deliver(t.Context(), batch)

	require.NoError(t, errs[0])
	require.NoError(t, errs[2])
	if errs[1] != nil { // PostgreSQL has no limit of its own, but that of its stack
		require.Equal(t, "postgres 54001", sinks.Classify(errs[1]).Label)
		require.True(t, sinks.Classify(errs[1]).Permanent)
	}
}

// As behind poolers that keep no prepared statements.
func TestDeliver_WithoutPreparedStatements_DeliversTheSame(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	a.url += "&default_query_exec_mode=exec"
	sink := a.open(t)
	batch := sinktest.Deliveries("pooled", 3)
	batch[0].Result.Subject, batch[0].Result.Time = "", time.Time{}
	batch[1].Result.Subject = "with a \x00 in it"
	errs := sink.Deliver(t.Context(), batch)
	require.NoError(t, errs[0])
	require.Equal(t, "postgres 22021", sinks.Classify(errs[1]).Label)
	require.NoError(t, errs[2])
	require.Len(t, a.received(t), 2)
}

func TestDeliver_ColumnOfText_HoldsTheSameBytes(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	a.server.exec(t, "CREATE TABLE "+a.quote+" (delivery_id text UNIQUE, source text, id text, type text, subject text, time timestamptz, first_attempt timestamptz, data text)",
		fmt.Sprintf("GRANT ALL ON %s TO %q", a.quote, a.name))
	sink := a.open(t)
	batch := sinktest.Deliveries("text", 2)
	requireNone(t, sink.Deliver(t.Context(), batch))
	got := a.received(t)
	require.Len(t, got, 2)
	require.Equal(t, string(batch[1].Result.Data), string(got[1].Result.Data))
}

// Helpers

// open opens a sink into the account's table, as a worker does.
func (a *account) open(t *testing.T) sinks.Sink {
	t.Helper()
	settings := a.settings()
	settings.SetDefaults()
	sink, err := settings.Open(t.Context(), "warehouse")
	require.NoError(t, err)
	closeAtEnd(t, sink)
	return sink
}

func (a *account) settings() *postgres.Config {
	return &postgres.Config{URL: config.NewSecret(a.url), Table: a.table}
}

func closeAtEnd(t *testing.T, sink sinks.Sink) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWait)
		defer cancel()
		require.NoError(t, sink.Close(ctx))
	})
}

// received reads the table, in order of arrival where its rows are numbered.
func (a *account) received(t *testing.T) []sinktest.Received {
	t.Helper()
	conn := a.server.connect(t)
	defer conn.Close(t.Context())
	var numbered bool
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1::regclass AND attname = 'number')", a.quote).Scan(&numbered))
	order := "id"
	if numbered {
		order = "number"
	}
	result, err := conn.Query(t.Context(), "SELECT delivery_id, source, id, type, subject, time, data::text FROM "+a.quote+" ORDER BY "+order)
	require.NoError(t, err)
	received, err := pgx.CollectRows(result, func(row pgx.CollectableRow) (sinktest.Received, error) {
		var r sinktest.Received
		var kind, subject *string
		var when *time.Time
		var data string
		err := row.Scan(&r.DeliveryID, &r.Result.Source, &r.Result.ID, &kind, &subject, &when, &data)
		r.Result.Type, r.Result.Subject, r.Result.Time, r.Result.Data = value(kind), value(subject), value(when), []byte(data)
		return r, err
	})
	require.NoError(t, err)
	return received
}

func value[T any](pointer *T) T {
	if pointer == nil {
		return *new(T)
	}
	return *pointer
}

func requireNone(t *testing.T, errs []error) {
	t.Helper()
	require.NoError(t, errors.Join(errs...))
}
