package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/consign-dev/consign"
)

const (
	postingAtOnce = 16
	// waitTimeout is how long a worker may keep a request.
	waitTimeout = 10 * time.Second
	// postTimeout is how long the poster waits for an answer: longer than a worker that is well may take.
	postTimeout = waitTimeout + 5*time.Second
)

// poster is an upstream that posts requests to the workers in turn, as they were, until one is answered well.
type poster struct {
	plan   *plan
	at     addresses
	ledger *ledger
	client *http.Client
}

func post(ctx context.Context, p *plan, at addresses) error {
	ledger, before, err := openLedger(p.path(submitterName + ledgerSuffix))
	if err != nil {
		return err
	}
	s := &poster{plan: p, at: at, ledger: ledger, client: &http.Client{Timeout: postTimeout}}
	sayReady()
	err = p.eachReleased(ctx, p.rest(before), postingAtOnce, func(ctx context.Context, u unit) error {
		if err := s.post(ctx, u); err != nil {
			return fmt.Errorf("posting %s and the %d after it: %w", resultID(u.first), u.count-1, err)
		}
		return nil
	})
	return errors.Join(err, ledger.close())
}

// post posts one request until it has its answer.
func (s *poster) post(ctx context.Context, u unit) error {
	var body bytes.Buffer
	for n := u.first; n < u.first+u.count; n++ {
		text, err := result(n).Encode()
		if err != nil {
			return err
		}
		body.Write(append(text, '\n'))
	}
	for try := u.first; ctx.Err() == nil; try++ {
		if err := s.ledger.write(line{What: meant, N: u.first}); err != nil {
			return err
		}
		done, err := s.try(ctx, u, s.at.HTTP[try%len(s.at.HTTP)], body.Bytes())
		if done || err != nil {
			return err
		}
		if pause(ctx, 300*time.Millisecond) != nil {
			return nil //nolint:nilerr // this process is to end
		}
	}
	return nil
}

// answered is what the poster reads of an answer.
type answered struct {
	Results []struct {
		ID      string           `json:"id"`
		Status  string           `json:"status"`
		Receipt *consign.Receipt `json:"receipt"`
	} `json:"results"`
}

// try posts a request once, and tells whether nothing more is to be asked. An error is for an answer that
// nothing excuses.
func (s *poster) try(ctx context.Context, u unit, address string, body []byte) (done bool, err error) {
	url := "http://" + address + "/v1/results"
	if u.waits {
		url += "?wait=committed"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := s.client.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, "again:", err)
		return false, nil
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Fprintln(os.Stderr, "again:", err)
		return false, nil
	}
	if slices.Contains([]int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusServiceUnavailable}, response.StatusCode) {
		fmt.Fprintf(os.Stderr, "again: %s: %.300s\n", response.Status, text)
		return false, nil
	}
	if response.StatusCode != http.StatusAccepted && response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s: %.1000s", response.Status, text)
	}
	var got answered
	if err := json.Unmarshal(text, &got); err != nil {
		return false, err
	}
	all := response.StatusCode == http.StatusOK
	lines, err := s.heard(u, got, all)
	if err != nil {
		return false, fmt.Errorf("%w: %s: %.1000s", err, response.Status, text)
	}
	return all || !u.waits || u.quiet, s.ledger.write(lines...)
}

// heard is what an answer says: all is stored, and what has a receipt is committed.
func (s *poster) heard(u unit, got answered, all bool) ([]line, error) {
	if len(got.Results) != u.count {
		return nil, fmt.Errorf("an answer about %d results to a request of %d", len(got.Results), u.count)
	}
	lines := []line{{What: submitted, N: u.first}}
	for i, of := range got.Results {
		n := u.first + i
		what := told
		if all {
			what = acked
		}
		switch {
		case of.ID != resultID(n):
			return nil, fmt.Errorf("an answer about %s where %s was asked for", of.ID, resultID(n))
		case of.Receipt != nil && of.Status == "committed":
			lines = append(lines, s.plan.ackLine(what, n, *of.Receipt))
		case of.Status != "stored" || all:
			return nil, fmt.Errorf("answered well, though %s is said to be %s", of.ID, of.Status)
		}
	}
	return lines, nil
}
