package http_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

func TestResults_WhileTemporalIsFull_AreRefusedWithItsReason(t *testing.T) {
	t.Parallel()
	to := storing()
	s := serve(t, "", to)
	to.fill(fmt.Errorf("%w: %w", consign.ErrFull, errors.New("the database holds 10 GB")))
	a := s.post("", envelope("1"))
	p := a.problem(t, http.StatusInsufficientStorage, "no-space")
	require.Contains(t, p.Detail, "the database holds 10 GB")
	require.Contains(t, p.Detail, "nothing of this request was submitted")
	require.Equal(t, "30", a.Header.Get("Retry-After"))
	require.Empty(t, to.results())
	to.fill(nil)
	require.Equal(t, http.StatusAccepted, s.post("", envelope("1")).StatusCode)
}

// Whoever waits when Temporal becomes full is told at once, not when the time of the request is over.
func TestResults_WhenTemporalBecomesFullMeanwhile_SayWhatIsKnownOfEach(t *testing.T) {
	t.Parallel()
	reason := fmt.Errorf("%w: the database holds 10 GB", consign.ErrFull)
	to := &submitter{}
	to.script = func(ctx context.Context, in consign.Submission) error {
		switch in.Result.ID {
		case "refused":
			to.fill(reason)
			return nil
		case "no room":
			<-ctx.Done()
			return fmt.Errorf("waiting for room: %w", ctx.Err())
		}
		in.Stored(where(in), nil)
		return nil
	}
	for _, query := range []string{"", "?wait=committed"} {
		to.fill(nil)
		a := serve(t, "wait_timeout: 1h", to).post(query, envelope("1")+envelope("refused")+envelope("no room"))
		p := a.problem(t, http.StatusInsufficientStorage, "no-space")
		require.Contains(t, p.Detail, "the database holds 10 GB")
		require.Equal(t, 1, *p.Index)
		var statuses []string
		for _, one := range p.Results {
			statuses = append(statuses, one.Status)
		}
		require.Equal(t, []string{"stored", "unknown", "not_submitted"}, statuses)
	}
}
