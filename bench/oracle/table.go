package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/consign-dev/consign/sinks/postgres/postgrestest"
)

const (
	tablePassword = "oracle"
	tableURL      = "postgres://postgres:" + tablePassword + "@ADDRESS/postgres?sslmode=disable"
)

// hostTable starts a PostgreSQL behind a proxy. The server notes when each transaction was committed.
func hostTable(ctx context.Context, r *rack, address string) error {
	bin, err := postgrestest.Find()
	if err != nil {
		return err
	}
	server, err := postgrestest.New(bin, "track_commit_timestamp=on") //nolint:contextcheck // it outlives ctx, until it is removed
	if err != nil {
		return err
	}
	r.closers = append(r.closers, server.Remove)
	admin, err := pgx.Connect(ctx, server.Admin())
	if err != nil {
		return err
	}
	if _, err := admin.Exec(ctx, "ALTER ROLE postgres PASSWORD '"+tablePassword+"'"); err != nil {
		return errors.Join(err, admin.Close(ctx))
	}
	if err := admin.Close(ctx); err != nil {
		return err
	}
	return r.between(ctx, postgresName, address, net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)), 60_000)
}

// readTable reads every row, and when it was committed.
func readTable(ctx context.Context, _ *plan, address string) (taken, error) {
	conn, err := pgx.Connect(ctx, strings.Replace(tableURL, "ADDRESS", address, 1))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT delivery_id, id, data::text, pg_xact_commit_timestamp(xmin) FROM consign_results ORDER BY 4")
	if err != nil {
		return nil, err
	}
	found := taken{}
	var (
		delivery, id, data string
		at                 time.Time
	)
	_, err = pgx.ForEachRow(rows, []any{&delivery, &id, &data, &at}, func() error {
		return found.add(id, []byte(data), take{at: at.UnixNano(), delivery: delivery})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the table: %w", err)
	}
	return found, nil
}
