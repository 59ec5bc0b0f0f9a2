package otlp

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/consign-dev/consign/sinks"
)

// code is about a status of gRPC that a receiver has answered.
func (r receiver) code(err error) error {
	said := status.Convert(err)
	text := fmt.Sprintf("answered %s%s", said.Code(), r.quoted(said.Message()))
	label := "grpc " + said.Code().String()
	failure := func(label, advice string) error {
		return sinks.Label(r.failed(errors.New(text+advice)), label)
	}
	switch said.Code() {
	case codes.ResourceExhausted, codes.OutOfRange:
		// The libraries of gRPC say so in words of their own.
		if regexp.MustCompile(`(?i)larger than max|exceeds (the )?maximum|length too large`).MatchString(said.Message()) {
			return sinks.Permanent(failure(labelTooLarge, ": raise max_recv_msg_size_mib of the receiver"))
		}
	case codes.Unauthenticated, codes.PermissionDenied:
		return failure(label, ": check headers and tls")
	case codes.Unimplemented, codes.NotFound:
		if strings.Contains(said.Message(), "grpc-encoding") {
			return failure(label, ": set compression to none")
		}
		return failure(label, ": nobody takes logs there: check url, and that the receiver has a pipeline for logs")
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.DataLoss:
	default:
		return sinks.Permanent(failure(label, ""))
	}
	after, told := retryInfo(said)
	if told || slices.Contains([]codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.DeadlineExceeded}, said.Code()) { // 503, 429, 504
		return sinks.RetryAfter(failure(label, ""), after)
	}
	return failure(label, "")
}

// retryInfo is what a status says about when to come back.
func retryInfo(said *status.Status) (after time.Duration, told bool) {
	for _, detail := range said.Details() {
		if info, found := detail.(*errdetails.RetryInfo); found {
			return min(max(info.GetRetryDelay().AsDuration(), 0), sinks.MaxRetryAfter), true
		}
	}
	return 0, false
}
