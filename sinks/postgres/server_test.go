package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// requireVariable makes the tests fail, and not be skipped, where PostgreSQL is missing.
const requireVariable = "CONSIGN_REQUIRE_POSTGRES"

// startWait is how long a server may take to start or to stop on a machine that is busy.
const startWait = time.Minute

// shared is the server of this package's tests; nil, and missing says why, if there is none.
var (
	shared  *server
	missing error
)

func TestMain(m *testing.M) {
	bin, err := programs()
	switch {
	case err == nil:
		if shared, err = startNew(bin); err != nil {
			fmt.Fprintln(os.Stderr, "start PostgreSQL:", err)
			os.Exit(1)
		}
	case os.Getenv(requireVariable) == "1":
		fmt.Fprintln(os.Stderr, requireVariable+"=1, but", err)
		os.Exit(1)
	default:
		missing = err
	}
	code := m.Run()
	if shared != nil {
		if err := shared.remove(); err != nil {
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
		t.Skipf("%v (%s=1 makes this a failure)", missing, requireVariable)
	}
	return shared
}

// programs finds the directory of PostgreSQL's programs, which Debian keeps out of PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: apt-get install postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// server is a PostgreSQL of the test's own, in a temporary directory, on a Unix socket without
// passwords and on a loopback port with them.
type server struct {
	bin, dir string
	port     int
	as       *syscall.SysProcAttr
	process  *os.Process
	ended    chan struct{}
	names    atomic.Int64
}

func startNew(bin string) (*server, error) {
	dir, err := os.MkdirTemp("", "consign-pg")
	if err != nil {
		return nil, err
	}
	s := &server{bin: bin, dir: dir, as: &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}}
	if os.Getuid() == 0 { // whom PostgreSQL refuses to run as
		account, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.ParseUint(account.Uid, 10, 32)
		gid, _ := strconv.ParseUint(account.Gid, 10, 32)
		s.as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "postgres",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = s.as, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// start starts the server and waits until it answers.
func (s *server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(filepath.Join(s.bin, "postgres"), "-D", filepath.Join(s.dir, "data"), "-k", s.dir,
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-c", "fsync=off", "-c", "max_connections=200")
	command.SysProcAttr, command.Dir, command.Stdout, command.Stderr = s.as, s.dir, log, log
	started, ended := make(chan error), make(chan struct{})
	go func() {
		// It is told to stop when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.process, s.ended = command.Process, ended
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	for {
		admin, err := pgx.Connect(ctx, s.admin())
		if err == nil {
			return admin.Close(ctx)
		}
		select {
		case <-ended:
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("it ended: %s", said)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the server as signal says: SIGINT breaks off what is under way, SIGQUIT is a crash.
func (s *server) stop(signal syscall.Signal) error {
	if err := s.process.Signal(signal); err != nil {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(startWait):
		return errors.New("it does not stop")
	}
}

func (s *server) remove() error {
	return errors.Join(s.stop(syscall.SIGINT), os.RemoveAll(s.dir))
}

// admin is how to connect as superuser.
func (s *server) admin() string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres", s.dir, s.port)
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
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), Path: "postgres", RawQuery: "sslmode=disable",
	}).String()
	s.exec(t, fmt.Sprintf(`CREATE ROLE %q LOGIN PASSWORD '%s'`, a.name, a.password))
	s.exec(t, fmt.Sprintf(`CREATE SCHEMA %q AUTHORIZATION %q`, a.schema, a.name))
	return a
}

// connect returns a connection as superuser, which ends with the test.
func (s *server) connect(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.admin())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// exec runs statements as superuser, each in a transaction of its own.
func (s *server) exec(t *testing.T, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin())
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
