// Package postgres is the sink that inserts results into a table of a PostgreSQL database, one row
// each.
//
//	sinks:
//	  warehouse:
//	    postgres:
//	      url: ${WAREHOUSE_URL}   # postgres://consign:PASSWORD@db.example.com/security?sslmode=verify-full
//	      table: detections.results
//	      create: true
//
// # The table
//
// A batch is one statement, which ends with ON CONFLICT (delivery_id) DO NOTHING: a result delivered
// again, after a crash or by a replay, adds no second row. What the table needs:
//
//	CREATE TABLE detections.results (
//	  delivery_id   text PRIMARY KEY,      -- the same on every retry
//	  source        text NOT NULL,
//	  id            text NOT NULL,
//	  type          text,                  -- NULL: none was given; so are subject and time
//	  subject       text,
//	  time          timestamptz,           -- of the event; PostgreSQL keeps microseconds of it
//	  first_attempt timestamptz NOT NULL,  -- when the delivery to this sink began
//	  data          json NOT NULL          -- the bytes as they were submitted
//	)
//
// It may have more columns, with defaults. The column data is json, or text, and not jsonb, which
// changes key order, duplicate keys and numbers, and refuses \u0000. For an index of what is inside,
// add one on an expression, such as ((data->>'rule')). PostgreSQL 11 and later will do.
//
// The user of the URL needs INSERT, and SELECT on delivery_id; to create the table, CREATE on its schema.
//
// # What fails
//
// What concerns the database as a whole is transient, and goes on once that is mended: a server that
// is away, a wrong password, a table that is locked, read-only or gone, a full disk. Rows that the
// table does not take (SQLSTATE classes 22, 23 and 54, and exceptions that a trigger raises) are found
// by halving the batch; they alone are parked, the others are inserted.
//
// A worker starts while the database is away. If it answers, and says that the password or a parameter
// is wrong, the database or schema unknown, or the table without a column that is needed, the worker
// says so and does not start.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
)

// lookWait is how long a database may take to answer when the sink is opened, before it counts as
// away: a worker opens its sinks one after another.
const lookWait = 5 * time.Second

// Kind makes the sink known to the configuration.
func Kind() config.Kind {
	return config.Kind{
		Name:    "postgres",
		Summary: "a table of a PostgreSQL database: one row per result, no duplicates",
		Network: true,
		New:     func() config.Settings { return new(Config) },
	}
}

// Config are the sink's settings.
type Config struct {
	// URL of the database: postgres://USER:PASSWORD@HOST:PORT/DATABASE, with parameters as psql takes
	// them, such as sslmode=verify-full or target_session_attrs=read-write, and pool_max_conns for the
	// most connections of this worker (default 4, or the number of processors if that is more). Behind a
	// PgBouncer before 1.21 it needs default_query_exec_mode=exec. What it leaves out comes from PGHOST
	// and its like, as for psql. It is never shown. Required.
	URL config.Secret `yaml:"url"`
	// Table to insert into, as NAME or SCHEMA.NAME, in the spelling that the database has: capital
	// letters count. Default consign_results.
	Table string `yaml:"table"`
	// Create creates the table when it is missing; its schema must be there. Default true.
	Create *bool `yaml:"create"`
}

var _ sinks.Settings = (*Config)(nil)

// SetDefaults fills in what is left out.
func (c *Config) SetDefaults() {
	if c.Table == "" {
		c.Table = "consign_results"
	}
	if c.Create == nil {
		c.Create = new(true)
	}
}

// Files are those that the URL names. Of a text in the other form, host=… password=…, none is known.
func (c *Config) Files() []string {
	address, err := url.Parse(c.URL.Reveal())
	if err != nil {
		return nil
	}
	named := address.Query()
	return []string{named.Get("sslrootcert"), named.Get("sslcert"), named.Get("sslkey")}
}

// Validate reports what is wrong, and shows no part of the URL in doing so but a mistaken scheme.
func (c *Config) Validate(report func(field, problem string)) {
	if _, err := connection(c.URL.Reveal()); err != nil {
		report("url", err.Error())
	}
	if _, err := identifier(c.Table); err != nil {
		report("table", err.Error())
	}
}

// Open returns the sink once the database has answered, or has not for 5 seconds. It fails if the
// database says that these settings cannot do.
func (c *Config) Open(ctx context.Context, _ string) (sinks.Sink, error) {
	sink, err := New(*c) //nolint:contextcheck // the connections outlive ctx
	if err != nil {
		return nil, err
	}
	look, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	if err := sink.prepare(look); mistaken(err) {
		err = sink.failed(look, err)
		return nil, errors.Join(err, sink.Close(look))
	}
	return sink, nil
}

// Sink inserts results into one table.
type Sink struct {
	pool   *pgxpool.Pool
	table  pgx.Identifier
	insert string
	create bool
	hide   func(string) string
	where  string
	// ready means that the table was looked at and found good.
	ready  atomic.Bool
	closed atomic.Bool
}

// New returns a sink with these settings, or everything that [Config.Validate] finds wrong. Nothing is
// connected to before the first delivery.
func New(c Config) (*Sink, error) {
	c.SetDefaults()
	var problems []error
	c.Validate(func(field, problem string) {
		problems = append(problems, fmt.Errorf("postgres.%s: %s", field, problem))
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	settings, err := connection(c.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("postgres.url: %w", err)
	}
	table, err := identifier(c.Table)
	if err != nil {
		return nil, fmt.Errorf("postgres.table: %w", err)
	}
	hide := hider(c.URL.Reveal(), settings.ConnConfig)
	// The pool outlives every context that it could be given here.
	pool, err := pgxpool.NewWithConfig(context.Background(), settings)
	if err != nil {
		return nil, fmt.Errorf("postgres.url: %s", hide(err.Error()))
	}
	return &Sink{
		pool: pool, table: table, insert: insertInto(table), create: *c.Create, hide: hide,
		where: fmt.Sprintf("insert into %s of database %q at %s", c.Table, settings.ConnConfig.Database, address(settings.ConnConfig)),
	}, nil
}

// Deliver inserts a batch by one statement. When ctx ends before the database has answered, every
// result is reported as failed, though their rows may come to be there.
func (s *Sink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	if len(batch) == 0 {
		return nil
	}
	if err := s.lookOnce(ctx); err != nil {
		return sinks.All(batch, s.failed(ctx, err))
	}
	errs := make([]error, len(batch))
	s.deliver(ctx, batch, errs)
	return errs
}

// deliver inserts a batch, and halves it if the table does not take some of its rows.
func (s *Sink) deliver(ctx context.Context, batch []sinks.Delivery, errs []error) {
	_, err := s.pool.Exec(ctx, s.insert, rows(batch)...)
	switch {
	case err == nil:
	case len(batch) > 1 && ofARow(err):
		half := len(batch) / 2
		s.deliver(ctx, batch[:half], errs[:half])
		s.deliver(ctx, batch[half:], errs[half:])
	default:
		failure := s.failed(ctx, err)
		if ofARow(err) {
			failure = sinks.Permanent(failure)
		}
		for i := range errs {
			errs[i] = failure
		}
	}
}

// Close closes the connections, when the deliveries under way are over.
func (s *Sink) Close(ctx context.Context) error {
	s.closed.Store(true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.pool.Close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the connections to PostgreSQL: a delivery is under way, or the server does not answer: %w", ctx.Err())
	}
}
