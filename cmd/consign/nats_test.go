package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

func TestUp_ReadsNATS_AndKilledWithAllOfItOpen_DeliversAndAcksItAfterARestart(t *testing.T) {
	t.Parallel()
	const messages = 300
	broker, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	require.NoError(t, err)
	broker.Start()
	t.Cleanup(func() {
		broker.Shutdown()
		broker.WaitForShutdown()
	})
	require.True(t, broker.ReadyForConnections(time.Minute))
	conn, err := natsgo.Connect(broker.ClientURL())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "DETECTIONS", Subjects: []string{"detections.>"}})
	require.NoError(t, err)
	for n := range messages {
		_, err := js.Publish(t.Context(), "detections.edr", fmt.Appendf(nil, `{"n":%d}`, n), jetstream.WithMsgID(fmt.Sprint(n)))
		require.NoError(t, err)
	}

	dir := t.TempDir()
	hook, address := newKeeper(t, false), freeAddress(t)
	archive := filepath.Join(dir, "archive.ndjson")
	file := fmt.Sprintf(`
sources:
  edr: {nats: {url: %q, stream: DETECTIONS, ack_wait: 2s}}
sinks:
  archive: {file: {path: %s}}
  hook:
    webhook: {url: %s}
    retry: {max: 100, backoff: 1s, max_backoff: 2s}
    circuit: {open: 1s}
`, broker.ClientURL(), archive, hook.URL)
	_, port, _ := strings.Cut(address, ":")
	args := []string{"--data-dir", filepath.Join(dir, "data"), "--port", port, "--headless"}
	u := startUp(t, file, args...)
	consumer := func() *jetstream.ConsumerInfo {
		found, err := js.Consumer(t.Context(), "DETECTIONS", "consign")
		if err != nil {
			return &jetstream.ConsumerInfo{}
		}
		return found.CachedInfo()
	}
	require.Eventually(t, func() bool { return consumer().NumAckPending > messages/2 }, patience, 50*time.Millisecond)
	require.NoError(t, u.Process.Kill()) // some are open, and some on their way in
	<-u.ended
	require.Zero(t, consumer().AckFloor.Stream)
	hook.heal()
	u = startUp(t, file, args...)
	require.Eventually(t, func() bool { return consumer().AckFloor.Stream == messages }, patience, 50*time.Millisecond)
	terminate(t, u.process)
	require.Zero(t, u.exit(t, patience))
	for name, taken := range map[string]map[string][]string{"archive": inFile(t, archive), "hook": hook.taken} {
		require.Len(t, taken, messages, name)
		for key, all := range taken {
			require.Equal(t, `{"n":`+strings.TrimPrefix(key, "DETECTIONS/")+`}`, all[0])
		}
	}
}

func TestConfig_WithASource_IsSummedUpShownAndDescribed(t *testing.T) {
	t.Parallel()
	path := write(t, "consign.yaml", "sources: {edr: {nats: {url: nats://localhost, stream: S, deliver: new}}}\nsinks: {console: {stdout: {}}}\n")
	require.Contains(t, execute(t, "config", "check", "--config", path).out, "ok: 1 sink (console), 1 source (edr)")
	require.Contains(t, execute(t, "config", "check", "--config", path, "--json").out, `"sources":`)
	shown := execute(t, "config", "show", "--config", path).out
	require.Contains(t, shown, "sources:\n  edr:\n    nats:\n")
	require.Contains(t, shown, "max_open: 10000")
	require.Contains(t, execute(t, "config", "schema").out, `"max_open"`)
}
