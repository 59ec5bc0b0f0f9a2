package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consign-dev/consign/sinks"
)

// Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	readOnly          = "25006"
	badParameter      = "22023"
	wrongPassword     = "28P01"
	notAuthorized     = "28000"
	noSuchDatabase    = "3D000"
	noSuchSchema      = "3F000"
	noPrivilege       = "42501"
	noSuchColumn      = "42703"
	noSuchParameter   = "42704"
	noSuchTable       = "42P01"
	noIndex           = "42P10"
	tooManyConnection = "53300"
	diskFull          = "53100"
	startingUp        = "57P03"
	raised            = "P0001"
)

// labelTable is the label of a table that cannot take results.
const labelTable = "postgres table"

// code of what the server said; empty if it is not the server that failed.
func code(err error) string {
	if said, found := errors.AsType[*pgconn.PgError](err); found {
		return said.Code
	}
	return ""
}

// ofARow tells whether an insertion failed for what stands in a row: data exceptions (class 22, such
// as a NUL in a text), integrity constraints (23), limits of the server (54, such as nesting too deep),
// and what a trigger raises. A connection that is refused says the like of its parameters.
func ofARow(err error) bool {
	if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
		return false
	}
	c := code(err)
	return len(c) == 5 && (slices.Contains([]string{"22", "23", "54"}, c[:2]) || c == raised)
}

// mistaken tells whether the database has answered, and what it says is that the settings are wrong.
func mistaken(err error) bool {
	var table tableError
	return errors.As(err, &table) ||
		slices.Contains([]string{badParameter, wrongPassword, notAuthorized, noSuchDatabase, noSuchSchema, noPrivilege, noSuchParameter}, code(err))
}

// failed says what became of a statement, for people and for [sinks.Classify].
func (s *Sink) failed(ctx context.Context, err error) error {
	var said *pgconn.PgError
	var table tableError
	switch {
	case s.closed.Load():
		return fmt.Errorf("%s: %w", s.where, sinks.ErrClosed)
	case errors.As(err, &said):
		return s.refused(said)
	case errors.As(err, &table):
		return sinks.Label(fmt.Errorf("%s: %w", s.where, table), labelTable)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time, as when the table is locked or the server busy (see who waits for whom: SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity): %w", s.where, ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: interrupted: %w", s.where, ctx.Err())
	}
	// The text around a failure to connect holds the user's name.
	if connect, found := errors.AsType[*pgconn.ConnectError](err); found {
		cause := errors.Unwrap(connect)
		return sinks.Reworded(cause, s.where+": connect: "+s.hide(attempts(cause.Error())))
	}
	return sinks.Reworded(err, s.where+": "+s.hide(err.Error()))
}

// attempts is a text of several attempts to connect, with TLS and without for one, as one line that
// repeats none.
func attempts(text string) string {
	return strings.Join(slices.Compact(strings.Split(text, "\n")), "; ")
}

// refused says what the server said, by its code.
func (s *Sink) refused(said *pgconn.PgError) error {
	text := s.where + ": " + s.hide(said.Message)
	if said.Detail != "" && ofARow(said) {
		text += ": " + s.hide(said.Detail)
	}
	err := sinks.Label(errors.New(text+advice(said.Code)+" (SQLSTATE "+said.Code+")"), "postgres "+said.Code)
	switch {
	case said.Code == tooManyConnection, said.Code == startingUp:
		return sinks.RetryAfter(err, 0)
	case said.Code == readOnly:
		// The next connections go to where url and target_session_attrs say, and may find another server.
		s.pool.Reset()
	case slices.Contains([]string{noSuchTable, noSuchColumn, noIndex}, said.Code):
		s.ready.Store(false) // looked at, and created, again
	}
	return err
}

// advice says what to do, where that is known.
func advice(code string) string {
	return map[string]string{
		readOnly:          ": if this is a standby, name all servers in url and add target_session_attrs=read-write",
		badParameter:      ": check the parameters in url",
		noSuchParameter:   ": check the parameters in url",
		wrongPassword:     ": check the user name and password in url",
		notAuthorized:     ": check the user in url, and pg_hba.conf",
		noSuchDatabase:    ": create it, or name another in url",
		noSuchSchema:      ": create the schema, or name another in table",
		noPrivilege:       ": the user needs INSERT on the table, SELECT on its column delivery_id, and USAGE on its schema (CREATE where the table is to be created)",
		tooManyConnection: ": set pool_max_conns in url, or raise max_connections",
		diskFull:          ": make room",
	}[code]
}
