package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets this binary be the other processes that a run under test starts.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == receiverFlag || os.Args[1] == hostFlag || os.Args[1] == brokerFlag) {
		if err := play(context.Background(), os.Args[1:]); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestMeasure_OfASmallRun_HasEveryFigureAndLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen servers")
	}
	dir := diskDir(t)
	o, err := parse([]string{
		"-n", "16", "-rounds", "2", "-c", "4", "-length", "2s", "-rate", "5", "-flood", "500", "-steady", "9s", "-growth", "40,100",
		"-only", strings.Join(figures(), ","), "-data-dir", dir,
	})
	require.NoError(t, err)
	report, err := measure(t.Context(), o)
	require.NoError(t, err)

	require.Positive(t, report.Floor.WorkflowsPerSecond)
	require.Positive(t, report.Single.ResultsPerSecond)
	require.InEpsilon(t, report.Single.ResultsPerSecond/report.Floor.WorkflowsPerSecond, report.Single.RatioToFloor, 0.01)
	require.GreaterOrEqual(t, report.Alone.P95, report.Alone.P50)
	require.Positive(t, report.Plain.ResultsPerSecond)
	require.InEpsilon(t, report.Single.ResultsPerSecond/report.Plain.ResultsPerSecond, report.Plain.SingleVsPlain, 0.01)
	require.GreaterOrEqual(t, report.Paced.P95, report.Paced.P50)
	require.Positive(t, report.Paced.ResidentMB)
	for _, flood := range []Flooded{Flooded(*report.Flooded), Flooded(*report.FloodedWebhook)} {
		require.Positive(t, flood.ResultsPerSecond)
		require.InEpsilon(t, flood.ResultsPerSecond/flood.FloorPerSecond, flood.RatioToFloor, 0.01)
		require.Greater(t, flood.PerWorkflow, 1.0)
		require.Positive(t, flood.ResidentMB)
	}
	require.GreaterOrEqual(t, report.HTTPIngest.P95, report.HTTPIngest.P50)
	require.InEpsilon(t, report.HTTPIngest.ResultsPerSecond/report.HTTPIngest.FloorPerSecond, report.HTTPIngest.RatioToFloor, 0.01)
	require.Positive(t, report.TwoWorkers.One)
	require.InEpsilon(t, report.TwoWorkers.Two/report.TwoWorkers.One, report.TwoWorkers.Ratio, 0.01)
	require.Positive(t, report.DeadSink.RefusingRatio)
	require.Positive(t, report.DeadSink.HangingRatio)
	require.Positive(t, report.Replaying.Ratio)
	require.Positive(t, report.Replaying.LiveRatio)
	require.Positive(t, report.Steady.Results)
	require.Positive(t, report.Steady.DiskBytesPerResult)
	require.InEpsilon(t, report.Steady.Last.ResultsPerSecond/report.Steady.First.ResultsPerSecond, report.Steady.RateRatio, 0.01)
	require.Positive(t, report.Resident.Idle)
	require.GreaterOrEqual(t, report.Resident.Saturated, report.Resident.Idle/2)
	require.Len(t, report.Growth.Sizes, 2)
	for i, least := range o.sizes {
		require.GreaterOrEqual(t, report.Growth.Sizes[i].Retained, least)
		require.Positive(t, report.Growth.Sizes[i].Single.Ratio)
	}

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)

	var table bytes.Buffer
	require.NoError(t, report.table(&table))
	for _, figure := range figures() {
		require.Contains(t, table.String(), figure+":")
	}
}

func TestDraw_OfReports_HasABarForEachValueAndItsTarget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, r Report) string {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(dir+"/"+name, text, 0o600))
		return dir + "/" + name
	}
	files := []string{
		write("before.json", Report{Floor: &Floor{WorkflowsPerSecond: 201}, Paced: &Paced{P50: 5.25, P95: 12, ResidentMB: 322}}),
		write("<after>.json", Report{Floor: &Floor{WorkflowsPerSecond: 202}}),
	}
	to := dir + "/figures.svg"
	require.NoError(t, run(t.Context(), append([]string{"-plot", to}, files...)))
	drawn, err := os.ReadFile(to)
	require.NoError(t, err)
	var texts []string
	for decoder := xml.NewDecoder(bytes.NewReader(drawn)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if text, ok := token.(xml.CharData); ok && strings.TrimSpace(string(text)) != "" {
			texts = append(texts, string(text))
		}
	}
	require.Equal(t, []string{
		"before: 0 cores, , , load before ", "<after>: 0 cores, , , load before ",
		oneEach, "floor", "201", "202",
		latency, "paced, p50", "5.25 (target ≤ 15)", "paced, p95", "12 (target ≤ 50)",
		memory, "paced, source inside", "322 (target ≤ 400)",
	}, texts)

	require.NoError(t, os.WriteFile(dir+"/table.txt", []byte("figure  measured"), 0o600))
	err = run(t.Context(), []string{"-plot", to, dir + "/table.txt"})
	require.ErrorContains(t, err, "table.txt is no report of -json")
}

func TestParse_OfAWrongFlag_SaysWhatIsAllowed(t *testing.T) {
	t.Parallel()
	_, err := parse([]string{"-only", "floor,duble"})
	require.EqualError(t, err, `-only "duble": there is no such figure: floor, single, alone, plain, paced, flooded, flooded_webhook, http_ingest, two_workers, dead_sink, replay, resident, steady, growth are`)
	_, err = parse([]string{"-n", "0"})
	require.ErrorContains(t, err, "-n must be at least 8")
	_, err = parse([]string{"floor"})
	require.ErrorContains(t, err, `"floor": only flags are taken`)
	for _, sizes := range []string{"", "1000,1000", "2000,1000", "0", "many"} {
		_, err = parse([]string{"-growth", sizes})
		require.ErrorContains(t, err, "-growth", sizes)
	}
}

func TestTally_WhenAResultIsMissing_SaysWhere(t *testing.T) {
	t.Parallel()
	receiver, err := startReceiver(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.stop()) })

	archive := t.TempDir() + "/archive.ndjson"
	require.NoError(t, os.WriteFile(archive, []byte("from before\n"), 0o600))
	tally := &tally{bench: &bench{receiver: receiver}, archive: archive}
	tally.submitted.Store(2)
	err = tally.check(t.Context(), func() error { return os.WriteFile(archive, []byte("from before\n1\n"), 0o600) })
	require.EqualError(t, err, "of 2 results the file holds 1")
}

func TestReceiver_CountsWhatItHasTaken(t *testing.T) {
	t.Parallel()
	in, write := io.Pipe()
	read, out := io.Pipe()
	over := make(chan error, 1)
	go func() { over <- receive(t.Context(), in, out) }()
	url := make([]byte, 64)
	n, err := read.Read(url)
	require.NoError(t, err)
	r := &receiver{&child{url: strings.TrimSpace(string(url[:n]))}}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/take", strings.NewReader("{}"))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	// Longer than the buffer, and one line all the same.
	_, err = io.WriteString(write, strings.Repeat("x", 200<<10)+"\n")
	require.NoError(t, err)
	require.NoError(t, r.await(t.Context(), counts{}, counts{Posts: 1, Lines: 1}, receiverPatience))
	taken, err := r.counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, counts{Posts: 1, Lines: 1}, taken)

	require.NoError(t, write.Close())
	require.NoError(t, <-over)
}

func TestClosedLoop_WhenOneFails_StopsAndSaysWhy(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	_, err := closedLoop(t.Context(), 1000, 4, func(_ context.Context, i int) error {
		if i == 5 {
			return broken
		}
		return nil
	})
	require.ErrorIs(t, err, broken)
}

func TestPayload_IsOneKiBOfJSON(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 7, 123456} {
		require.Len(t, payload(n), payloadBytes)
		require.True(t, json.Valid(payload(n)))
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	require.Zero(t, percentile([]time.Duration{}, 95))
	require.InDelta(t, 95.0, percentile(upTo(100), 95), 0)
	require.InDelta(t, 19.0, percentile(upTo(20), 95), 0)
	require.InDelta(t, 1.0, percentile(upTo(1), 50), 0)
	require.InDelta(t, 2.0, median([]float64{3, 1, 2}), 0)
	require.InDelta(t, 2.5, median([]float64{4, 1, 2, 3}), 0)
}

func upTo(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = float64(n - i)
	}
	return values
}

// diskDir is a directory for this test that is not in memory.
func diskDir(t *testing.T) string {
	t.Helper()
	dir, err := workspace("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
