package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
)

var errCause = errors.New("no such channel")

func TestClassify_PlainError_IsTransient(t *testing.T) {
	t.Parallel()
	require.Equal(t, sinks.Failure{Message: "no such channel", Label: "error"}, sinks.Classify(errCause))
}

func TestClassify_Nil_IsNoFailure(t *testing.T) {
	t.Parallel()
	require.Equal(t, sinks.Failure{}, sinks.Classify(nil))
}

func TestClassify_Marks_AreFoundThroughWrappingAndInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want sinks.Failure
	}{
		{"Permanent", sinks.Permanent(errCause), sinks.Failure{Message: "no such channel", Label: "error", Permanent: true}},
		{"Gone", sinks.Gone(errCause), sinks.Failure{Message: "no such channel", Label: "error", Permanent: true, Gone: true}},
		{
			"GoneAndLabelled", fmt.Errorf("post: %w", sinks.Gone(sinks.Label(errCause, "http 410"))),
			sinks.Failure{Message: "post: no such channel", Label: "http 410", Code: 410, Permanent: true, Gone: true},
		},
		{"RetryAfter", sinks.RetryAfter(errCause, time.Minute), sinks.Failure{Message: "no such channel", Label: "error", Busy: true, After: time.Minute}},
		{"RetryAfterUnknown", sinks.RetryAfter(errCause, 0), sinks.Failure{Message: "no such channel", Label: "error", Busy: true}},
		{"RetryAfterThePast", sinks.RetryAfter(errCause, -time.Hour), sinks.Failure{Message: "no such channel", Label: "error", Busy: true}},
		{"Label", sinks.Label(errCause, "http 404"), sinks.Failure{Message: "no such channel", Label: "http 404", Code: 404}},
		{
			"LabelledAndPermanent", sinks.Label(sinks.Permanent(errCause), "http 404"),
			sinks.Failure{Message: "no such channel", Label: "http 404", Code: 404, Permanent: true},
		},
		{
			"PermanentAndLabelled", sinks.Permanent(sinks.Label(errCause, "http 404")),
			sinks.Failure{Message: "no such channel", Label: "http 404", Code: 404, Permanent: true},
		},
		{
			"StatusBesideTheLabel", sinks.Permanent(sinks.Status(sinks.Label(errCause, "s3 AccessDenied"), 403)),
			sinks.Failure{Message: "no such channel", Label: "s3 AccessDenied", Code: 403, Permanent: true},
		},
		{
			"StatusBeforeTheLabelsNumber", sinks.Label(sinks.Status(errCause, 403), "quota 7"),
			sinks.Failure{Message: "no such channel", Label: "quota 7", Code: 403},
		},
		{
			"TheOuterLabel", sinks.Label(sinks.Label(errCause, "inner"), "outer"),
			sinks.Failure{Message: "no such channel", Label: "outer"},
		},
		{
			"Wrapped", fmt.Errorf("post: %w", sinks.Label(fmt.Errorf("answer: %w", sinks.RetryAfter(errCause, time.Second)), "http 429")),
			sinks.Failure{Message: "post: answer: no such channel", Label: "http 429", Code: 429, Busy: true, After: time.Second},
		},
		{
			"Joined", errors.Join(errors.New("first"), sinks.Permanent(errCause)),
			sinks.Failure{Message: "first\nno such channel", Label: "error", Permanent: true},
		},
		{
			"JoinedMarks", errors.Join(sinks.Label(errCause, "http 400"), sinks.Permanent(errCause)),
			sinks.Failure{Message: "no such channel\nno such channel", Label: "http 400", Code: 400, Permanent: true},
		},
		{
			"TheLongerWaitInside", sinks.RetryAfter(sinks.RetryAfter(errCause, time.Minute), time.Second),
			sinks.Failure{Message: "no such channel", Label: "error", Busy: true, After: time.Minute},
		},
		{
			"TheLongerWaitOutside", sinks.RetryAfter(sinks.RetryAfter(errCause, time.Second), time.Minute),
			sinks.Failure{Message: "no such channel", Label: "error", Busy: true, After: time.Minute},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, sinks.Classify(test.err))
			require.NotErrorIs(t, test.err, io.EOF)
			require.ErrorIs(t, test.err, errCause)
		})
	}
}

func TestClassify_CommonCauses_AreCountedByName(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, refused := net.DialTimeout("tcp", closedPort(t), time.Second)
	_, missing := os.Open(t.TempDir() + "/missing/file")
	for _, test := range []struct {
		want string
		err  error
	}{
		{"timeout", context.DeadlineExceeded},
		{"timeout", os.ErrDeadlineExceeded},
		{"timeout", &url.Error{Op: "Post", URL: "http://a", Err: context.DeadlineExceeded}},
		{"timeout", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ETIMEDOUT)}},
		{"timeout", &net.DNSError{Err: "i/o timeout", Name: "a", IsTimeout: true}},
		{"interrupted", over.Err()},
		{"name not found", &net.DNSError{Err: "no such host", Name: "a", IsNotFound: true}},
		{"name lookup failed", &net.DNSError{Err: "server misbehaving", Name: "a", IsTemporary: true}},
		{"connection refused", refused},
		{"connection reset", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}},
		{"connection reset", &url.Error{Op: "Post", URL: "http://a", Err: io.ErrUnexpectedEOF}},
		{"connection reset", &url.Error{Op: "Post", URL: "http://a", Err: io.EOF}},
		{"broken pipe", &os.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}},
		{"unreachable", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}},
		{"unreachable", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}},
		{"no space left", &os.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}},
		{"no space left", &os.PathError{Op: "write", Path: "a", Err: syscall.EDQUOT}},
		{"permission denied", &os.PathError{Op: "open", Path: "a", Err: syscall.EACCES}},
		{"read-only file system", &os.PathError{Op: "open", Path: "a", Err: syscall.EROFS}},
		{"input/output error", &os.PathError{Op: "sync", Path: "a", Err: syscall.EIO}},
		{"not found", missing},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			failure := sinks.Classify(fmt.Errorf("deliver: %w", test.err))
			require.Equal(t, test.want, failure.Label, test.err)
			require.False(t, failure.Permanent)
		})
	}
}

func TestClassify_LongMessage_IsCutToAKilobyteOfWholeCharacters(t *testing.T) {
	t.Parallel()
	for offset := range 4 {
		long := strings.Repeat("x", offset) + strings.Repeat("😀", 1000)
		message := sinks.Classify(errors.New(long)).Message
		require.LessOrEqual(t, len(message), 1<<10)
		require.Greater(t, len(message), 1<<10-8)
		require.True(t, utf8.ValidString(message))
		require.True(t, strings.HasSuffix(message, "…"))
		require.True(t, strings.HasPrefix(long, strings.TrimSuffix(message, "…")))
	}
	exact := strings.Repeat("x", 1<<10)
	require.Equal(t, exact, sinks.Classify(errors.New(exact)).Message)
}

func TestClassify_MessageThatIsNoUTF8_BecomesText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "answer: ab", sinks.Classify(errors.New("answer: a\xff\xfeb")).Message)
}

func TestAll_RepeatsTheErrorOrIsNil(t *testing.T) {
	t.Parallel()
	batch := make([]sinks.Delivery, 3)
	require.Nil(t, sinks.All(batch, nil))
	require.Equal(t, []error{errCause, errCause, errCause}, sinks.All(batch, errCause))
}

// closedPort returns an address on which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

func TestClassify_Transient_BeatsWhatIsInsideOfIt_AndNotWhatIsAround(t *testing.T) {
	t.Parallel()
	refused := sinks.Permanent(sinks.Label(errCause, "http 409"))
	require.False(t, sinks.Classify(sinks.Transient(refused)).Permanent)
	require.False(t, sinks.Classify(sinks.Transient(errors.Join(errCause, refused))).Permanent)
	require.True(t, sinks.Classify(sinks.Permanent(sinks.Transient(errCause))).Permanent)
	require.True(t, sinks.Classify(errors.Join(sinks.Transient(errCause), refused)).Permanent)
	require.Equal(t, "http 409", sinks.Classify(sinks.Transient(refused)).Label)
}

func TestClassify_Code_IsTheNumberThatTheLabelEndsIn(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]int{"http 503": 503, "smtp 550": 550, "410": 410, "timeout": 0, "http 503 busy": 0, "http -1": 0, "http 70000": 0, "": 0} {
		require.Equal(t, want, sinks.Classify(sinks.Label(errCause, label)).Code, label)
	}
}
