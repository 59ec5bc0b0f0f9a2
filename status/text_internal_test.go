package status

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/consign-dev/consign"
)

var update = flag.Bool("update", false, "write the goldens anew")

// TestMain has times print the same everywhere.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// night is an installation in which about everything is wrong.
func night() Overview {
	now := time.Date(2026, 11, 26, 3, 4, 5, 0, time.UTC)
	failure := &Failure{At: now.Add(-95 * time.Second), Label: "http 503", Cause: "http 503: upstream connect error or disconnect/reset before headers. reset reason: connection failure", Result: "edr/77"}
	o := Overview{
		At: now,
		Sinks: []Sink{
			{Name: "archive", Kind: "file", Hold: consign.Hold{Pollers: 2}, InFlight: 3, Rate: 212.4, P95: 4, Circuits: map[string]string{"a": CircuitClosed, "b": CircuitClosed}},
			{
				Name: "slack-critical", Kind: "webhook", Hold: consign.Hold{Pollers: 2, Backlog: 14}, Retrying: 31, DeadLetters: 12, P95: 1250, Failing: 0.4,
				LastError: failure, CircuitsOpen: 1, Circuits: map[string]string{"a": CircuitOpen, "b": CircuitClosed},
			},
			{Name: "siem", Kind: "kafka", Hold: consign.Hold{Paused: true, Reason: "the cluster is being moved", By: "kim@ops", Since: now.Add(-3 * time.Hour), Backlog: 80211, Pollers: 2}},
			{Name: "tickets", Kind: "webhook", External: true, Hold: consign.Hold{Backlog: 3}},
			{Name: "mail", Kind: "smtp", Hold: consign.Hold{Pollers: 2, Rate: 5}, RateLimit: 5, Rate: 4.8, P95: 310},
		},
		Workers: []Worker{
			{Identity: "node-1/1/9f3a", LastSeen: now, Answered: true, Standing: &Standing{
				Release: "v0.7.0", Since: now.Add(-75 * time.Hour), Rate: 120.1, Config: Config{Path: "/etc/consign/consign.yaml", Digest: "aab1c2d3e4f5"},
				Sources: []Source{
					{Name: "http", Kind: "http", State: SourceReading, Address: "https://10.0.0.7:8443", Rate: 3.2},
					{Name: "detections", Kind: "nats", State: SourceFull, Address: "DETECTIONS", Open: 10000, Limit: 10000, Waiting: 522031},
				},
				Disk: &Disk{Dir: "/var/lib/consign", Used: 9_100_000_000, Limit: 10_000_000_000, Room: 45_000_000_000, Full: "the database holds 9.1 GB of --max-disk 10 GB"},
			}},
			{Identity: "node-2/1/01cc", LastSeen: now, Answered: true, Standing: &Standing{
				Release: "v0.7.0", Since: now.Add(-61 * time.Second), Rate: 92.2, Ahead: -2300, Config: Config{Path: "/etc/consign/consign.yaml", Digest: "0c1d2e3f4a5b"},
				Sources: []Source{{Name: "detections", Kind: "nats", State: SourceStalled, Address: "DETECTIONS", LastError: &Failure{At: now, Cause: "no servers available for connection"}}},
			}},
			{Identity: "node-3/1/77e0", LastSeen: now.Add(-140 * time.Second), Silence: errSilent.Error()},
		},
		Orphans: []Orphan{{Sink: "slack-old", DeadLetters: 1}, {Sink: "old-siem", DeliveriesWait: true}},
		Engine: Engine{
			Namespace: "default", Version: "1.32.1", Retention: consign.Millis(24 * time.Hour),
			OpenDeliveries: 80342, Retrying: 112, Sampled: 30, DeadLetters: 15, Unwanted: 2,
		},
	}
	o.Engine.Disk = o.Workers[0].Standing.Disk
	for i := range o.Sinks {
		o.Sinks[i].State = stateOf(o.Sinks[i])
	}
	o.Attention = attention(o)
	return o
}

func quiet() Overview {
	now := time.Date(2026, 11, 26, 12, 4, 5, 0, time.UTC)
	return Overview{
		At: now, Attention: []Attention{},
		Sinks:   []Sink{{Name: "archive", Kind: "file", State: StateOpen, P95: 2, Rate: 0.1}},
		Workers: []Worker{{Identity: "laptop/4711/9f3a", Answered: true, Standing: &Standing{Release: "v0.7.0", Since: now.Add(-10 * time.Second), Config: Config{Digest: "aab1c2d3e4f5"}}}},
		Engine:  Engine{Namespace: "default", Address: "127.0.0.1:7233", Version: "1.32.1", Retention: consign.Millis(24 * time.Hour)},
	}
}

func TestWrite_AsItStandsInTheGoldens(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Overview{"night": night(), "quiet": quiet()} {
		for _, width := range []int{80, 100} {
			var out bytes.Buffer
			require.NoError(t, o.Write(&out, width))
			for line := range strings.Lines(out.String()) {
				require.LessOrEqual(t, len([]rune(strings.TrimRight(line, "\n"))), width, line)
			}
			golden := filepath.Join("testdata", fmt.Sprintf("%s-%d.txt", name, width))
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String(), golden)
		}
	}
}

func TestWrite_WhatAReceiverAnswered_DoesNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	o := quiet()
	o.Sinks[0].LastError = &Failure{Cause: "\x1b[2J\nforged line"}
	var out bytes.Buffer
	require.NoError(t, o.Write(&out, 100))
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\nforged")
}

func TestAttention_WhatIsWell_IsNotListed(t *testing.T) {
	t.Parallel()
	o := quiet()
	o.Sinks[0].Pollers = 1
	o.Sinks[0].LastError = &Failure{At: o.At.Add(-time.Hour), Cause: "refused"}
	o.Sinks[0].LastDelivered = o.At
	o.Workers[0].Standing.Ahead = 900
	require.Empty(t, attention(o))
	o.Sinks[0].Failing = 1
	require.Empty(t, attention(o), "it has taken one since")
	o.Sinks[0].LastDelivered = time.Time{}
	require.Len(t, attention(o), 1, "what was tried last has failed")
}
