package http

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// problemTypes is where each type of problem is explained, by its slug as an anchor.
const problemTypes = "https://github.com/consign-dev/consign/blob/main/docs/http.md#"

// problem is an answer that something went wrong (RFC 9457).
type problem struct {
	slug   string
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Line of the body, decompressed, on which the value in question begins, from 1.
	Line int `json:"line,omitempty"`
	// Index of the result in question among those of the request, from 0.
	Index *int `json:"index,omitempty"`
	// Results tells what became of each, when some may have been submitted.
	Results []outcome `json:"results,omitempty"`

	// retryAfter is when to send the request again; 0: that would not help.
	retryAfter time.Duration
	header     http.Header
}

// titles of problems by their slugs. They are the headings in docs/http.md.
func titles() map[string]string {
	return map[string]string{
		"bad-request":            "Bad request",
		"unauthorized":           "Unauthorized",
		"forbidden":              "Forbidden",
		"not-found":              "Not found",
		"method-not-allowed":     "Method not allowed",
		"timeout":                "Timeout",
		"conflict":               "Conflict",
		"too-large":              "Too large",
		"unsupported-media-type": "Unsupported media type",
		"invalid-result":         "Invalid result",
		"full":                   "Full",
		"no-space":               "No space",
		"abandoned":              "Abandoned",
		"internal-error":         "Internal error",
		"unavailable":            "Unavailable",
	}
}

// at names the place of a result in its request.
func (p *problem) at(line, index int) *problem {
	p.Line, p.Index = line, &index
	return p
}

func (s *Server) fail(w http.ResponseWriter, p *problem) {
	p.Type, p.Title = problemTypes+p.slug, titles()[p.slug]
	for name, values := range p.header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(p.retryAfter.Seconds()))))
	}
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusInsufficientStorage { // the server says that once
		s.failures.Warn("a request failed", zap.Int("status", p.Status), zap.String("detail", p.Detail))
	}
	s.answer(w, p.Status, "application/problem+json", p)
}

// answer writes a body of JSON, and counts.
func (s *Server) answer(w http.ResponseWriter, status int, mediaType string, body any) {
	s.metrics.requests.WithLabelValues(fmt.Sprintf("%dxx", status/100)).Inc()
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(body) //nolint:errchkjson // who has gone cannot be told
}
