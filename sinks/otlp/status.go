package otlp

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/consign-dev/consign/sinks"
)

// status is about an answer over HTTP that is not 2xx.
func (r receiver) status(response *http.Response, now time.Time) error {
	code := response.StatusCode
	text := fmt.Sprintf("answered %d", code)
	if name := http.StatusText(code); name != "" {
		text += " " + name
	}
	if code != http.StatusSwitchingProtocols { // its body is the bare connection, which no context closes
		text += r.quoted(message(response))
	}
	failure := func(label, advice string) error {
		return sinks.Label(r.failed(errors.New(text+advice)), label)
	}
	label := "http " + strconv.Itoa(code)
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return sinks.RetryAfter(failure(label, ""), retryAfter(response.Header, now))
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return failure(label, "")
	case http.StatusUnauthorized, http.StatusForbidden:
		return failure(label, ": check headers and tls")
	case http.StatusProxyAuthRequired:
		return failure(label, ": check the login in HTTPS_PROXY or HTTP_PROXY")
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return failure(label, ": nobody takes logs there: check url, and that the receiver has a pipeline for logs")
	case http.StatusUnsupportedMediaType:
		return failure(label, ": set compression to none, unless the receiver takes no protobuf")
	case http.StatusRequestEntityTooLarge:
		return sinks.Permanent(failure(label, ": raise max_request_body_size of the receiver"))
	}
	if code < 400 {
		return failure(label, ", which is not followed: set url to where results should go")
	}
	return sinks.Permanent(failure(label, ""))
}

// message is what a refusal says: by the specification, a Status of gRPC.
func message(response *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == inProtobuf {
		said := new(rpc.Status)
		if proto.Unmarshal(body, said) != nil {
			return ""
		}
		return said.GetMessage()
	}
	return string(body)
}

// retryAfter reads both forms of Retry-After (RFC 9110, section 10.2.3): seconds, and a date, which
// is compared with the Date of the same answer so that a clock that differs does no harm. It is 0
// if there is none, if it is over, and if it makes no sense.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // out of range is the nearest number
		seconds = min(max(seconds, 0), int64(maxRetryAfter/time.Second))
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), maxRetryAfter)
}
