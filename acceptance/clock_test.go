package acceptance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// shiftedClock builds testdata/shifted with a package time that adds $CLOCK_SHIFT seconds to the time of
// day and leaves the monotonic clock alone, as setting a machine's clock does. The standard library and
// the SDK are compiled for it once, in about a minute on 2 cores; then the build cache has them.
func shiftedClock(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	require.NoError(t, err)
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	const reading = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	before, after, found := strings.Cut(string(source), reading)
	require.Truef(t, found, "%s of %s does not read the clock as expected: adapt this test", path, runtime.Version())
	text := strings.Replace(before, "import (\n", "import (\n\t\"syscall\"\n", 1) + reading + "\tsec += clockShift\n" + after + `
var clockShift = func() int64 {
	text, _ := syscall.Getenv("CLOCK_SHIFT")
	seconds, err := atoi(text)
	if err != nil {
		panic("CLOCK_SHIFT: " + text)
	}
	return int64(seconds)
}()
`
	shifted, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(shifted, []byte(text), 0o600))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: shifted}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, replace, 0o600))
	binary = filepath.Join(dir, "shifted")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlay, "-o", binary, "./testdata/shifted").CombinedOutput()
	require.NoError(t, err, "go build: %s", out)
	return binary
}

// shiftedWorker is a worker process whose clock is off by that much.
type shiftedWorker struct {
	*exec.Cmd
	log lockedText
}

type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (s *stage) shifted(binary string, by time.Duration, yaml string) *shiftedWorker {
	s.Helper()
	w := &shiftedWorker{Cmd: exec.Command(binary)}
	w.Env = append(os.Environ(), fmt.Sprintf("CLOCK_SHIFT=%d", int(by.Seconds())), "TEMPORAL_ADDRESS="+server.Address(), "TEMPORAL_NAMESPACE="+s.namespace)
	w.Stdin = strings.NewReader(yaml)
	w.Stderr = &w.log
	stdout, err := w.StdoutPipe()
	require.NoError(s, err)
	require.NoError(s, w.Start())
	s.Cleanup(func() {
		_ = w.Process.Kill()
		_ = w.Wait()
		if s.Failed() {
			s.Logf("worker %s off:\n%s", by, &w.log)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if clock, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
			require.InDelta(s, by.Seconds(), time.Until(time.Unix(clock, 0)).Seconds(), 60, "its clock is off")
			break
		}
		_, _ = fmt.Fprintln(&w.log, lines.Text())
	}
	go func() {
		for lines.Scan() {
			_, _ = fmt.Fprintln(&w.log, lines.Text())
		}
	}()
	return w
}

// verifier is a receiver that takes what verifies by Standard Webhooks, its timestamp included, on the
// script's say.
type verifier struct {
	*httptest.Server
	mu      sync.Mutex
	tries   map[string][]time.Time // by path and delivery id
	refused []error
}

const shiftedSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

// verify lets script answer to the attempt that counts from 1, when the request verifies; 0 is 204.
func verify(t *testing.T, script func(path string, attempt int, h http.Header) int) *verifier {
	t.Helper()
	checker, err := standardwebhooks.NewWebhook(shiftedSecret)
	require.NoError(t, err)
	v := &verifier{tries: map[string][]time.Time{}}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body strings.Builder
		_, _ = bufio.NewReader(r.Body).WriteTo(&body)
		v.mu.Lock()
		defer v.mu.Unlock()
		if err := checker.Verify([]byte(body.String()), r.Header); err != nil {
			v.refused = append(v.refused, err)
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		key := r.URL.Path + " " + r.Header.Get("Webhook-Id")
		v.tries[key] = append(v.tries[key], time.Now())
		if status := script(r.URL.Path, len(v.tries[key]), w.Header()); status != 0 {
			w.WriteHeader(status)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(v.Close)
	return v
}

// at are the times at which a result was tried at a path.
func (v *verifier) at(path, id string) []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.tries["/"+path+" "+consign.DeliveryID("test", id, path)]
}

// TestClock_WorkerThatIsTenMinutesOff_DeliversRetriesParksReplaysAndDrainsAsAnyOther has each time
// that a receiver or a person sees judged by the right clock, which is Temporal's and this test's.
func TestClock_WorkerThatIsTenMinutesOff_DeliversRetriesParksReplaysAndDrainsAsAnyOther(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles the standard library, when the build cache is cold")
	}
	binary := shiftedClock(t) // before the subtests, whose time is bounded
	for _, by := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			underShiftedClock(t, binary, by)
		})
	}
}

func underShiftedClock(t *testing.T, binary string, by time.Duration) {
	s := newStage(t)
	healed := false // guarded by the receiver's mutex
	v := verify(t, func(path string, attempt int, h http.Header) int {
		switch {
		case path == "/after" && attempt == 1: // by a date, as the receiver's clock has it
			h.Set("Retry-After", time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat))
			return http.StatusServiceUnavailable
		case path == "/retried" && attempt < 4, path == "/trips" && attempt < 4:
			return http.StatusInternalServerError
		case path == "/parked" && !healed:
			return http.StatusInternalServerError
		}
		return 0
	})
	sink := func(name, more string) string {
		return fmt.Sprintf("  %s: {webhook: {url: '%s/%s', secret: %s}, %s}\n", name, v.URL, name, shiftedSecret, more)
	}
	w := s.shifted(binary, by, "acks: {secret: "+shiftedSecret+"}\nsinks:\n"+
		sink("healthy", "")+
		sink("queued", "inline: false, retry: {max: 0}")+
		sink("retried", "retry: {max: 3, backoff: 300ms, jitter: 0}, circuit: {failures: -1}")+
		sink("after", "retry: {max: 1, backoff: 100ms}")+
		sink("trips", "retry: {max: 3, backoff: 100ms}, circuit: {failures: 2, open: 1s}")+
		sink("parked", "retry: {max: 1, backoff: 200ms}, circuit: {failures: -1}"))
	began := time.Now()
	receipt := s.wait(s.submit("a", `{}`, consign.AckByHTTP(v.URL+"/ack")))
	require.Less(t, time.Since(began), patience, "nothing waits for the clocks to meet")
	attempts := map[string]int{}
	for _, leg := range receipt.Legs {
		attempts[leg.Sink] = leg.Attempts
		if leg.Sink != "parked" {
			require.Equal(t, consign.Delivered, leg.Outcome, "%+v", leg)
		}
	}
	require.Equal(t, map[string]int{"healthy": 1, "queued": 1, "retried": 4, "after": 2, "trips": 4, "parked": 2}, attempts)
	require.Equal(t, consign.AckSent, receipt.Ack)

	retried := v.at("retried", "a")
	for i, wait := range []time.Duration{300 * time.Millisecond, 600 * time.Millisecond, 1200 * time.Millisecond} {
		require.GreaterOrEqual(t, retried[i+1].Sub(retried[i]), wait-10*time.Millisecond, "the %d. wait", i+1)
	}
	after := v.at("after", "a")
	require.Greater(t, after[1].Sub(after[0]), 1900*time.Millisecond, "a date has whole seconds")

	record := s.record(receipt.Legs[5].DeadLetter)
	require.WithinDuration(t, time.Now(), record.ParkedAt, 2*patience)
	require.WithinDuration(t, time.Now(), record.First, 2*patience)
	require.Len(t, record.Attempts, 2)
	for _, attempt := range record.Attempts {
		require.WithinDuration(t, time.Now(), attempt.At, 2*patience)
		require.Less(t, attempt.Took.Duration(), patience)
	}
	v.mu.Lock()
	healed = true
	v.mu.Unlock()
	s.signal(record.ID, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(record.ID).State)

	v.mu.Lock()
	require.NoError(t, errors.Join(v.refused...), "receivers refuse a signature that is 5 minutes off")
	v.mu.Unlock()
	require.Contains(t, w.log.String(), "this machine's clock differs from Temporal's")

	require.NoError(t, w.Process.Signal(syscall.SIGTERM))
	drained := make(chan error, 1)
	go func() { drained <- w.Wait() }()
	select {
	case err := <-drained:
		require.NoError(t, err)
	case <-time.After(patience):
		require.Fail(t, "the drain has no end")
	}
}
