package acceptance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/embedded"
	"github.com/consign-dev/consign/worker"
)

// Who holds a sink back: pauses, rates, priorities, and a person who cannot wait.

// another starts one more worker with the stage's configuration.
func (s *stage) another() *worker.Worker {
	s.Helper()
	second, err := worker.Start(s.ctx, worker.Options{Temporal: s.temporal, Namespace: s.namespace, Config: s.config, Drain: 5 * time.Second})
	require.NoError(s, err)
	s.Cleanup(func() { require.NoError(s, second.Stop(s.ctx)) })
	return second
}

func (s *stage) pause(sink, reason string) {
	s.Helper()
	require.NoError(s, consign.PauseSink(s.ctx, s.temporal, s.namespace, sink, reason, "me@here"))
}

func (s *stage) hold(sink string) consign.Hold {
	s.Helper()
	hold, err := consign.HoldOf(s.ctx, s.temporal, s.namespace, sink)
	require.NoError(s, err)
	return hold
}

func TestPause_HoldsOnEveryWorkerWithin5s_AndOverTheirRestart_UntilResumed(t *testing.T) {
	t.Parallel()
	const yaml = "sinks:\n  one: {script: {}}\n  two: {script: {}}\n"
	s := perform(t, yaml)
	second := s.another()
	require.True(t, s.wait(s.submit("before", `{}`)).Delivered())
	s.pause("one", "the receiver moves")
	require.Eventually(t, func() bool { return s.worker.Gate("one").Paused() && second.Gate("one").Paused() }, 5*time.Second, 10*time.Millisecond)
	hold := s.hold("one")
	require.True(t, hold.Paused)
	require.Equal(t, "the receiver moves", hold.Reason)
	require.Equal(t, "me@here", hold.By)
	require.WithinDuration(t, time.Now(), hold.Since, time.Minute)

	handles := []*consign.Handle{s.submit("a", `{}`), s.submit("b", `{}`)}
	s.eventually(func() bool { return len(s.sinks["two"].took()) == 3 }, "the other sink goes on")
	s.eventually(func() bool { return s.backlog("one") == 2 }, "both wait in the queue")
	s.stop()
	s.start(yaml)
	require.True(t, s.worker.Gate("one").Paused(), "before its first attempt")
	handles = append(handles, s.submit("c", `{}`))
	s.eventually(func() bool { return s.backlog("one") == 3 }, "it waits, too")
	require.Len(t, s.sinks["one"].tries(), 1)

	resumed, err := consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	require.True(t, resumed)
	for _, handle := range handles {
		receipt := s.wait(handle)
		require.True(t, receipt.Delivered())
		require.Equal(t, 1, receipt.Legs[0].Attempts)
	}
	s.eventually(func() bool { return !s.worker.Gate("one").Paused() && !second.Gate("one").Paused() }, "inline again")
	resumed, err = consign.ResumeSink(s.ctx, s.temporal, s.namespace, "one", "me@here")
	require.NoError(t, err)
	require.False(t, resumed, "it is not paused")
}

func TestPause_OutlivesTheServer(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	data := t.TempDir()
	for round := range 2 {
		server, err := embedded.Start(s.ctx, embedded.Options{DataDir: data, Port: embedded.AnyPort, Headless: true})
		require.NoError(t, err)
		options, err := consign.Options{Address: server.Address()}.ClientOptions()
		require.NoError(t, err)
		temporal, err := client.DialContext(s.ctx, options)
		require.NoError(t, err)
		if round == 0 {
			require.NoError(t, consign.PauseSink(s.ctx, temporal, "default", "one", "the receiver moves", "me@here"))
		} else {
			hold, err := consign.HoldOf(s.ctx, temporal, "default", "one")
			require.NoError(t, err)
			require.True(t, hold.Paused)
			require.Equal(t, "the receiver moves", hold.Reason)
		}
		temporal.Close()
		require.NoError(t, server.Stop(s.ctx))
	}
}
