package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/otlp"
	"github.com/consign-dev/consign/sinks/sinktest"
)

func TestDeliver_EachCodeOfGRPC_HasItsClass(t *testing.T) {
	t.Parallel()
	c := serve(t, overGRPC)
	sink := c.open(t)
	for _, test := range []struct {
		code    codes.Code
		message string
		want    sinks.Failure
		advice  string
	}{
		// Retryable by the specification.
		{codes.Canceled, "", sinks.Failure{Label: "grpc Canceled"}, ""},
		{codes.DeadlineExceeded, "", sinks.Failure{Label: "grpc DeadlineExceeded", Busy: true}, ""},
		{codes.Aborted, "", sinks.Failure{Label: "grpc Aborted"}, ""},
		{codes.OutOfRange, "", sinks.Failure{Label: "grpc OutOfRange"}, ""},
		{codes.Unavailable, "", sinks.Failure{Label: "grpc Unavailable", Busy: true}, ""},
		{codes.DataLoss, "", sinks.Failure{Label: "grpc DataLoss"}, ""},
		// What someone puts right, and what is over some day.
		{codes.Unauthenticated, "", sinks.Failure{Label: "grpc Unauthenticated"}, "check headers"},
		{codes.PermissionDenied, "", sinks.Failure{Label: "grpc PermissionDenied"}, "check headers"},
		{codes.Unimplemented, "unknown service", sinks.Failure{Label: "grpc Unimplemented"}, "a pipeline for logs"},
		{codes.Unimplemented, `Decompressor is not installed for grpc-encoding "gzip"`, sinks.Failure{Label: "grpc Unimplemented"}, "set compression to none"},
		{codes.NotFound, "", sinks.Failure{Label: "grpc NotFound"}, "check url"},
		{codes.ResourceExhausted, "quota", sinks.Failure{Label: "grpc ResourceExhausted", Busy: true}, ""},
		// What is about the request.
		{codes.Unknown, "", sinks.Failure{Label: "grpc Unknown", Permanent: true}, ""},
		{codes.InvalidArgument, "", sinks.Failure{Label: "grpc InvalidArgument", Permanent: true}, ""},
		{codes.AlreadyExists, "", sinks.Failure{Label: "grpc AlreadyExists", Permanent: true}, ""},
		{codes.FailedPrecondition, "", sinks.Failure{Label: "grpc FailedPrecondition", Permanent: true}, ""},
		{codes.Internal, "", sinks.Failure{Label: "grpc Internal", Permanent: true}, ""},
		{codes.ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)", sinks.Failure{Label: "too large", Permanent: true}, "raise max_recv_msg_size_mib"},
		{codes.ResourceExhausted, "gRPC message exceeds maximum size 4194304: 5000000", sinks.Failure{Label: "too large", Permanent: true}, "raise"},
		{codes.OutOfRange, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes", sinks.Failure{Label: "too large", Permanent: true}, "raise"},
	} {
		c.refuse(test.code, 0, test.message+" for "+secret+strings.Repeat(" and more", 100))
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("refused", 1))[0])
		require.Contains(t, got.Message, "export to "+c.url()+": answered "+test.code.String())
		require.Contains(t, got.Message, "[hidden]")
		require.Contains(t, got.Message, test.advice)
		require.Less(t, len(got.Message), 700)
		got.Message = ""
		require.Equal(t, test.want, got, test.code)
	}
	c.answers(nil)
	requireDelivered(t, sink, sinktest.Deliveries("healed", 1))
}

func TestDeliver_RetryInfo_SaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	c := serve(t, overGRPC)
	sink := c.open(t)
	for _, test := range []struct {
		code  codes.Code
		delay time.Duration
		want  time.Duration
	}{
		{codes.Unavailable, 7 * time.Second, 7 * time.Second},
		{codes.ResourceExhausted, 1500 * time.Millisecond, 1500 * time.Millisecond},
		{codes.Aborted, time.Minute, time.Minute},
		{codes.Unavailable, -time.Minute, 0},
		{codes.Unavailable, 10_000 * time.Hour, 7 * 24 * time.Hour},
	} {
		said, err := status.New(test.code, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(test.delay)})
		require.NoError(t, err)
		c.answers(func(context.Context, request) answer { return answer{code: said} })
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("later", 1))[0])
		require.True(t, got.Busy)
		require.False(t, got.Permanent)
		require.Equal(t, test.want, got.After)
	}
}

func TestDeliver_EachStatusOfHTTP_HasItsClass(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	sink := c.open(t)
	for _, test := range []struct {
		status  int
		headers []string
		want    sinks.Failure
		advice  string
	}{
		{429, []string{"Retry-After", "7"}, sinks.Failure{Busy: true, After: 7 * time.Second}, ""},
		{502, nil, sinks.Failure{Busy: true}, ""},
		{503, []string{"Retry-After", "Wed, 25 Nov 2026 22:00:30 GMT", "Date", "Wed, 25 Nov 2026 22:00:00 GMT"}, sinks.Failure{Busy: true, After: 30 * time.Second}, ""},
		{503, []string{"Retry-After", "Wed, 25 Nov 2026 21:00:00 GMT", "Date", "Wed, 25 Nov 2026 22:00:00 GMT"}, sinks.Failure{Busy: true}, ""},
		{503, []string{"Retry-After", "9000000000000000000000"}, sinks.Failure{Busy: true, After: 7 * 24 * time.Hour}, ""},
		{503, []string{"Retry-After", "soon"}, sinks.Failure{Busy: true}, ""},
		{504, nil, sinks.Failure{Busy: true}, ""},
		{401, nil, sinks.Failure{}, "check headers"},
		{403, nil, sinks.Failure{}, "check headers"},
		{404, nil, sinks.Failure{}, "check url"},
		{405, nil, sinks.Failure{}, "check url"},
		{407, nil, sinks.Failure{}, "HTTPS_PROXY"},
		{408, nil, sinks.Failure{}, ""},
		{415, nil, sinks.Failure{}, "set compression to none"},
		{425, nil, sinks.Failure{}, ""},
		{301, []string{"Location", "/elsewhere/" + secret}, sinks.Failure{}, "not followed"},
		{308, []string{"Location", "/elsewhere"}, sinks.Failure{}, "not followed"},
		{304, nil, sinks.Failure{}, "not followed"},
		{400, nil, sinks.Failure{Permanent: true}, ""},
		{409, nil, sinks.Failure{Permanent: true}, ""},
		{413, nil, sinks.Failure{Permanent: true}, "raise max_request_body_size"},
		{422, nil, sinks.Failure{Permanent: true}, ""},
		{500, nil, sinks.Failure{Permanent: true}, ""},
		{501, nil, sinks.Failure{Permanent: true}, ""},
	} {
		c.answers(func(context.Context, request) answer {
			return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(test.headers); i += 2 {
					w.Header().Set(test.headers[i], test.headers[i+1])
				}
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte("refused\r\n\x1b[31m for " + secret + strings.Repeat(" and more", 1000)))
			}}
		})
		before := len(c.seen())
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("refused", 1))[0])
		require.Len(t, c.seen(), before+1, "no redirect is followed")
		require.Contains(t, got.Message, fmt.Sprintf("export to %s: answered %d", c.url(), test.status))
		if test.status != http.StatusNotModified { // which has no body
			require.Contains(t, got.Message, `"refused [31m for [hidden]`)
		}
		require.Contains(t, got.Message, test.advice)
		require.NotContains(t, got.Message, "\x1b")
		require.Less(t, len(got.Message), 700)
		got.Message = ""
		test.want.Label, test.want.Code = "http "+strconv.Itoa(test.status), test.status
		require.Equal(t, test.want, got)
	}
}

func TestDeliver_AStatusOfGRPCOverHTTP_IsRead(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	said, err := proto.Marshal(status.New(codes.InvalidArgument, "no such tenant: "+secret).Proto())
	require.NoError(t, err)
	for body, want := range map[string]string{string(said): `answered 400 Bad Request: "no such tenant: [hidden]"`, "\x00\x01": "answered 400 Bad Request"} {
		c.answers(func(context.Context, request) answer {
			return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(body))
			}}
		})
		got := requireFailed(t, deliver(t, c.open(t), sinktest.Deliveries("refused", 1))[0])
		require.True(t, strings.HasSuffix(got.Message, want), got.Message)
	}
}

// rejecting takes all results but those with these ids, and says how many these were.
func rejecting(c *counterpart, bad ...string) func(context.Context, request) answer {
	return func(_ context.Context, r request) answer {
		a := answer{message: "the body has no tenant, for " + secret}
		for _, record := range records(r.logs) {
			if slices.Contains(bad, text(record, "cloudevents.event_id")) {
				a.rejected++
			} else if len(bad) > 0 {
				c.take(record)
			}
		}
		if a.rejected == 0 {
			c.mu.Lock()
			c.taken = c.taken[:len(c.taken)-len(records(r.logs))] // handle takes them
			c.mu.Unlock()
		}
		return a
	}
}

func TestDeliver_APartialSuccessOfOneResult_IsPermanentWithTheMessage(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		batch := sinktest.Deliveries("one", 1)
		c.answers(rejecting(c, batch[0].Result.ID))
		got := requireFailed(t, deliver(t, c.open(t), batch)[0])
		require.True(t, got.Permanent)
		require.Equal(t, "rejected", got.Label)
		require.Contains(t, got.Message, `1 log records are rejected: "the body has no tenant, for [hidden]"`)
		require.Empty(t, c.received(t))
		require.Len(t, c.seen(), 1)
	})
}

func TestDeliver_APartialSuccessOfABatch_FailsThoseThatAreRejectedAndNoOther(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		batch := sinktest.Deliveries("batch", 16)
		c.answers(rejecting(c, batch[3].Result.ID, batch[7].Result.ID))

		errs := deliver(t, c.open(t), batch)

		for i, err := range errs {
			if i != 3 && i != 7 {
				require.NoError(t, err, i)
				continue
			}
			got := requireFailed(t, err)
			require.True(t, got.Permanent)
			require.Equal(t, "rejected", got.Label)
		}
		times := map[string]int{}
		for _, one := range c.received(t) {
			times[one.DeliveryID]++
		}
		require.Len(t, times, 14)
		for id, n := range times {
			require.Equal(t, 2, n, "%s: once with the batch, once by itself, and the same delivery id tells", id)
		}
	})
}

func TestDeliver_AWarningWithFullSuccess_IsSuccess(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		c.answers(func(context.Context, request) answer { return answer{message: "use another field"} })
		requireDelivered(t, c.open(t), sinktest.Deliveries("warned", 4))
		require.Len(t, c.seen(), 1)
		require.Len(t, c.received(t), 4)
	})
}

func TestDeliver_ARefusalOfTheWholeBatch_IsThatOfTheResultsItIsAbout(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		batch := sinktest.Deliveries("whole", 5)
		c.answers(func(_ context.Context, r request) answer {
			if slices.Contains(ids(r), batch[2].Result.ID) {
				return c.refusal(codes.Internal, http.StatusInternalServerError, "cannot process")
			}
			return answer{}
		})
		errs := deliver(t, c.open(t), batch)
		for i, err := range errs {
			if i != 2 {
				require.NoError(t, err)
			}
		}
		require.True(t, requireFailed(t, errs[2]).Permanent)
		require.Len(t, c.received(t), 4)
	})
}

func TestDeliver_AReceiverThatIsAwayWhenResultsGoOneByOne_FailsThemTransiently(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme)
		c.answers(func(_ context.Context, r request) answer {
			if len(ids(r)) > 1 {
				return answer{rejected: 1}
			}
			return c.refusal(codes.Unavailable, http.StatusServiceUnavailable, "away")
		})
		for _, err := range deliver(t, c.open(t), sinktest.Deliveries("midway", 4)) {
			require.False(t, requireFailed(t, err).Permanent)
		}
	})
}

func TestDeliver_ARequestThatIsTooLarge_IsPermanentForTheResultThatIs(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, scheme string) {
		c := serve(t, scheme, func(c *counterpart) { c.limit = 20_000 })
		batch := sinktest.Deliveries("size", 5)
		for i := range batch { // together too large, each small enough
			batch[i].Result.Data = []byte(`"` + strings.Repeat("x", 6_000) + `"`)
		}
		batch[2].Result.Data = []byte(`"` + strings.Repeat("x", 20_000) + `"`)
		errs := deliver(t, c.open(t), batch)
		for i, err := range errs {
			if i != 2 {
				require.NoError(t, err)
			}
		}
		got := requireFailed(t, errs[2])
		require.True(t, got.Permanent)
		require.Equal(t, map[string]string{overGRPC: "too large", overHTTP: "http 413"}[scheme], got.Label)
		require.Contains(t, got.Message, ": raise max_re")
		require.Len(t, c.received(t), 4)
	})
}

func TestDeliver_OverHTTP_WhatIsNoAnswerOfAReceiver_IsNoSuccess(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	sink := c.open(t)
	partly := plogotlp.NewExportResponse()
	partly.PartialSuccess().SetRejectedLogRecords(1)
	inProtobuf, err := partly.MarshalProto()
	require.NoError(t, err)
	inJSON, err := partly.MarshalJSON()
	require.NoError(t, err)
	for _, test := range []struct {
		kind, body string
		want       string // of the failure; empty: delivered
	}{
		{"application/x-protobuf", "", ""},
		{"", "", ""},
		{"application/json; charset=utf-8", "{}", ""},
		{"application/json", "", ""},
		{"application/json", `{"partialSuccess":{"errorMessage":"careful"},"more":1}`, ""},
		{"text/plain", "ok", ""},
		{"application/x-protobuf", string(inProtobuf), "rejected"},
		{"application/json", string(inJSON), "rejected"},
		{"application/x-protobuf", "<html>", "not with an ExportLogsServiceResponse"},
		{"application/json", "[]", "not with an ExportLogsServiceResponse"},
		{"text/html; charset=utf-8", "<html>Log in</html>", "check the host, port and path of url"},
		{"application/x-protobuf", strings.Repeat("x", 70_000), "more than the 65536 bytes"},
	} {
		c.answers(func(context.Context, request) answer {
			return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				_, _ = w.Write([]byte(test.body))
			}}
		})
		err := deliver(t, sink, sinktest.Deliveries("odd", 1))[0]
		if test.want == "" {
			require.NoError(t, err, test)
			continue
		}
		got := requireFailed(t, err)
		require.Contains(t, got.Message, test.want)
		require.Equal(t, test.want == "rejected", got.Permanent)
	}
}

func TestDeliver_OverHTTP_HalfAnAnswer_IsNoSuccess(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	c.answers(func(context.Context, request) answer {
		return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			w.Header().Set("Content-Length", "20") // which could say that all is rejected
			w.WriteHeader(http.StatusOK)
		}}
	})
	got := requireFailed(t, deliver(t, c.open(t), sinktest.Deliveries("half", 1))[0])
	require.False(t, got.Permanent)
	require.Equal(t, "connection reset", got.Label)
}

func TestDeliver_OverHTTP_AnAnswerOfTenGigabytes_IsHungUpOn(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusOK, http.StatusBadGateway} {
		c := serve(t, overHTTP)
		sent := make(chan int64, 1)
		c.answers(func(context.Context, request) answer {
			return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-protobuf")
				w.WriteHeader(code)
				var written int64
				for block := make([]byte, 64<<10); written < 10<<30; {
					n, err := w.Write(block)
					written += int64(n)
					if err != nil {
						break
					}
				}
				sent <- written
			}}
		})
		got := requireFailed(t, deliver(t, c.open(t), sinktest.Deliveries("endless", 1))[0])
		require.False(t, got.Permanent)
		require.Less(t, <-sent, int64(100<<20), "what sockets hold, and no more")
	}
}

func TestDeliver_SecretsOfHeadersAndPath_AreInNoError(t *testing.T) {
	t.Parallel()
	c := serve(t, overHTTP)
	const user, password = "tenant-42", "hunter2-hunter2"
	sink := c.open(t, func(settings *otlp.Config) {
		settings.URL += "/receiver/tok%2Fen-in-path/"
		settings.Headers = map[string]config.Secret{
			"Authorization": config.NewSecret("Basic dGVuYW50LTQyOmh1bnRlcjItaHVudGVyMg=="),
			"X-Token":       config.NewSecret("Token " + secret),
		}
	})
	var said atomic.Value
	c.answers(func(context.Context, request) answer {
		return answer{replace: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, said.Load().(string), http.StatusForbidden)
		}}
	})
	for _, text := range []string{
		"cannot POST /receiver/tok%2Fen-in-path/v1/logs", "cannot POST /receiver/tok/en-in-path/v1/logs", secret, "Token " + secret,
		"dGVuYW50LTQyOmh1bnRlcjItaHVudGVyMg==", user + ":" + password, "the password " + password + " is wrong",
	} {
		said.Store(text)
		got := requireFailed(t, deliver(t, sink, sinktest.Deliveries("hidden", 1))[0])
		require.Contains(t, got.Message, "[hidden]", text)
		for _, word := range []string{"en-in-path", password, "dGVuYW50"} {
			require.NotContains(t, got.Message, word)
		}
	}
}
