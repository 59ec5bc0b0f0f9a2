package postgres_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign/sinks/postgres/postgrestest"
)

// startWait is how long a server may take to do anything on a machine that is busy.
const startWait = postgrestest.Wait

// server is one with users of its own for tests.
type server struct {
	*postgrestest.Server

	names atomic.Int64
}

// shared is the server of this package's tests; nil, and missing says why, if there is none.
var (
	shared  *server
	missing error
)

func TestMain(m *testing.M) {
	bin, err := postgrestest.Find()
	switch {
	case err == nil:
		if shared, err = startNew(bin); err != nil {
			fmt.Fprintln(os.Stderr, "start PostgreSQL:", err)
			os.Exit(1)
		}
	case os.Getenv(postgrestest.RequireVariable) == "1":
		fmt.Fprintln(os.Stderr, postgrestest.RequireVariable+"=1, but", err)
		os.Exit(1)
	default:
		missing = err
	}
	code := m.Run()
	if shared != nil {
		if err := shared.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
			code = 1
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// database is the shared server, or the test is skipped.
func database(t *testing.T) *server {
	t.Helper()
	if shared == nil {
		t.Skipf("%v (%s=1 makes this a failure)", missing, postgrestest.RequireVariable)
	}
	return shared
}

func startNew(bin string) (*server, error) {
	started, err := postgrestest.New(bin)
	return &server{Server: started}, err
}

// account is a user with a password, and a schema of its own.
type account struct {
	server               *server
	name, password       string
	schema, table, quote string
	url                  string
}

func (s *server) account(t *testing.T) *account {
	t.Helper()
	name := fmt.Sprintf("user-%04d", s.names.Add(1))
	a := &account{server: s, name: name, password: "p/ss:w0rd%" + name, schema: name, table: name + ".Results", quote: `"` + name + `"."Results"`}
	a.url = (&url.URL{
		Scheme: "postgres", User: url.UserPassword(a.name, a.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)), Path: "postgres", RawQuery: "sslmode=disable",
	}).String()
	s.exec(t, fmt.Sprintf(`CREATE ROLE %q LOGIN PASSWORD '%s'`, a.name, a.password))
	s.exec(t, fmt.Sprintf(`CREATE SCHEMA %q AUTHORIZATION %q`, a.schema, a.name))
	return a
}

// connect returns a connection as superuser, which ends with the test.
func (s *server) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.Admin())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs statements as superuser, each in a transaction of its own.
func (s *server) exec(t *testing.T, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.Admin())
	require.NoError(t, err)
	defer conn.Close(ctx)
	for _, statement := range statements {
		_, err := conn.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
}

// readOnly makes every session of the account read-only from now on, the open ones by ending them.
func (a *account) readOnly(t *testing.T) {
	t.Helper()
	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q SET default_transaction_read_only = on", a.name))
	a.disconnect(t)
}

func (a *account) writable(t *testing.T) {
	t.Helper()
	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q RESET default_transaction_read_only", a.name))
}

// disconnect ends the sessions of the account.
func (a *account) disconnect(t *testing.T) {
	t.Helper()
	a.server.exec(t, fmt.Sprintf("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '%s'", a.name))
}

// lock locks the table against everyone, and returns what unlocks it.
func (a *account) lock(t *testing.T) (unlock func()) {
	t.Helper()
	conn := a.server.connect(t)
	_, err := conn.Exec(t.Context(), "BEGIN")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "LOCK TABLE "+a.quote+" IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWait)
		defer cancel()
		require.NoError(t, conn.Close(ctx))
	}
}

// waitForLocks waits until so many statements of the account wait for a lock.
func (a *account) waitForLocks(t *testing.T, want int) {
	t.Helper()
	conn := a.server.connect(t)
	require.Eventually(t, func() bool {
		var waiting int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND wait_event_type = 'Lock'", a.name).Scan(&waiting)
		return err == nil && waiting == want
	}, startWait, 10*time.Millisecond)
}
