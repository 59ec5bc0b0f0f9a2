package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/consign-dev/consign/sinks"
)

const (
	// maxAnswer is the most of an answer that is read, in bytes. A connection whose answer was read
	// to its end is used again, so small answers are, and endless ones are hung up on.
	maxAnswer = 64 << 10
	// answerWait is how long the body of an answer may take once its status is there. The status
	// has decided by then, so a slow body is not worth an attempt's whole timeout.
	answerWait = 2 * time.Second
	// maxExcerpt is the most of an answer that an error shows, in bytes.
	maxExcerpt = 200
)

// failed says what became of a request that got no answer. All of it is transient, except what the
// guard refuses.
func failed(ctx context.Context, out outgoing, hide func(string) string, err error) error {
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		return sinks.Permanent(sinks.Label(fmt.Errorf("%s: %w", out.name(), refused), "egress refused"))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time: %w", out.name(), ctx.Err())
	case ctx.Err() != nil:
		return fmt.Errorf("%s: interrupted: %w", out.name(), ctx.Err())
	}
	label := handshakeLabel(err)
	if _, reset := errors.AsType[http2.StreamError](err); reset || strings.Contains(err.Error(), "server sent GOAWAY") {
		label = "connection reset" // as HTTP/2 has it
	}
	if way, ok := errors.AsType[*proxyError](err); ok {
		label = "proxy " + cmp.Or(label, sinks.Classify(way.err).Label)
	}
	failure := hidden(fmt.Errorf("%s: %w", out.name(), err), hide)
	if label != "" {
		return sinks.Label(failure, label)
	}
	return failure
}

// judge reads an answer and says what it means: nil for 2xx only.
func judge(response *http.Response, out outgoing, hide func(string) string, now time.Time) error {
	status := response.StatusCode
	if status >= 200 && status < 300 {
		// The status alone decides: what breaks after it was delivered all the same.
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
		return nil
	}
	var answer []byte
	if status != http.StatusSwitchingProtocols { // its body is the bare connection, which no context closes
		answer, _ = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}

	message := fmt.Sprintf("%s: answered %d", out.name(), status)
	if text := http.StatusText(status); text != "" {
		message += " " + text
	}
	message += advice(response, hide)
	if text := excerpt(hide(sinks.OneLine(string(answer)))); text != "" {
		message += ": " + strconv.Quote(text)
	}
	err := sinks.Label(errors.New(message), "http "+strconv.Itoa(status))
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return sinks.RetryAfter(err, sinks.RetryAfterIn(response.Header, now))
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return err
	case http.StatusGone:
		if out.fixed {
			return sinks.Gone(err)
		}
	}
	if status >= 500 && status < 600 {
		return err
	}
	return sinks.Permanent(err)
}

// advice says what to do about an answer, where that is known.
func advice(response *http.Response, hide func(string) string) string {
	switch status := response.StatusCode; {
	case status >= 300 && status < 400:
		// Only the host: the rest of a redirect may hold a token.
		if to, err := response.Location(); err == nil && to.Host != "" {
			return fmt.Sprintf(", a redirect to %s://%s, which is not followed: set url to where results should go", to.Scheme, hide(sinks.OneLine(to.Host)))
		}
		return ", a redirect, which is not followed: set url to where results should go"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ": check secret, auth and headers"
	case status == http.StatusGone:
		return ": the receiver wants no more deliveries at this URL"
	}
	return ""
}

// excerpt is the beginning of a line.
func excerpt(line string) string {
	if len(line) > maxExcerpt {
		line = strings.ToValidUTF8(line[:maxExcerpt], "") + "…"
	}
	return line
}
