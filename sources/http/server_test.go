package http_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks/sinktest"
	source "github.com/consign-dev/consign/sources/http"
)

func TestListen_WhenItCannotBe_SaysWhy(t *testing.T) {
	t.Parallel()
	taken := listen(t, "")
	dir := t.TempDir()
	for name, test := range map[string]struct {
		c    config.HTTP
		want string
	}{
		"others reach it": {config.HTTP{Listen: "0.0.0.0:0"}, "needs tokens and tls"},
		"in use":          {config.HTTP{Listen: strings.TrimPrefix(taken.URL(), "http://")}, "address already in use: choose another address"},
		"no certificate":  {config.HTTP{Listen: "127.0.0.1:0", TLS: config.ServerTLS{Cert: filepath.Join(dir, "a"), Key: filepath.Join(dir, "b")}}, "http.tls: read the certificate"},
	} {
		_, err := source.Listen(t.Context(), source.Options{Config: test.c, Registry: prometheus.NewRegistry(), Log: zaptest.NewLogger(t)})
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestGuard_WithTokens_TakesEachOfThemAndNoOther(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, `tokens: ["the-new-one", "the-old-one"]`, to)
	for i, header := range []string{"Bearer the-new-one", "bearer the-old-one"} {
		require.Equal(t, http.StatusAccepted, s.post("", envelope(fmt.Sprint(i)), "Authorization", header, "Host", "consign.example").StatusCode, header)
	}
	for _, header := range []string{"", "Bearer", "Bearer ", "Bearer the-new-on", "Bearer the-new-one2", "Bearer the-new-one the-old-one", "Basic the-new-one", "the-new-one"} {
		a := s.post("", envelope("x"), "Authorization", header)
		p := a.problem(t, http.StatusUnauthorized, "unauthorized")
		require.Contains(t, a.Header.Get("WWW-Authenticate"), `Bearer realm="consign"`, header)
		require.NotContains(t, p.Detail, "the-new")
	}
	require.Len(t, to.results(), 2)
	for _, path := range []string{"/healthz", "/readyz", "/v1/openapi.json"} {
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, path, nil).StatusCode, "%s needs none", path)
	}
}

func TestGuard_AFileOfTokens_IsReadAnewWhenItChanges(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens")
	age := time.Now()
	write := func(content string) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		age = age.Add(time.Minute)
		require.NoError(t, os.Chtimes(path, time.Time{}, age)) // whatever the clock of the disk
	}
	write("first\n")
	s := serve(t, fmt.Sprintf("tokens: [{file: %q}, in-the-configuration]", path), storing())
	requireTaken := func(tokens ...string) {
		t.Helper()
		for i, token := range []string{"first", "second", "in-the-configuration", "t w o"} {
			status := http.StatusUnauthorized
			if slices.Contains(tokens, token) {
				status = http.StatusAccepted
			}
			require.Equal(t, status, s.post("", envelope(fmt.Sprint(i)), "Authorization", "Bearer "+token).StatusCode, token)
		}
	}
	requireTaken("first", "in-the-configuration")
	write("first\nsecond\n")
	requireTaken("first", "second", "in-the-configuration")
	write("second\n")
	requireTaken("second", "in-the-configuration")
	for _, wrong := range []string{"", "\n", "first\nt w o\n"} {
		write(wrong)
		requireTaken("second", "in-the-configuration")
	}
	require.NoError(t, os.Remove(path))
	requireTaken("second", "in-the-configuration")
	write("first")
	requireTaken("first", "in-the-configuration")
}

func TestGuard_WithoutTokens_TakesNothingThatABrowserCouldBeMadeToSend(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	for i, host := range []string{"localhost:8088", "127.0.0.1", "[::1]:8088", "127.8.8.8:1"} {
		require.Equal(t, http.StatusAccepted, s.post("", envelope(fmt.Sprint(i)), "Host", host).StatusCode, host)
	}
	for _, host := range []string{"evil.example", "localhost.evil.example:8088", "10.0.0.1"} {
		p := s.post("", envelope("x"), "Host", host).problem(t, http.StatusForbidden, "forbidden")
		require.Contains(t, p.Detail, "http.tokens", host)
	}
	s.post("", envelope("x"), "Origin", "https://evil.example").problem(t, http.StatusForbidden, "forbidden")
	s.post("", envelope("x"), "Sec-Fetch-Site", "cross-site").problem(t, http.StatusForbidden, "forbidden")
	s.call(http.MethodOptions, "/v1/results", nil, "Origin", "https://evil.example", "Access-Control-Request-Method", "POST")
	require.Len(t, to.results(), 4)
}

func TestRoutes_WhatIsNotThere_IsAProblem(t *testing.T) {
	t.Parallel()
	s := serve(t, "", storing())
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		a := s.call(method, "/v1/results", nil)
		require.Equal(t, http.StatusMethodNotAllowed, a.StatusCode, method)
		require.Equal(t, []string{"POST"}, a.Header.Values("Allow"), method)
		if method != http.MethodHead {
			a.problem(t, http.StatusMethodNotAllowed, "method-not-allowed")
		}
	}
	s.call(http.MethodPost, "/v1/result", nil).problem(t, http.StatusNotFound, "not-found")
}

func TestReadyz_SaysWhyResultsAreNotTaken(t *testing.T) {
	t.Parallel()
	s := listen(t, "")
	require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/healthz", nil).StatusCode)
	require.Equal(t, "stalled", s.Standing().State)
	a := s.call(http.MethodGet, "/readyz", nil)
	require.Contains(t, a.problem(t, http.StatusServiceUnavailable, "unavailable").Detail, "not started")
	a = s.post("", envelope("1"))
	a.problem(t, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", a.Header.Get("Retry-After"))

	s.Open(storing(), func(context.Context) (string, error) { return "", errAway })
	require.Contains(t, s.call(http.MethodGet, "/readyz", nil).problem(t, http.StatusServiceUnavailable, "unavailable").Detail, errAway.Error())
	s.Open(storing(), func(context.Context) (string, error) { return "its configuration is refused", nil })
	a = s.call(http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.JSONEq(t, `{"status":"ready","note":"its configuration is refused"}`, string(a.body))
	require.Equal(t, http.StatusOK, s.call(http.MethodHead, "/readyz", nil).StatusCode)
	require.Equal(t, http.StatusAccepted, s.post("", envelope("1")).StatusCode)
	standing := s.Standing()
	require.Equal(t, "reading", standing.State)
	require.EqualValues(t, 1, standing.Taken)
	require.Positive(t, standing.Rate)

	s.Drain()
	require.Contains(t, s.call(http.MethodGet, "/readyz", nil).problem(t, http.StatusServiceUnavailable, "unavailable").Detail, "about to stop")
	s.post("", envelope("1")).problem(t, http.StatusServiceUnavailable, "unavailable")
}

func TestReadyz_WhileTemporalIsAway_DoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	core, seen := observer.New(zap.DebugLevel)
	c := config.HTTP{Listen: "127.0.0.1:0", MaxBody: 1 << 20, MaxConnections: 10, ReadTimeout: patience, WaitTimeout: patience, BatchMax: 1}
	s, err := source.Listen(t.Context(), source.Options{Config: c, Registry: prometheus.NewRegistry(), Log: zap.New(core)})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Stop(context.Background())) }()
	for range 50 {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
	}
	require.NotZero(t, seen.Len())
	require.LessOrEqual(t, seen.Len(), 20, "in a minute, or in two if one ends meanwhile")
}

func TestStop_LetsRequestsUnderWayFinish(t *testing.T) {
	t.Parallel()
	submitted := make(chan consign.Submission)
	s := serve(t, "", &submitter{script: func(_ context.Context, in consign.Submission) error {
		submitted <- in
		return nil
	}})
	answers := make(chan answer, 1)
	go func() { answers <- s.post("?wait=committed", envelope("1")) }()
	in := <-submitted
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	require.Eventually(t, func() bool {
		probe, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(s))
		if err == nil {
			probe.Close()
		}
		return err != nil
	}, patience, 5*time.Millisecond, "no more connections")
	select {
	case <-stopped:
		require.Fail(t, "a request is under way")
	default:
	}
	in.Stored(where(in), nil)
	a := <-answers
	require.Equal(t, http.StatusAccepted, a.StatusCode, "stored, and nobody waits for its commit any more: %s", a.body)
	require.NoError(t, <-stopped)
	commit(in, receipt(), nil) // nobody is there
}

func address(s *server) string {
	return strings.TrimPrefix(strings.TrimPrefix(s.URL(), "https://"), "http://")
}

func dial(t *testing.T, s *server) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address(s))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func TestLimits_ABodyThatTrickles_IsGivenUp(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "read_timeout: 300ms", to)
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n%s", envelope("1"))
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	response.Body.Close()
	a := answer{response, content}
	a.problem(t, http.StatusRequestTimeout, "timeout")
	described(t, http.MethodPost, "/v1/results", a)
	require.True(t, response.Close)
	require.Empty(t, to.results())

	conn = dial(t, s)
	fmt.Fprint(conn, "POST /v1/results HTTP/1.1\r\nHost: loc") // and no more
	_, err = io.ReadAll(conn)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the server hangs up first")
}

func TestLimits_ABodyThatBreaksOff_IsTakenInNoPart(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n%s\n", envelope("1"))
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Empty(t, to.results())
}

func TestLimits_ABodyThatSaysItIsTooLarge_IsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := serve(t, "max_body: 5000", storing())
	conn := dial(t, s)
	fmt.Fprint(conn, "POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5001\r\nExpect: 100-continue\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode, "and no 100 before")
}

// TestLimits_BodiesThatAreOnTheirWay_AreCounted: many that stop in the middle must not fill this process.
func TestLimits_BodiesThatAreOnTheirWay_AreCounted(t *testing.T) {
	t.Parallel()
	s := serve(t, "", storing())
	const sent = 3 << 20
	conn := dial(t, s)
	fmt.Fprintf(conn, "POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 4<<20)
	require.Eventually(t, func() bool { return !s.Room(s.Memory()) }, patience, time.Millisecond)
	require.True(t, s.Room(s.Memory()-30_000), "what is to come takes nothing yet")
	_, err := conn.Write(bytes.Repeat([]byte(" "), sent))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !s.Room(s.Memory() - sent + 1) }, patience, time.Millisecond)
	require.NoError(t, conn.Close())
	s.Fill()() // all of it is free again
	require.Equal(t, http.StatusAccepted, s.post("", envelope("1")).StatusCode)
}

func TestStop_WhatIsNotHandedOverYet_IsNotSubmitted(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	answers := make(chan answer, 1)
	go func() { answers <- s.post("", ids("", 1000)) }()
	var first []consign.Submission
	for range s.Turns() {
		first = append(first, <-taken)
	}
	s.Drain()
	for _, in := range first {
		in.Stored(where(in), nil)
	}
	for {
		select {
		case in := <-taken: // one whose turn came at that moment
			in.Stored(where(in), nil)
			continue
		case a := <-answers:
			p := a.problem(t, http.StatusServiceUnavailable, "unavailable")
			require.Contains(t, p.Detail, "about to stop")
			require.Equal(t, "stored", p.Results[s.Turns()-1].Status)
			require.Equal(t, "not_submitted", p.Results[999].Status)
			require.Less(t, len(to.results()), 1000)
		}
		break
	}
}

func TestLimits_ConnectionsBeyondTheLimit_WaitForTheirTurn(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "max_connections: 1", to)
	busy := make(chan answer, 1)
	go func() { busy <- s.post("", envelope("1"), "Connection", "close") }()
	in := <-taken
	second := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answers := make(chan int, 1)
	go func() {
		response, err := second.Get(s.URL() + "/healthz")
		if err != nil {
			answers <- 0
			return
		}
		response.Body.Close()
		answers <- response.StatusCode
	}()
	select {
	case <-answers:
		require.Fail(t, "two connections were served at once")
	case <-time.After(100 * time.Millisecond):
	}
	in.Stored(where(in), nil)
	require.Equal(t, http.StatusAccepted, (<-busy).StatusCode)
	require.Equal(t, http.StatusOK, <-answers)
}

func TestLimits_ConnectionsThatAreIdle_GiveWay(t *testing.T) {
	t.Parallel()
	s := serve(t, "max_connections: 3", storing())
	healthy := func(conn net.Conn) error {
		fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		return err
	}
	oldest, second := dial(t, s), dial(t, s)
	require.NoError(t, healthy(oldest))
	require.NoError(t, healthy(second))
	require.NoError(t, healthy(oldest), "it is kept")
	for range 10 {
		require.NoError(t, healthy(dial(t, s)))
	}
}

func TestTLS_ACertificateThatIsRenewed_IsShownByTheNextConnection(t *testing.T) {
	t.Parallel()
	first, second := sinktest.NewCertificates(t), sinktest.NewCertificates(t)
	s := serve(t, fmt.Sprintf("tls: {cert: %q, key: %q}", first.ClientCert, first.ClientKey), storing())
	require.True(t, strings.HasPrefix(s.URL(), "https://"))
	shown := func() string {
		conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address(s))
		require.NoError(t, err)
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := shown()
	require.Equal(t, before, shown())
	for from, to := range map[string]string{second.ClientCert: first.ClientCert, second.ClientKey: first.ClientKey} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, content, 0o600))
		require.NoError(t, os.Chtimes(to, time.Time{}, time.Now().Add(time.Minute))) // whatever the clock of the disk
	}
	after := shown()
	require.NotEqual(t, before, after)
	require.NoError(t, os.Remove(first.ClientKey)) // half replaced
	require.Equal(t, after, shown(), "the one from before serves")

	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	a := s.post("", envelope("1"))
	require.Equal(t, http.StatusAccepted, a.StatusCode)
	require.Equal(t, 2, a.ProtoMajor)
}

func TestMetrics_CountRequestsAndResults(t *testing.T) {
	t.Parallel()
	s := serve(t, "", &submitter{script: func(_ context.Context, in consign.Submission) error {
		stored := where(in)
		switch in.Result.ID {
		case "2":
			stored.Duplicate = true
		case "3":
			in.Stored(consign.Stored{}, consign.ErrConflict)
			return nil
		case "4":
			return errors.Join(consign.ErrClosed)
		}
		in.Stored(stored, nil)
		return nil
	}})
	counted := func() map[string]float64 {
		families, err := s.registry.Gather()
		require.NoError(t, err)
		all := map[string]float64{}
		for _, family := range families {
			for _, one := range family.GetMetric() {
				all[family.GetName()+" "+one.GetLabel()[0].GetValue()] = one.GetCounter().GetValue()
			}
		}
		return all
	}
	require.Len(t, counted(), 7, "at zero from the start")
	s.post("", envelope("1")+envelope("2")+envelope("3")+envelope("4")).problem(t, http.StatusServiceUnavailable, "unavailable")
	s.post("", envelope("1"))
	s.post("", "{")
	require.Equal(t, map[string]float64{
		"consign_http_requests_total 2xx": 1, "consign_http_requests_total 4xx": 1, "consign_http_requests_total 5xx": 1,
		"consign_http_results_total stored": 2, "consign_http_results_total duplicate": 1, "consign_http_results_total conflict": 1, "consign_http_results_total unknown": 1,
	}, counted())
}
