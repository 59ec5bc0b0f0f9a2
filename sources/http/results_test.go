package http_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

// holding takes results and hands them to the test.
func holding() (*submitter, chan consign.Submission) {
	taken := make(chan consign.Submission, 100)
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
	in.Committed(receipt(), nil)
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

func TestResults_WhenTheyWaitTooLong_AreAnsweredWithTheReceiptsThereAre(t *testing.T) {
	t.Parallel()
	s := serve(t, "wait_timeout: 200ms", &submitter{script: func(_ context.Context, in consign.Submission) error {
		in.Stored(where(in), nil)
		if in.Result.ID == "1" {
			in.Committed(receipt(), nil)
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
			in.Committed(consign.Receipt{}, consign.ErrAbandoned)
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
