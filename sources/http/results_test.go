package http_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// holding takes results and hands them to the test.
func holding() (*submitter, chan consign.Submission) {
	taken := make(chan consign.Submission, 1001)
	return &submitter{script: func(_ context.Context, in consign.Submission) error {
		taken <- in
		return nil
	}}, taken
}

func TestResults_AreAnsweredWhenAllAreStored_AndNotBefore(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	answers := make(chan answer, 1)
	go func() { answers <- s.post("", envelope("1")+envelope("2")) }()
	first, second := <-taken, <-taken
	second.Stored(where(second), nil)
	select {
	case a := <-answers:
		require.Fail(t, "answered with one result on its way: "+a.Status)
	case <-time.After(50 * time.Millisecond):
	}
	stored := where(first)
	stored.Duplicate = true
	first.Stored(stored, nil)
	a := <-answers
	require.Equal(t, http.StatusAccepted, a.StatusCode)
	require.Equal(t, []outcome{
		{Source: "s", ID: "1", Status: "stored", WorkflowID: "consign/s/1", Duplicate: true},
		{Source: "s", ID: "2", Status: "stored", WorkflowID: "consign/s/2"},
	}, a.said(t).Results)
}

func TestResults_WhenTheServerIsCutOffMeanwhile_AreNotAnswered(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	failed := make(chan error, 1)
	go func() {
		_, err := s.try(http.MethodPost, "/v1/results", strings.NewReader(envelope("1")), "Content-Type", "application/json")
		failed <- err
	}()
	in := <-taken
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, s.Stop(over), "cut off")
	require.Error(t, <-failed, "no 202, as nothing is stored")
	in.Stored(where(in), nil) // nobody is there
	commit(in, receipt(), nil)
}

func TestResults_WhenTheyWait_AreAnsweredWithReceipts(t *testing.T) {
	t.Parallel()
	s := serve(t, "", delivering())
	a := s.post("?wait=committed", envelope("1")+envelope("2"))
	require.Equal(t, http.StatusOK, a.StatusCode)
	for _, one := range a.said(t).Results {
		require.Equal(t, "committed", one.Status)
		require.Equal(t, receipt(), *one.Receipt)
	}
	a = s.post("", envelope("1"))
	require.Equal(t, http.StatusAccepted, a.StatusCode, "who does not wait is told the same, however fast it went")
	require.Equal(t, "stored", a.said(t).Results[0].Status)
	require.Nil(t, a.said(t).Results[0].Receipt)
}

func TestResults_WhenTheyWait_AreNotAnsweredBeforeAllAreCommitted(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	answers := make(chan answer, 1)
	go func() { answers <- s.post("?wait=committed", envelope("1")+envelope("2")) }()
	first, second := <-taken, <-taken
	first.Stored(where(first), nil)
	second.Stored(where(second), nil)
	first.Committed(receipt(), nil)
	select {
	case a := <-answers:
		require.Fail(t, "answered with one result not committed: "+a.Status)
	case <-time.After(50 * time.Millisecond):
	}
	second.Committed(receipt(), nil)
	require.Equal(t, http.StatusOK, (<-answers).StatusCode)
}

func TestResults_WhenTheyWaitTooLong_AreAnsweredWithTheReceiptsThereAre(t *testing.T) {
	t.Parallel()
	s := serve(t, "wait_timeout: 200ms", &submitter{script: func(_ context.Context, in consign.Submission) error {
		in.Stored(where(in), nil)
		if in.Result.ID == "1" {
			commit(in, receipt(), nil)
		}
		return nil
	}})
	a := s.post("?wait=committed", envelope("1")+envelope("2"))
	require.Equal(t, http.StatusAccepted, a.StatusCode)
	results := a.said(t).Results
	require.Equal(t, "committed", results[0].Status)
	require.NotNil(t, results[0].Receipt)
	require.Equal(t, "stored", results[1].Status)
	require.Nil(t, results[1].Receipt)
}

func TestResults_WhatGoesWrongAfterwards_IsToldOfEach(t *testing.T) {
	t.Parallel()
	// script says by the id of a result what becomes of it.
	script := func(ctx context.Context, in consign.Submission) error {
		kind, _, _ := strings.Cut(in.Result.ID, "-")
		switch kind {
		case "conflict":
			in.Stored(consign.Stored{}, fmt.Errorf("%w: other data", consign.ErrConflict))
		case "away":
			in.Stored(consign.Stored{}, fmt.Errorf("%w: %w", consign.ErrUnreachable, errAway))
		case "silent":
		case "full":
			<-ctx.Done()
			return fmt.Errorf("waiting for room: %w", ctx.Err())
		case "closed":
			return consign.ErrClosed
		case "abandoned":
			in.Stored(where(in), nil)
			commit(in, consign.Receipt{}, consign.ErrAbandoned)
		default:
			in.Stored(where(in), nil)
		}
		return nil
	}
	s := serve(t, "wait_timeout: 1500ms", &submitter{script: script})
	for name, test := range map[string]struct {
		ids, want []string
		status    int
		slug      string
		index     int
		retry     string
	}{
		"a conflict":              {[]string{"1", "conflict-1", "2"}, []string{"stored", "conflict", "stored"}, 409, "conflict", 1, ""},
		"two conflicts":           {[]string{"1", "conflict-1", "conflict-2"}, []string{"stored", "conflict", "conflict"}, 409, "conflict", 1, ""},
		"Temporal away":           {[]string{"away", "conflict", "1"}, []string{"unknown", "conflict", "stored"}, 503, "unavailable", 0, "5"},
		"Temporal says nothing":   {[]string{"1", "silent"}, []string{"stored", "unknown"}, 503, "unavailable", 1, "5"},
		"full":                    {[]string{"1", "conflict", "full", "2"}, []string{"stored", "conflict", "not_submitted", "not_submitted"}, 429, "full", 2, "2"},
		"closed":                  {[]string{"closed", "1"}, []string{"not_submitted", "not_submitted"}, 503, "unavailable", 0, "5"},
		"abandoned":               {[]string{"abandoned"}, []string{"abandoned"}, 500, "abandoned", 0, ""},
		"abandoned, beside worse": {[]string{"abandoned", "conflict"}, []string{"abandoned", "conflict"}, 409, "conflict", 1, ""},
	} {
		var body strings.Builder
		for _, id := range test.ids {
			body.WriteString(envelope(id) + "\n")
		}
		a := s.post("?wait=committed", body.String())
		p := a.problem(t, test.status, test.slug)
		require.Equal(t, test.index, *p.Index, name)
		require.Equal(t, test.index+1, p.Line, name)
		require.Equal(t, test.retry, a.Header.Get("Retry-After"), name)
		var statuses []string
		for i, one := range p.Results {
			require.Equal(t, test.ids[i], one.ID, name)
			require.Equal(t, one.Status == "stored" || one.Status == "abandoned", one.WorkflowID != "", name)
			statuses = append(statuses, one.Status)
		}
		require.Equal(t, test.want, statuses, name)
	}
}

func TestResults_WhenRequestsUnderWayFillTheMemorySetAside_ComeBackLater(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	release := s.Fill()
	a := s.post("", envelope("1"))
	a.problem(t, http.StatusTooManyRequests, "full")
	require.Equal(t, "2", a.Header.Get("Retry-After"))
	require.Empty(t, to.results())
	release()
	for range 3 {
		s.post("", envelope("1")+"{").problem(t, http.StatusUnprocessableEntity, "invalid-result")
		require.Equal(t, http.StatusAccepted, s.post("", envelope("1")).StatusCode)
	}
	s.Fill()() // all of it is free again
}

// TestResults_WhatIsOpen_IsNotHeldHere: a dead sink keeps a hundred thousand results open, and their Stored and
// Committed with the Submitter.
func TestResults_WhatIsOpen_IsNotHeldHere(t *testing.T) {
	t.Parallel()
	type kept struct {
		stored    func(consign.Stored, error)
		committed func(consign.Receipt, error)
		data, id  weak.Pointer[byte]
	}
	taken := make(chan kept, 1)
	s := serve(t, "", &submitter{script: func(_ context.Context, in consign.Submission) error {
		taken <- kept{in.Stored, in.Committed, weak.Make(&in.Result.Data[0]), weak.Make(unsafe.StringData(in.Result.ID))}
		in.Stored(where(in), nil)
		return nil
	}, forgets: true})
	collected := func(pointer weak.Pointer[byte]) func() bool {
		return func() bool {
			runtime.GC()
			return pointer.Value() == nil
		}
	}
	body := `{"source":"s","id":"` + strings.Repeat("i", 100) + `","data":"` + strings.Repeat("x", 1000) + `"}`
	answers := make(chan answer, 1)
	go func() { answers <- s.post("?wait=committed", body) }()
	waiting := <-taken
	require.Eventually(t, collected(waiting.data), patience, 10*time.Millisecond, "the data while the request waits")
	waiting.committed(receipt(), nil)
	require.Equal(t, http.StatusOK, (<-answers).StatusCode)

	go func() { answers <- s.post("", body) }()
	open := <-taken
	require.Equal(t, http.StatusAccepted, (<-answers).StatusCode)
	require.Eventually(t, collected(open.id), patience, 10*time.Millisecond, "all of it after the answer")
	open.stored(consign.Stored{}, nil) // nobody is there
	runtime.KeepAlive(open)
}

func ids(prefix string, n int) string {
	var body strings.Builder
	for i := range n {
		body.WriteString(envelope(fmt.Sprint(prefix, i)) + "\n")
	}
	return body.String()
}

func TestResults_OfARequestThatBringsMany_HoldUpNobody(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	many, one := make(chan answer, 1), make(chan answer, 1)
	go func() { many <- s.post("", ids("many-", 1000)) }()
	handedOver := func(n int) {
		require.Eventually(t, func() bool { return len(to.results()) >= n }, patience, time.Millisecond)
	}
	handedOver(s.Turns())
	go func() { one <- s.post("", envelope("one")) }()
	came := false
	for n := s.Turns() + 1; n <= 1001; n++ { // one is stored, and so one more may be handed over
		in := <-taken
		in.Stored(where(in), nil)
		handedOver(n)
		if !came && to.results()[n-1].ID == "one" {
			came = true
			require.Less(t, n, 1001, "it waits for its turn, not for a thousand")
		}
	}
	require.True(t, came)
	for range s.Turns() {
		in := <-taken
		in.Stored(where(in), nil)
	}
	require.Equal(t, http.StatusAccepted, (<-one).StatusCode)
	require.Equal(t, http.StatusAccepted, (<-many).StatusCode)
}

func TestResults_OfARequestThatNobodyWaitsForAnyMore_AreNotSubmitted(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "", to)
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/v1/results", strings.NewReader(ids("", 1000)))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-ndjson")
	gone := make(chan error, 1)
	go func() {
		response, err := s.client.Do(request)
		if err == nil {
			response.Body.Close()
		}
		gone <- err
	}()
	var first []consign.Submission
	for range s.Turns() {
		first = append(first, <-taken)
	}
	leave()
	require.Error(t, <-gone)
	s.Fill()() // the request is over
	for _, in := range first {
		in.Stored(where(in), nil)
	}
	require.Len(t, to.results(), s.Turns())
}

func TestResults_AsLongAsOneMoreIsStoredInTime_AreWaitedFor(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "wait_timeout: 3s", to)
	answers := make(chan answer, 1)
	begun := time.Now()
	go func() { answers <- s.post("", ids("", 4)) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range 4 {
		in := <-taken
		<-tick.C
		in.Stored(where(in), nil)
	}
	require.Equal(t, http.StatusAccepted, (<-answers).StatusCode)
	require.Greater(t, time.Since(begun), 3*time.Second)
}

func TestResults_ThatHadNoTurnInTime_AreToldSo(t *testing.T) {
	t.Parallel()
	to, taken := holding()
	s := serve(t, "wait_timeout: 300ms", to)
	a := s.post("", ids("", 1000))
	p := a.problem(t, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "5", a.Header.Get("Retry-After"))
	require.Equal(t, "unknown", p.Results[0].Status)
	require.Equal(t, "not_submitted", p.Results[999].Status)
	p = s.post("", envelope("x")).problem(t, http.StatusServiceUnavailable, "unavailable")
	require.Equal(t, "not_submitted", p.Results[0].Status)
	require.Contains(t, p.Detail, "could be stored")
	for range s.Turns() {
		in := <-taken
		in.Stored(where(in), nil)
	}
}

func TestResults_WhenThisProgramMakesAMistake_AreAnsweredAndItGoesOn(t *testing.T) {
	t.Parallel()
	s := serve(t, "", &submitter{script: func(_ context.Context, in consign.Submission) error {
		if in.Result.ID == "1" {
			panic("the cause")
		}
		in.Stored(where(in), nil)
		return nil
	}})
	p := s.post("", envelope("1")).problem(t, http.StatusInternalServerError, "internal-error")
	require.NotContains(t, p.Detail, "the cause")
	require.Equal(t, http.StatusAccepted, s.post("", envelope("2")).StatusCode)
	s.Fill()() // all of the memory is free again
}
