package stdout_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sinks/stdout"
)

// childVariable makes the test binary print to its real standard output: see TestMain.
const childVariable = "CONSIGN_TEST_STDOUT_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(printToRealStdout())
	}
	os.Exit(m.Run())
}

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{
		KeepsOrder: true,
		Open: func(t *testing.T) sinktest.Instance {
			stream := &stream{}
			return sinktest.Instance{
				Sink:     stdout.NewWriter("stdout", stream),
				Received: func() []sinktest.Received { return sinktest.Lines(t, stream.bytes()) },
				Break:    func() { stream.refuse(-1) },
				Hang:     stream.hold,
				Heal:     stream.heal,
			}
		},
	})
}

func TestDeliver_PipeWhoseReaderHasGone_FailsTransiently(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, reader.Close())
	sink := stdout.NewWriter("stdout", writer)
	defer sink.Close(t.Context())

	errs := sink.Deliver(t.Context(), sinktest.Deliveries("pipe", 2))

	require.Len(t, errs, 2)
	require.ErrorIs(t, errs[0], syscall.EPIPE)
	require.ErrorContains(t, errs[0], "print to stdout: ")
	require.False(t, sinks.Classify(errs[0]).Permanent)
}

// The same at file descriptor 1, where Go would end the process.
func TestDeliver_StandardOutputWhoseReaderHasGone_DoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childVariable+"=1")
	child.Stdout = writer
	var stderr bytes.Buffer
	child.Stderr = &stderr

	err = child.Run()

	require.NoError(t, writer.Close())
	require.NoError(t, err, stderr.String())
	require.Contains(t, stderr.String(), "broken pipe")
}

func printToRealStdout() int {
	sink, err := stdout.New(stdout.Config{})
	if err != nil {
		return 3
	}
	errs := sink.Deliver(context.Background(), sinktest.Deliveries("child", 1))
	if len(errs) != 1 || errs[0] == nil {
		return 4
	}
	os.Stderr.WriteString(errs[0].Error())
	if sink.Close(context.Background()) != nil {
		return 5
	}
	return 0
}

func TestDeliver_StreamTakesHalfALine_ReportsItAndStartsTheNextOnANewLine(t *testing.T) {
	t.Parallel()
	stream := &stream{}
	sink := stdout.NewWriter("stdout", stream)
	defer sink.Close(t.Context())
	batch := sinktest.Deliveries("half", 3)
	line, err := batch[0].Result.Encode()
	require.NoError(t, err)
	stream.refuse(2*(len(line)+1) - 5)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.ErrorIs(t, errs[1], syscall.EPIPE)
	require.ErrorIs(t, errs[2], syscall.EPIPE)

	stream.heal()
	require.Nil(t, sink.Deliver(t.Context(), batch[1:]))
	lines := bytes.SplitAfter(stream.bytes(), []byte("\n"))
	require.Len(t, lines, 5, "a whole line, a half one, two whole ones, nothing")
	whole := bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil)
	require.Len(t, sinktest.Lines(t, whole), 3)
}

func TestDeliver_Batch_IsOneWrite(t *testing.T) {
	t.Parallel()
	stream := &stream{}
	sink := stdout.NewWriter("stdout", stream)
	defer sink.Close(t.Context())
	require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("batch", 64)))
	require.Equal(t, 1, stream.writes)
}

func TestDeliver_ATimeThatJSONCannotTell_FailsPermanentlyAndAlone(t *testing.T) {
	t.Parallel()
	stream := &stream{}
	sink := stdout.NewWriter("stdout", stream)
	defer sink.Close(t.Context())
	batch := sinktest.Deliveries("json", 3)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.NoError(t, errs[2])
	require.Len(t, sinktest.Lines(t, stream.bytes()), 2)
}

func TestDeliver_ATimeThatJSONCannotTellAndAFailure_AreBothReported(t *testing.T) {
	t.Parallel()
	stream := &stream{}
	stream.refuse(-1)
	sink := stdout.NewWriter("stdout", stream)
	defer sink.Close(t.Context())
	batch := sinktest.Deliveries("json", 2)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 2)
	require.ErrorIs(t, errs[0], syscall.EPIPE)
	require.False(t, sinks.Classify(errs[0]).Permanent)
	require.True(t, sinks.Classify(errs[1]).Permanent)
}

func TestClose_WriteThatHangs_GivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	stream := &stream{}
	stream.hold()
	sink := stdout.NewWriter("stdout", stream)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Len(t, sink.Deliver(short, sinktest.Deliveries("hangs", 1)), 1)

	require.ErrorIs(t, sink.Close(short), context.DeadlineExceeded)

	stream.heal()
	require.NoError(t, sink.Close(t.Context()))
}

// stream is a writer that can refuse and hang as a pipe does.
type stream struct {
	mu      sync.Mutex
	held    sync.Mutex
	holding bool
	content bytes.Buffer
	writes  int
	// limit is how much of a write is taken before it fails. 0: all of it; -1: nothing.
	limit int
}

func (s *stream) Write(p []byte) (int, error) {
	s.held.Lock()
	defer s.held.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.limit == 0 {
		return s.content.Write(p)
	}
	taken, _ := s.content.Write(p[:max(s.limit, 0)])
	return taken, syscall.EPIPE
}

func (s *stream) refuse(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit
}

func (s *stream) hold() {
	s.held.Lock()
	s.holding = true
}

func (s *stream) heal() {
	s.refuse(0)
	if s.holding {
		s.holding = false
		s.held.Unlock()
	}
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.content.Bytes())
}
