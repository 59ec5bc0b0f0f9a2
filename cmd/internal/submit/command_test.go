package submit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/cmd/internal/exit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSubmit_Results_AreCountedAndNamed(t *testing.T) {
	t.Parallel()
	done := execute(t, &fake{}, `{"source":"s","id":"1","type":"t","data":{"a":"<&"}}`+"\n"+`{"source":"s","id":"2","data":2}`, "--concurrency", "1", "--json")
	require.Equal(t, exit.OK, done.code, done.messages)
	require.Equal(t, []string{
		`{"source":"s","id":"1","workflow_id":"consign/s/1","duplicate":false}`,
		`{"source":"s","id":"2","workflow_id":"consign/s/2","duplicate":false}`,
	}, done.lines())
	require.Regexp(t, `^submitted 2 in \d+\.\d s\n$`, done.messages)
	require.True(t, bytes.Equal([]byte(`{"a":"<&"}`), done.fake.entries[0].Data), "%s", done.fake.entries[0].Data)
}

func TestSubmit_WithoutJSONAndWait_PrintsNothingOnStdout(t *testing.T) {
	t.Parallel()
	done := execute(t, &fake{}, `{"source":"s","id":"1","data":1}`, "--quiet")
	require.Equal(t, exit.OK, done.code)
	require.Empty(t, done.out)
	require.Empty(t, done.messages)
}

func TestSubmit_BadLines_AreNamedAndDoNotStopTheRest(t *testing.T) {
	t.Parallel()
	file := write(t, "results.ndjson", `{"source":"s","id":"1","data":1}
oops
{"source":"s","id":"conflict","data":1}
{"source":"","id":"4","data":1}
{"source":"s","id":"duplicate","data":1}
`)
	done := execute(t, &fake{}, "", file)
	require.Equal(t, exit.Failed, done.code)
	require.Contains(t, done.messages, file+":2: invalid result: not JSON")
	require.Contains(t, done.messages, file+":3: conflict")
	require.Contains(t, done.messages, file+":4: invalid result: no source")
	require.Regexp(t, `submitted 2 \(1 duplicate, 2 invalid, 1 conflict\) in \d+\.\d s\n$`, done.messages)
}

func TestSubmit_Strict_StopsAtTheFirstBadLine(t *testing.T) {
	t.Parallel()
	file := write(t, "results.ndjson", "{\"source\":\"s\",\"id\":\"1\",\"data\":1}\noops\n{\"source\":\"s\",\"id\":\"3\",\"data\":1}\n")
	done := execute(t, &fake{}, "", "--strict", file)
	require.Equal(t, exit.Failed, done.code)
	require.Len(t, done.fake.entries, 1)
	require.Contains(t, done.messages, "submit: stopped at the first bad value (--strict): submit again from "+file+":2 on")
}

func TestSubmit_SeveralFilesAndStdin_AreEachReadByTheirKind(t *testing.T) {
	t.Parallel()
	array := write(t, "a.json", "[\n{\"n\":1},\n{\"n\":2}\n]")
	lines := write(t, "b.ndjson", "\uFEFF{\"n\":3}\r\n{\"n\":4}\r\n")
	done := execute(t, &fake{}, "{\n  \"n\": 5\n}{\"n\":6}", "--source", "s", "--id-field", "n", "--concurrency", "1", array, lines, "-")
	require.Equal(t, exit.OK, done.code, done.messages)
	var ids []string
	for _, e := range done.fake.entries {
		ids = append(ids, e.ID)
	}
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, ids)
}

func TestSubmit_WithoutIDs_SaysOnceThatDuplicatesAreNotRecognised(t *testing.T) {
	t.Parallel()
	done := execute(t, &fake{}, "{\"n\":1}\n{\"n\":2}", "--source", "s")
	require.Equal(t, exit.OK, done.code)
	require.Equal(t, 1, strings.Count(done.messages, "are not recognised as duplicates"))
	require.NotEqual(t, done.fake.entries[0].ID, done.fake.entries[1].ID)
}

func TestSubmit_Wait_PrintsReceiptsAndTellsWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	in := `{"source":"s","id":"ok","data":1}{"source":"s","id":"parked","data":1}`
	done := execute(t, &fake{}, in, "--wait", "--concurrency", "1")
	require.Equal(t, exit.NotDelivered, done.code)
	require.ElementsMatch(t, []string{
		"s/ok  archive delivered",
		"s/parked  archive delivered, slack parked (dead-letter/slack/x/1): 404 Not Found",
	}, done.lines())
	require.Regexp(t, `submitted 2 in \d+\.\d s: 1 delivered, 1 parked, 0 dropped, 0 rejected\n$`, done.messages)

	done = execute(t, &fake{}, `{"source":"s","id":"parked","data":1}`, "--wait", "--json")
	require.Equal(t, exit.NotDelivered, done.code)
	var line struct {
		ID      string          `json:"id"`
		Receipt consign.Receipt `json:"receipt"`
	}
	require.NoError(t, json.Unmarshal([]byte(done.out), &line))
	require.Equal(t, "parked", line.ID)
	require.Equal(t, consign.Parked, line.Receipt.Legs[1].Outcome)
}

func TestSubmit_Wait_TellsEachOutcomeByItsExitCode(t *testing.T) {
	t.Parallel()
	for id, code := range map[string]int{
		"ok": exit.OK, "unmatched": exit.OK, "duplicate": exit.OK,
		"parked": exit.NotDelivered, "dropped": exit.NotDelivered, "rejected": exit.NotDelivered,
		"abandoned": exit.Failed, "ack-failed": exit.Failed,
	} {
		done := execute(t, &fake{}, fmt.Sprintf(`{"source":"s","id":%q,"data":1}`, id), "--wait")
		require.Equal(t, code, done.code, "%s: %s", id, done.messages)
	}
}

func TestSubmit_Wait_AResultThatIsRetriedHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for n := range maxWaits + 100 {
		fmt.Fprintf(&in, "{\"source\":\"s\",\"id\":\"hang-%d\",\"data\":1}\n", n)
	}
	in.WriteString(`{"source":"s","id":"ok","data":1}`)
	f := &fake{release: make(chan struct{})}
	f.onSubmit = func(e consign.Entry) {
		if e.ID == "ok" {
			close(f.release)
		}
	}
	done := execute(t, f, in.String(), "--wait", "--concurrency", "2")
	require.Equal(t, exit.OK, done.code, done.messages)
	require.Len(t, done.lines(), maxWaits+101)
}

func TestSubmit_LargeValues_AreNotReadFarAheadOfWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var in strings.Builder
		for n := range 100 {
			fmt.Fprintf(&in, "{\"source\":\"s\",\"id\":\"%d\",\"data\":%q}\n", n, strings.Repeat("x", 1_000_000))
		}
		var held atomic.Int32
		release := make(chan struct{})
		f := &fake{onSubmit: func(consign.Entry) {
			held.Add(1)
			<-release
		}}
		go func() {
			synctest.Wait()
			if n := held.Load(); n*1_000_000 > maxHeld {
				t.Errorf("%d MB are held", n)
			}
			close(release)
		}()
		done := execute(t, f, in.String(), "--concurrency", "1000")
		require.Zero(t, done.code, done.messages)
		require.Len(t, f.entries, 100)
	})
}

func TestSubmit_Timeout_LeavesWhatIsSafe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		done := execute(t, &fake{release: make(chan struct{})}, `{"source":"s","id":"hang","data":1}`, "--wait", "--timeout", "50ms")
		require.Equal(t, exit.Failed, done.code)
		require.Contains(t, done.messages, "1 not committed yet")
		require.Contains(t, done.messages, "submit: stopped by --timeout: all was submitted and is safe")
	})
}

func TestSubmit_WhenTemporalGoesAway_StopsAndSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	var in strings.Builder
	for n := range 1000 {
		id := fmt.Sprint(n + 1)
		if n+1 >= 7 {
			id = "away-" + id
		}
		fmt.Fprintf(&in, "{\"source\":\"s\",\"id\":%q,\"data\":1}\n", id)
	}
	file := write(t, "results.ndjson", in.String())
	done := execute(t, &fake{}, "", file, "--concurrency", "4")
	require.Equal(t, exit.NoTemporal, done.code)
	require.Contains(t, done.messages, file+":7: temporal is unreachable")
	require.Contains(t, done.messages, "submit: stopped, as Temporal does not take results: submit again from "+file+":7 on, or the whole input")
	require.Less(t, done.fake.calls, 100)
}

func TestSubmit_WhenTemporalIsNotSetUp_Stops(t *testing.T) {
	t.Parallel()
	done := execute(t, &fake{}, `{"source":"s","id":"no-setup","data":1}`)
	require.Equal(t, exit.NoTemporal, done.code)
	require.Contains(t, done.messages, `stdin:1: temporal is not set up for consign`)
}

func TestSubmit_Interrupted_SaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{release: make(chan struct{}), onSubmit: func(e consign.Entry) {
		if e.ID == "2" {
			cancel()
		}
	}}
	var in strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&in, "{\"source\":\"s\",\"id\":\"%d\",\"data\":1}\n", n+1)
	}
	done := executeContext(ctx, t, f, in.String(), "--concurrency", "1")
	require.Equal(t, exit.Failed, done.code)
	require.Regexp(t, `submit: interrupted: submit again (what comes after|from) stdin:\d`, done.messages)
	require.Less(t, len(done.fake.entries), 10)
}

func TestSubmit_AckURL_GoesWithEachResult(t *testing.T) {
	t.Parallel()
	done := execute(t, &fake{}, `{"source":"s","id":"1","data":1}`, "--ack-url", "https://example.com/ack")
	require.Equal(t, exit.OK, done.code)
	require.Equal(t, &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "https://example.com/ack"}}, done.fake.entries[0].Ack)
}

func TestSubmit_WrongUsage_IsOneLineAndExit2(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":         {[]string{"--wiat"}, `unknown flag: --wiat (see "submit --help")`},
		"no submissions":       {[]string{"--concurrency", "0"}, "--concurrency 0: at least 1"},
		"bare without source":  {[]string{"--bare"}, "--bare needs --source NAME"},
		"ack with credentials": {[]string{"--ack-url", "https://me:hunter2@example.com"}, "--ack-url: http.url holds credentials"},
		"ack that is no URL":   {[]string{"--ack-url", "example.com"}, "--ack-url: http.url has the scheme"},
		"no such file":         {[]string{filepath.Join(folder, "none.ndjson")}, "none.ndjson: no such file or directory"},
		"a directory":          {[]string{folder}, "is a directory: name its files"},
		"stdin twice":          {[]string{"-", "-"}, "- (standard input) is given twice"},
	} {
		done := execute(t, &fake{}, `{"source":"s","id":"1","data":1}`, test.args...)
		require.Equal(t, exit.Usage, done.code, name)
		require.Contains(t, done.messages, "submit: ", name)
		require.Contains(t, done.messages, test.want, name)
		require.Equal(t, 1, strings.Count(done.messages, "\n"), "%s: %s", name, done.messages)
		require.NotContains(t, done.messages, "hunter2", name)
		require.Empty(t, done.fake.entries, name)
	}
}

func TestSubmit_WithNoTemporalThere_SaysHowToStartOneAndExits3(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	began := time.Now()
	done := runCommand(t.Context(), t, dial, nil, `{"source":"s","id":"1","data":1}`, "--address", address)
	require.Equal(t, exit.NoTemporal, done.code)
	require.Contains(t, done.messages, `submit: temporal is unreachable: nothing answers at `+address+` (start one with "consign up"`)
	require.Equal(t, 1, strings.Count(done.messages, "\n"), done.messages)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestSubmit_WhenTheAddressAnswersNothing_GivesUpAfterFiveSeconds(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	require.NoError(t, err)
	defer listener.Close()
	began := time.Now()
	done := runCommand(t.Context(), t, dial, nil, `{"source":"s","id":"1","data":1}`, "--address", listener.Addr().String())
	require.Equal(t, exit.NoTemporal, done.code)
	require.Contains(t, done.messages, "temporal is unreachable")
	require.Less(t, time.Since(began), 10*time.Second)
}

// outcome of one run of the command.
type outcome struct {
	fake          *fake
	code          int
	out, messages string
}

func (o outcome) lines() []string { return strings.Split(strings.TrimSuffix(o.out, "\n"), "\n") }

func execute(t *testing.T, f *fake, in string, args ...string) outcome {
	t.Helper()
	return executeContext(t.Context(), t, f, in, args...)
}

func executeContext(ctx context.Context, t *testing.T, f *fake, in string, args ...string) outcome {
	t.Helper()
	return runCommand(ctx, t, func(context.Context, consign.Options) (submitter, error) { return f, nil }, f, in, args...)
}

func runCommand(ctx context.Context, t *testing.T, connect dialer, f *fake, in string, args ...string) outcome {
	t.Helper()
	var out, messages bytes.Buffer
	cmd := command("test", connect)
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&out)
	cmd.SetErr(&messages)
	err := cmd.ExecuteContext(ctx)
	code := exit.Report(&messages, "submit", err)
	return outcome{fake: f, code: code, out: out.String(), messages: messages.String()}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// fake stands in for Temporal: the id of a result says what becomes of it.
type fake struct {
	mutex    sync.Mutex
	calls    int
	entries  []consign.Entry
	onSubmit func(consign.Entry)
	release  chan struct{} // results that hang are committed when it is closed
}

func (f *fake) Close() {}

func (f *fake) Full() error { return nil }

func (f *fake) Submit(ctx context.Context, r consign.Result, options ...consign.SubmitOption) (handle, error) {
	e := consign.Entry{Result: r}
	for _, option := range options {
		option(&e)
	}
	f.mutex.Lock()
	f.calls++
	if e.ID == "" {
		e.ID = fmt.Sprintf("fresh-%d", f.calls)
	}
	f.mutex.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case e.ID == "conflict":
		return nil, fmt.Errorf("%w: taken", consign.ErrConflict)
	case e.ID == "no-setup":
		return nil, fmt.Errorf("%w: run \"consign setup\"", consign.ErrNotSetUp)
	case strings.HasPrefix(e.ID, "away"):
		return nil, fmt.Errorf("%w: gone", consign.ErrUnreachable)
	}
	f.mutex.Lock()
	f.entries = append(f.entries, e)
	f.mutex.Unlock()
	if f.onSubmit != nil {
		f.onSubmit(e)
	}
	return fakeHandle{e, f}, nil
}

type fakeHandle struct {
	entry consign.Entry
	fake  *fake
}

func (h fakeHandle) ID() string         { return h.entry.ID }
func (h fakeHandle) WorkflowID() string { return consign.WorkflowID(h.entry.Source, h.entry.ID) }
func (h fakeHandle) Duplicate() bool    { return h.entry.ID == "duplicate" }

func (h fakeHandle) Wait(ctx context.Context) (consign.Receipt, error) {
	receipt := consign.Receipt{Results: 1, Ack: consign.AckNone, Legs: []consign.LegReceipt{{Sink: "archive", Outcome: consign.Delivered, Attempts: 1}}}
	switch h.entry.ID {
	case "parked":
		receipt.Legs = append(receipt.Legs, consign.LegReceipt{Sink: "slack", Outcome: consign.Parked, Cause: "404\nNot Found", DeadLetter: "dead-letter/slack/x/1"})
	case "dropped":
		receipt.Legs[0].Outcome = consign.Dropped
	case "unmatched", "rejected":
		receipt.Legs = nil
		receipt.Unrouted = []consign.Unrouted{{Outcome: consign.Outcome(h.entry.ID)}}
	case "ack-failed":
		receipt.Ack = consign.AckFailed
	case "abandoned":
		return receipt, errors.Join(consign.ErrAbandoned, errors.New("terminated"))
	}
	if strings.HasPrefix(h.entry.ID, "hang") {
		select {
		case <-h.fake.release:
		case <-ctx.Done():
			return receipt, ctx.Err()
		}
	}
	return receipt, nil
}
