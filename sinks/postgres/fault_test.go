package postgres_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/postgres"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestOpen_DatabaseThatIsAway_StartsAllTheSameAndDeliversOnceItIsThere(t *testing.T) {
	t.Parallel()
	database(t)
	s := own(t)
	a := s.account(t)
	require.NoError(t, s.Stop(syscall.SIGINT))
	a.url = strings.Replace(a.url, "sslmode=disable", "sslmode=prefer", 1) // which is two tries

	sink := a.open(t)
	batch := sinktest.Deliveries("away", 3)
	failure := a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "connection refused", failure.Label)
	require.Contains(t, failure.Message, fmt.Sprintf(" at 127.0.0.1:%d: connect: ", s.Port))
	require.Equal(t, 1, strings.Count(failure.Message, "refused"), failure.Message)

	require.NoError(t, s.Start())
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, a.received(t), 3)
}

func TestOpen_DatabaseThatNeverAnswers_StartsAllTheSame(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	a := &account{name: "consign", password: "s3cr3t-w0rd", table: "results"}
	a.url = fmt.Sprintf("postgres://%s:%s@%s/security", a.name, a.password, listener.Addr())
	settings := a.settings()
	settings.SetDefaults()
	look, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	sink, err := settings.Open(look, "warehouse")

	require.NoError(t, err)
	closeAtEnd(t, sink)
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	batch := sinktest.Deliveries("silent", 2)
	require.Equal(t, "timeout", a.requireFailed(t, batch, sink.Deliver(ctx, batch)).Label)
}

func TestOpen_SettingsThatCannotDo_AreRefusedWithTheRemedy(t *testing.T) {
	t.Parallel()
	s := database(t)
	for name, test := range map[string]struct {
		setUp  func(*account) []string
		create bool
		change func(*account)
		want   []string
	}{
		"wrong password":              {change: func(a *account) { a.url = strings.Replace(a.url, "w0rd", "word", 1) }, want: []string{"28P01", "check the user name and password"}},
		"no such database":            {change: func(a *account) { a.url = strings.Replace(a.url, "/postgres?", "/nowhere?", 1) }, want: []string{"3D000", `"nowhere"`, "create it"}},
		"no such schema":              {create: true, change: func(a *account) { a.table = "nowhere.results" }, want: []string{"3F000", "create the schema"}},
		"parameter out of range":      {change: func(a *account) { a.url += "&timezone=Nowhere" }, want: []string{"22023", `"Nowhere"`, "check the parameters in url"}},
		"parameter that is none":      {change: func(a *account) { a.url += "&time_zone=UTC" }, want: []string{"42704", `"time_zone"`, "check the parameters in url"}},
		"schema of another":           {create: true, change: func(a *account) { a.table = "pg_catalog.results" }, want: []string{"42501", "the user needs INSERT"}},
		"no table, not to be created": {want: []string{"does not exist", "set create to true", "CREATE TABLE", "delivery_id text PRIMARY KEY"}},
		"columns are missing": {
			create: true,
			setUp: func(a *account) []string {
				return []string{"CREATE TABLE " + a.quote + " (delivery_id text PRIMARY KEY, source text, id text, type text, data json)"}
			},
			want: []string{"it lacks the columns subject text, time timestamptz, first_attempt timestamptz"},
		},
		"jsonb and no index": {
			setUp: func(a *account) []string {
				return []string{"CREATE TABLE " + a.quote + " (delivery_id text, source text, id text, type text, subject text, time timestamptz, first_attempt timestamptz, data jsonb)"}
			},
			want: []string{"data is jsonb", "CREATE UNIQUE INDEX ON"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.account(t)
			if test.setUp != nil {
				s.exec(t, test.setUp(a)...)
			}
			password := a.password
			if test.change != nil {
				test.change(a)
			}
			settings := a.settings()
			settings.Create = &test.create
			settings.SetDefaults()

			_, err := settings.Open(t.Context(), "warehouse")

			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			for _, secret := range []string{password, a.url, `"` + a.name + `"`} {
				if secret != `"`+a.name+`"` || !strings.Contains(err.Error(), "CREATE ") { // where it is the schema's name
					require.NotContains(t, err.Error(), secret)
				}
			}
		})
	}
}

func TestDeliver_ReadOnlyDatabase_SaysSoAndGoesOnOnceItIsNot(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	a.readOnly(t)
	batch := sinktest.Deliveries("read-only", 3)
	_ = sink.Deliver(t.Context(), batch) // by a connection that has been ended
	failure := a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "postgres 25006", failure.Label)
	require.Contains(t, failure.Message, "target_session_attrs=read-write")

	a.writable(t)
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, a.received(t), 3)
}

func TestDeliver_LockedTable_EndsWithItsContextAndLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	unlock := a.lock(t)
	batch := sinktest.Deliveries("locked", 3)
	ctx, cancel := context.WithCancel(t.Context())
	var errs []error
	var delivery sync.WaitGroup
	delivery.Go(func() { errs = sink.Deliver(ctx, batch) })
	a.waitForLocks(t, 1)
	cancel()
	begun := time.Now()
	delivery.Wait()
	require.Less(t, time.Since(begun), 2*time.Second)
	require.Equal(t, "interrupted", a.requireFailed(t, batch, errs).Label)

	// The server was told, too: its process does not go on waiting for the lock.
	a.waitForLocks(t, 0)
	unlock()
	require.Empty(t, a.received(t))
	requireNone(t, sink.Deliver(t.Context(), batch))
}

func TestDeliver_LockedTableAndADeadline_SaysWhereToLook(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	defer a.lock(t)()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	batch := sinktest.Deliveries("locked", 2)
	failure := a.requireFailed(t, batch, sink.Deliver(ctx, batch))
	require.Equal(t, "timeout", failure.Label)
	require.Contains(t, failure.Message, "pg_blocking_pids")
}

func TestDeliver_FullDisk_IsTransientAndHeals(t *testing.T) {
	t.Parallel()
	s := database(t)
	a := s.account(t)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	// Some process of the server may still hold a file that is gone.
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	for dir := filepath.Dir(disk); strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755)) // for the server's user to get through
	}
	space := filepath.Join(disk, "space")
	require.NoError(t, os.Mkdir(space, 0o700))
	require.NoError(t, os.Chown(space, int(s.As.Credential.Uid), int(s.As.Credential.Gid)))
	s.exec(t, fmt.Sprintf("CREATE TABLESPACE %q LOCATION '%s'", a.name, space),
		fmt.Sprintf("GRANT CREATE ON TABLESPACE %q TO %q", a.name, a.name),
		fmt.Sprintf("ALTER ROLE %q SET default_tablespace = %q", a.name, a.name))
	t.Cleanup(func() { s.exec(t, "DROP TABLE "+a.quote, fmt.Sprintf("DROP TABLESPACE %q", a.name)) })
	sink := a.open(t)
	ballast := filepath.Join(disk, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 600<<10), 0o600))
	batch := sinktest.Deliveries("full", 4)
	for i := range batch {
		batch[i].Result.Data = incompressible(100 << 10)
	}

	for range 2 {
		failure := a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))
		require.Equal(t, "postgres 53100", failure.Label)
	}

	require.NoError(t, os.Remove(ballast))
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, a.received(t), 4)
}

func TestDeliver_ServerThatCrashesInTheMiddle_HoldsEachResultOnceInTheEnd(t *testing.T) {
	t.Parallel()
	database(t)
	s := own(t)
	a := s.account(t)
	sink := a.open(t)
	before, batch := sinktest.Deliveries("before", 2), sinktest.Deliveries("during", 20)
	requireNone(t, sink.Deliver(t.Context(), before))
	a.lock(t) // holds the statement until the crash
	var errs []error
	var delivery sync.WaitGroup
	delivery.Go(func() { errs = sink.Deliver(t.Context(), batch) })
	a.waitForLocks(t, 1)
	require.NoError(t, s.Stop(syscall.SIGQUIT))
	delivery.Wait()
	a.requireFailed(t, batch, errs)
	a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))

	require.NoError(t, s.Start())
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, a.received(t), len(before)+len(batch))
}

func TestDeliver_TooManyConnections_LeavesTheServerAloneForAWhile(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q CONNECTION LIMIT 0", a.name))
	a.disconnect(t)
	batch := sinktest.Deliveries("many", 2)
	_ = sink.Deliver(t.Context(), batch) // by a connection that has been ended
	failure := a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "postgres 53300", failure.Label)
	require.True(t, failure.Busy)

	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q CONNECTION LIMIT -1", a.name))
	requireNone(t, sink.Deliver(t.Context(), batch))
}

func TestDeliver_PasswordThatChangesLater_IsTransient(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	a.server.exec(t, fmt.Sprintf("ALTER ROLE %q PASSWORD 'another'", a.name))
	a.disconnect(t)
	batch := sinktest.Deliveries("password", 2)
	_ = sink.Deliver(t.Context(), batch) // by a connection that has been ended
	require.Equal(t, "postgres 28P01", a.requireFailed(t, batch, sink.Deliver(t.Context(), batch)).Label)
}

func TestDeliver_RoleOfTheURLThatIsTakenAway_IsTransient(t *testing.T) {
	t.Parallel()
	s := database(t)
	a := s.account(t)
	s.exec(t, fmt.Sprintf("CREATE ROLE %q", a.name+"-writer"), fmt.Sprintf("GRANT %q TO %q", a.name+"-writer", a.name),
		fmt.Sprintf("GRANT ALL ON SCHEMA %q TO %q", a.schema, a.name+"-writer"))
	a.url += "&role=" + a.name + "-writer"
	sink := a.open(t)
	batch := sinktest.Deliveries("role", 2)
	requireNone(t, sink.Deliver(t.Context(), batch[:1]))

	s.exec(t, fmt.Sprintf("ALTER ROLE %q RENAME TO %q", a.name+"-writer", a.name+"-gone"))
	a.disconnect(t)
	_ = sink.Deliver(t.Context(), batch) // by a connection that has been ended
	require.Equal(t, "postgres 22023", a.requireFailed(t, batch, sink.Deliver(t.Context(), batch)).Label)
}

func TestDeliver_TableThatMayNotBeCreated_IsTransientWhateverForbidsIt(t *testing.T) {
	t.Parallel()
	s := database(t)
	a := s.account(t)
	function := fmt.Sprintf("%q.no()", a.schema)
	s.exec(t, fmt.Sprintf(`CREATE FUNCTION %s RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF session_user = '%s' THEN RAISE 'no table without a ticket'; END IF; END $$`, function, a.name),
		fmt.Sprintf("CREATE EVENT TRIGGER %q ON ddl_command_start EXECUTE FUNCTION %s", a.name, function))
	t.Cleanup(func() { s.exec(t, fmt.Sprintf("DROP EVENT TRIGGER %q", a.name)) })
	sink := a.open(t)
	batch := sinktest.Deliveries("ticket", 2)
	failure := a.requireFailed(t, batch, sink.Deliver(t.Context(), batch))
	require.Equal(t, "postgres P0001", failure.Label)
	require.Contains(t, failure.Message, "no table without a ticket")
}

func TestDeliver_TableThatIsDropped_IsCreatedAgainByTheNextAttempt(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	sink := a.open(t)
	batch := sinktest.Deliveries("dropped", 2)
	requireNone(t, sink.Deliver(t.Context(), batch))
	a.server.exec(t, "DROP TABLE "+a.quote)
	require.Equal(t, "postgres 42P01", a.requireFailed(t, batch, sink.Deliver(t.Context(), batch)).Label)
	requireNone(t, sink.Deliver(t.Context(), batch))
	require.Len(t, a.received(t), 2)
}

func TestDeliver_ManyWorkersAtOnce_CreateOneTable(t *testing.T) {
	t.Parallel()
	a := database(t).account(t)
	workers := make([]sinks.Sink, 8)
	for i := range workers {
		sink, err := postgres.New(*a.settings())
		require.NoError(t, err)
		closeAtEnd(t, sink)
		workers[i] = sink
	}
	// A name that is taken while others wait for it is what they fail by.
	admin := a.server.connect(t)
	_, err := admin.Exec(t.Context(), "BEGIN")
	require.NoError(t, err)
	_, err = admin.Exec(t.Context(), "CREATE TABLE "+a.quote+" (delivery_id text)")
	require.NoError(t, err)
	errs := make([][]error, len(workers))
	var deliveries sync.WaitGroup
	for i, sink := range workers {
		deliveries.Go(func() { errs[i] = sink.Deliver(t.Context(), sinktest.Deliveries(fmt.Sprint(i), 2)) })
	}
	a.waitForLocks(t, len(workers))
	_, err = admin.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	deliveries.Wait()
	for _, report := range errs {
		requireNone(t, report)
	}
	require.Len(t, a.received(t), 2*len(workers))
}

// own starts a server of the test's own, for tests that stop it.
func own(t *testing.T) *server {
	t.Helper()
	s, err := startNew(shared.Bin)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Remove()) })
	return s
}

// requireFailed checks that all of a batch failed transiently and showed no secret.
func (a *account) requireFailed(t *testing.T, batch []sinks.Delivery, errs []error) sinks.Failure {
	t.Helper()
	require.Len(t, errs, len(batch))
	var failure sinks.Failure
	for _, err := range errs {
		require.Error(t, err)
		failure = sinks.Classify(err)
		require.False(t, failure.Permanent, failure.Message)
		for _, secret := range []string{a.password, a.url, a.name + ":", `user "` + a.name} {
			require.NotContains(t, err.Error(), secret)
		}
	}
	return failure
}

// incompressible is JSON of n bytes that PostgreSQL cannot make smaller.
func incompressible(n int) []byte {
	data := make([]byte, n)
	state := uint32(1)
	for i := range data {
		state = state*1664525 + 1013904223
		data[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[state>>26]
	}
	data[0], data[n-1] = '"', '"'
	return data
}
