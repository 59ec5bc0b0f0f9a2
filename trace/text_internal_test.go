package trace

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
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

// long is a story in which about everything happens.
func long() Story {
	at := time.Date(2026, 11, 26, 23, 50, 0, 0, time.UTC)
	slack := Leg{
		Sink: "slack", Kind: "webhook", DeliveryID: "msg_e8effb86-297a-51bf-b6be-95c3462f2fe7", State: consign.StateParked,
		Skipped: []Skip{{At: at.Add(90 * time.Second), Why: "circuit open"}},
		DeadLetters: []DeadLetter{{
			ID: "dead-letter/slack/01a217d0/1", Link: "http://127.0.0.1:8233/x", Parked: at.Add(20 * time.Minute), State: consign.StateParked,
			Cause: "http 503: upstream connect error or disconnect/reset before headers",
			Acts: []Act{
				{At: at.Add(9 * time.Hour), What: "replay", By: "kim@ops", Outcome: "parked again: http 503"},
				{At: at.Add(10 * time.Hour), What: "replay", By: "kim@ops", Outcome: "under way"},
			},
		}},
	}
	for n := range 14 {
		slack.Attempts = append(slack.Attempts, Attempt{
			Number: n + 1, At: at.Add(time.Duration(n) * time.Minute), Took: consign.Milliseconds(n * 420), How: Queued, Failed: true, Answer: "http 503: upstream connect error\x1b[2J",
		})
	}
	slack.Attempts[0].How = Inline
	slack.Attempts = append(slack.Attempts, Attempt{Number: 15, At: at.Add(9 * time.Hour), How: Replay, Failed: true, Answer: "http 503: no healthy upstream"})
	return Story{
		Source: "edr", ID: "4711", Type: "detection", State: Parked, Workflow: "consign/batch/01a2", Run: "r", Link: "http://127.0.0.1:8233/namespaces/default/workflows/consign%2Fbatch%2F01a2/r/history",
		Submitted: at, By: "12@collector", Closed: at.Add(20 * time.Minute), Results: 64, NotWanted: []string{"pager"},
		Legs: []Leg{
			{Sink: "archive", Kind: "file", DeliveryID: "msg_1", State: Delivered, Attempts: []Attempt{{Number: 1, At: at, Took: 3, How: Inline, Answer: delivered}}},
			slack,
			{Sink: "siem", Kind: "kafka", DeliveryID: "msg_2", State: Waiting, Attempts: []Attempt{}, Next: at.Add(30 * time.Hour), Waiting: "the sink is paused by kim@ops: the cluster is being moved"},
			{Sink: "mail", Kind: "smtp", DeliveryID: "msg_3", State: Waiting, Attempts: []Attempt{{Number: 1, At: at, How: Queued, Running: true, Answer: "under way"}}},
		},
		Acks: []Ack{{Target: "nats", To: "detections", Outcome: AckSent, At: at.Add(21 * time.Minute)}, {Target: "http", To: "collector:8080", Outcome: AckFailed, Cause: "http 410: gone"}},
		Notes: []string{
			"27 Nov 00:05:00 UTC: kim@ops had what waits for slack tried again at once",
		},
	}
}

func TestWrite_AsItStandsInTheGoldens(t *testing.T) {
	t.Parallel()
	abandoned := Story{Source: "edr", ID: "1\x1b[2J", State: Done, Workflow: "consign/edr/1", Results: 1, Failed: "terminated by kim: testing", Unrouted: "no sink wants it", Legs: []Leg{}}
	for name, story := range map[string]Story{"long": long(), "abandoned": abandoned} {
		for _, width := range []int{80, 100} {
			var out bytes.Buffer
			require.NoError(t, story.Write(&out, width))
			require.NotContains(t, out.String(), "\x1b", "what a receiver answered must not steer the terminal")
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
