package unix_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
	"github.com/consign-dev/consign/sinks/sinktest"
	"github.com/consign-dev/consign/sinks/unix"
)

const (
	patience = 20 * time.Second
	poll     = time.Millisecond
)

func TestSink(t *testing.T) {
	sinktest.Run(t, sinktest.Subject{
		KeepsOrder: true,
		Open: func(t *testing.T) sinktest.Instance {
			path := socketPath(t)
			peer := collect(t, path)
			heal := func() {}
			return sinktest.Instance{
				Sink:     open(t, unix.Config{Path: path}),
				Received: peer.received,
				Break: func() {
					peer.settle() // what a collector has not read dies with it
					peer.stop()
					heal = peer.listen
				},
				Hang: func() {
					require.NoError(t, os.Rename(path, path+".aside"))
					release := stuck(t, path)
					heal = func() {
						release()
						require.NoError(t, os.Rename(path+".aside", path))
					}
				},
				Heal: func() { heal(); heal = func() {} },
			}
		},
	})
}

func TestDeliver_FullSocket_WaitsForTheReaderAndTearsNoLineThatFollows(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer listener.Close()
	sink := open(t, unix.Config{Path: path})
	batch := large("full", 5)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()

	errs := sink.Deliver(ctx, batch)

	require.Len(t, errs, len(batch))
	delivered := 0
	for delivered < len(errs) && errs[delivered] == nil {
		delivered++
	}
	require.NotZero(t, delivered, "what the kernel has taken whole is delivered")
	require.Less(t, delivered, len(batch), "more than a socket holds")
	for _, err := range errs[delivered:] {
		require.ErrorContains(t, err, "write to "+path+": the socket is full, its reader does not read: ")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, sinks.Failure{Message: err.Error(), Label: sinks.LabelTimeout}, sinks.Classify(err))
	}

	again := make(chan []error, 1)
	go func() { again <- sink.Deliver(t.Context(), batch[delivered:]) }()
	first, second := readStream(t, listener), readStream(t, listener)
	whole := first[:bytes.LastIndexByte(first, '\n')+1]
	require.Len(t, sinktest.Lines(t, whole), delivered, "and a torn line at the end")
	require.NotEqual(t, len(whole), len(first), "a line that is torn, or this test shows nothing")
	require.Nil(t, <-again, "it waits for the reader, and goes on")
	require.Len(t, sinktest.Lines(t, second), len(batch)-delivered, "on a connection of their own")
}

// readStream accepts a connection and reads it until the other end hangs up or has no more to say.
func readStream(t *testing.T, listener net.Listener) []byte {
	t.Helper()
	require.NoError(t, listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience)))
	conn, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	var stream []byte
	buffer := make([]byte, 64<<10)
	for {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
		n, err := conn.Read(buffer)
		stream = append(stream, buffer[:n]...)
		if err != nil {
			return stream
		}
	}
}

func TestDeliver_PeerRestartsAmidABatch_WritesAllOfItAgain(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	sink := open(t, unix.Config{Path: path})
	batch := large("restart", 20)
	report := make(chan []error, 1)
	go func() { report <- sink.Deliver(t.Context(), batch) }()
	conn, err := listener.Accept()
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 300_000))
	require.NoError(t, err)

	require.NoError(t, conn.Close())
	require.NoError(t, listener.Close())

	errs := <-report
	require.Len(t, errs, len(batch))
	for _, err := range errs {
		require.ErrorContains(t, err, "write to "+path+": ")
		require.False(t, sinks.Classify(err).Permanent)
		require.Contains(t, []string{"broken pipe", "connection reset"}, sinks.Classify(err).Label)
	}
	peer := collect(t, path)
	require.Nil(t, sink.Deliver(t.Context(), batch))
	require.Len(t, peer.received(), len(batch))
}

func TestDeliver_PeerHasRestartedBetweenBatches_NobodyNotices(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	peer := collect(t, path)
	sink := open(t, unix.Config{Path: path})
	for i := range 3 {
		require.Nil(t, sink.Deliver(t.Context(), sinktest.Deliveries("between", 1)))
		require.Len(t, peer.received(), i+1)
		peer.stop()
		peer.listen()
	}
}

func TestDeliver_NobodyListens_IsTransientAndSaysSo(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	sink := open(t, unix.Config{Path: path})
	refuses := func() {
		t.Helper()
		errs := sink.Deliver(t.Context(), sinktest.Deliveries("nobody", 1))
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], "connect to "+path+": nobody listens there, is the collector running?: ")
		failure := sinks.Classify(errs[0])
		require.False(t, failure.Permanent)
		require.Equal(t, "nobody listens", failure.Label)
	}
	refuses()

	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	refuses()
}

func TestDeliver_DatagramSocket_SaysWhatIsWanted(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	peer, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	defer peer.Close()
	sink := open(t, unix.Config{Path: path})

	errs := sink.Deliver(t.Context(), sinktest.Deliveries("datagram", 1))

	require.ErrorIs(t, errs[0], syscall.EPROTOTYPE)
	require.ErrorContains(t, errs[0], "the collector listens for datagrams, and must for a stream")
}

func TestDeliver_ATimeThatJSONCannotTell_FailsPermanentlyAndAlone(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	peer := collect(t, path)
	sink := open(t, unix.Config{Path: path})
	batch := sinktest.Deliveries("json", 3)
	batch[1].Result.Time = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

	errs := sink.Deliver(t.Context(), batch)

	require.Len(t, errs, 3)
	require.NoError(t, errs[0])
	require.True(t, sinks.Classify(errs[1]).Permanent)
	require.NoError(t, errs[2])
	require.Len(t, peer.received(), 2)
}

func TestDeliver_InAnotherFormat_WritesThatOneALine(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	peer := collect(t, path)
	sink := open(t, unix.Config{Path: path, Format: formats.OCSF})
	batch := sinktest.Deliveries("ocsf", 1)

	require.Nil(t, sink.Deliver(t.Context(), batch))

	want, err := formats.OCSF.Encode(batch[0])
	require.NoError(t, err)
	require.Equal(t, string(want)+"\n", string(bytes.Join(peer.streams(), nil)))
}

func TestClose_CollectorDoesNotAccept_EndsTheWait(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	defer stuck(t, path)()
	sink := open(t, unix.Config{Path: path})
	report := make(chan []error, 1)
	go func() { report <- sink.Deliver(t.Context(), sinktest.Deliveries("stuck", 1)) }()
	// Once whoever comes second waits for the turn, the first one is trying to connect.
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		errs := sink.Deliver(ctx, sinktest.Deliveries("behind", 1))
		return len(errs) == 1 && strings.HasPrefix(errs[0].Error(), "write to ")
	}, patience, poll)

	require.NoError(t, sink.Close(t.Context()))

	require.ErrorContains(t, (<-report)[0], "the sink is closed")
}

// large returns n results of 149 KB each, as long as the longest of the real ones.
func large(prefix string, n int) []sinks.Delivery {
	batch := sinktest.Deliveries(prefix, n)
	for i := range batch {
		batch[i].Result.Data = []byte(`"` + strings.Repeat("x", 149_000) + `"`)
	}
	return batch
}
