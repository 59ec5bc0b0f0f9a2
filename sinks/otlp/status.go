package otlp

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
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
		return sinks.RetryAfter(failure(label, ""), sinks.RetryAfterIn(response.Header, now))
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
