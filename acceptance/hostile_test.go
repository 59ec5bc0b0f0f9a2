package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/worker"
)

// besieged is a stage that strangers send to. It keeps what the worker logs, the SDK's part too.
type besieged struct {
	*stage
	logs *observer.ObservedLogs
}

func besiege(t *testing.T, yaml string) *besieged {
	t.Helper()
	s := newStage(t)
	core, logs := observer.New(zap.DebugLevel)
	options, err := consign.Options{
		Address: server.Address(), Namespace: s.namespace, Logger: worker.SDKLog(zap.New(core)),
	}.ClientOptions()
	require.NoError(t, err)
	s.temporal, err = client.NewLazyClient(options)
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.client = consign.NewClient(s.temporal)
	s.start(yaml)
	return &besieged{s, logs}
}

// holds requires that Consign stands: no workflow is stuck, an innocent result is delivered, and no stack
// trace was logged.
func (s *besieged) holds() {
	s.Helper()
	receipt := s.wait(s.submit(fmt.Sprint("innocent ", time.Now().UnixNano()), `{}`))
	require.Equal(s, consign.Delivered, receipt.Legs[len(receipt.Legs)-1].Outcome, "an innocent result, at the last sink")
	s.notStuck()
	for _, entry := range s.logs.All() {
		text := fmt.Sprint(entry.Message, entry.Stack, entry.ContextMap())
		require.NotContains(s, text, "goroutine ", "%s", entry.Message)
		require.NotContains(s, text, "StackTrace", "%s", entry.Message)
	}
}

// notStuck requires that no workflow task has failed, but for those that signals came into: the server
// has such a task made again, and closes one early when more than 100 events wait for it.
func (s *besieged) notStuck() {
	s.Helper()
	var token []byte
	for {
		page, err := s.temporal.ListWorkflow(s.ctx, &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: token})
		require.NoError(s, err)
		for _, execution := range page.GetExecutions() {
			id, run := execution.GetExecution().GetWorkflowId(), execution.GetExecution().GetRunId()
			events := s.temporal.GetWorkflowHistory(s.ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for events.HasNext() {
				event, err := events.Next()
				require.NoError(s, err)
				if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
					require.Contains(s, []enumspb.WorkflowTaskFailedCause{
						enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, enumspb.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
					}, failed.GetCause(), "%s: %s", id, failed.GetFailure().GetMessage())
				}
				require.Nil(s, event.GetWorkflowTaskTimedOutEventAttributes(), "a worker's answer about %s was refused", id)
				if ended := event.GetWorkflowExecutionTerminatedEventAttributes(); ended != nil {
					require.Fail(s, "the server gave it up", "%s: %s", id, ended.GetReason())
				}
			}
			if execution.GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
				continue
			}
			described, err := s.temporal.DescribeWorkflowExecution(s.ctx, id, run)
			require.NoError(s, err)
			require.LessOrEqual(s, described.GetPendingWorkflowTask().GetAttempt(), int32(1), "%s is stuck", id)
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return
		}
	}
}

// raw is an argument that arrives as it is given here.
func raw(encoding, data string) converter.RawValue {
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: []byte(data),
	})
}

func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// garbage is what no argument of Consign looks like, by its name.
func garbage() map[string]converter.RawValue {
	const plain = converter.MetadataEncodingJSON
	return map[string]converter.RawValue{
		"binary/plain":     raw(converter.MetadataEncodingBinary, "\x00\xff"),
		"a number":         raw(plain, "7"),
		"a list":           raw(plain, "[]"),
		"a text":           raw(plain, `"results"`),
		"wrong types":      raw(plain, `{"results":7,"reason":[],"by":{},"digest":7,"record":[],"ack":7}`),
		"no JSON":          raw(plain, `{"results`),
		"nothing":          raw(plain, ""),
		"too deep":         raw(plain, `{"results":`+deep(100_000)+`,"by":`+deep(100_000)+`}`),
		"no UTF-8":         raw(plain, "\xff\xfe"),
		"protobuf in JSON": raw("json/protobuf", `{"results":[]}`),
		"protobuf":         raw("binary/protobuf", "\x0a\x01"),
		"encrypted":        raw("binary/encrypted", "\x01\x02\x03"),
		"no encoding":      converter.NewRawValue(&commonpb.Payload{Data: []byte(`{}`)}),
		"compressed":       raw("binary/zstd", "\x28\xb5\x2f\xfd and no more"),
		"odd encoding":     raw("\xff\x00", `{}`),
	}
}

const two = "sinks:\n  bad: {script: {}, retry: {max: 1, backoff: 1ms}, circuit: {failures: -1}}\n  good: {script: {}}\n"

// startRaw starts a workflow with arguments as they are given.
func (s *stage) startRaw(id, kind string, arguments ...any) client.WorkflowRun {
	s.Helper()
	run, err := s.temporal.ExecuteWorkflow(s.ctx, client.StartWorkflowOptions{ID: id, TaskQueue: consign.TaskQueue}, kind, arguments...)
	require.NoError(s, err)
	return run
}

// failureOf is what a client is told that waits for a workflow.
func (s *stage) failureOf(run client.WorkflowRun) error {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience/2)
	defer cancel()
	return run.Get(ctx, nil)
}

func TestHostile_InputThatIsNoConsignment_FailsWithAClearError(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	const undecodable = "unable to decode the workflow function input payload"
	result := `{"source":"s","id":"i","data":`
	cases := map[string]struct {
		argument any
		want     string
	}{
		"nil":                {raw(converter.MetadataEncodingNil, ""), "holds no results"},
		"null":               {raw(converter.MetadataEncodingJSON, "null"), "holds no results"},
		"no results":         {raw(converter.MetadataEncodingJSON, `{}`), "holds no results"},
		"a null result":      {raw(converter.MetadataEncodingJSON, `{"results":[null]}`), "results[0].source is empty"},
		"no data":            {raw(converter.MetadataEncodingJSON, `{"results":[{"source":"s","id":"i"}]}`), "data is missing"},
		"a long source":      {raw(converter.MetadataEncodingJSON, `{"results":[{"source":"`+strings.Repeat("s", 300)+`","id":"i","data":1}]}`), "too long"},
		"a long type":        {raw(converter.MetadataEncodingJSON, `{"results":[{"source":"s","type":"`+strings.Repeat("s", 300)+`","id":"i","data":1}]}`), "at most 255"},
		"large":              {raw(converter.MetadataEncodingJSON, `{"results":[`+result+`"`+strings.Repeat("x", 1900<<10)+`"}]}`), "at most 1048576"},
		"deep data":          {raw(converter.MetadataEncodingJSON, `{"results":[`+result+deep(9_995)+`}]}`), "nests more than 9900 deep"},
		"deeper data":        {raw(converter.MetadataEncodingJSON, `{"results":[`+result+deep(9_999)+`}]}`), undecodable},
		"too many":           {consign.Consignment{Results: several(1025, nil)}, "at most 1024"},
		"an ack to nowhere":  {raw(converter.MetadataEncodingJSON, `{"results":[`+result+`1,"ack":{}}]}`), "give one of signal, http and nats"},
		"an ack to a file":   {consign.Consignment{Results: several(1, &consign.AckTarget{HTTP: &consign.HTTPTarget{URL: "file:///etc/passwd"}})}, `scheme "file"`},
		"an ack to itself":   {consign.Consignment{Results: several(1, &consign.AckTarget{Signal: &consign.SignalTarget{WorkflowID: "hostile an ack to itself"}})}, "the delivery itself"},
		"an ack to a letter": {consign.Consignment{Results: several(1, &consign.AckTarget{Signal: &consign.SignalTarget{WorkflowID: "dead-letter/a/b/1", Name: consign.DiscardSignal}})}, "a dead letter of Consign"},
		"an ack to no run":   {consign.Consignment{Results: several(1, &consign.AckTarget{Signal: &consign.SignalTarget{WorkflowID: "x", RunID: "../y"}})}, "not a UUID"},
	}
	for name, argument := range garbage() {
		cases[name] = struct {
			argument any
			want     string
		}{argument, undecodable}
	}
	for name, test := range cases {
		require.ErrorContains(t, s.failureOf(s.startRaw("hostile "+name, consign.DeliverWorkflow, test.argument)), test.want, name)
	}
	require.Error(t, s.startRaw("hostile without", consign.DeliverWorkflow).Get(s.ctx, nil))
	require.Empty(t, s.sinks["good"].tries())
	// A second argument is nobody's: what the first says is done.
	require.True(t, s.receiptOf(s.startRaw("hostile two", consign.DeliverWorkflow, consign.Consignment{Results: several(1, nil)}, 7)).Delivered())
	s.holds()
}

func TestHostile_DataAsDeepAsIsTaken_IsDeliveredAndParked(t *testing.T) {
	t.Parallel()
	s := besiege(t, two+"dead_letters: {also_to: [good]}\n")
	s.sinks["bad"].answers(never)
	data := deep(consign.MaxDepth)
	receipt := s.wait(s.submit("deep", data))
	require.Equal(t, consign.Delivered, receipt.Legs[1].Outcome)
	require.Equal(t, data, string(s.record(receipt.Legs[0].DeadLetter).Results[0].Data))
	s.eventually(func() bool { return len(s.record(receipt.Legs[0].DeadLetter).AlsoTo) == 1 }, "the record is told")
	require.Equal(t, consign.Delivered, s.record(receipt.Legs[0].DeadLetter).AlsoTo[0].Outcome)
	s.holds()
}

func TestHostile_SignalsToADeadLetter_AreDroppedOrCut(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	s.sinks["bad"].answers(never)
	id := s.wait(s.submit("a", `{}`)).Legs[0].DeadLetter
	for name, argument := range garbage() {
		for _, signal := range []string{consign.ReplaySignal, consign.DiscardSignal, "ack", "no such signal", strings.Repeat("n", 900)} {
			require.NoError(t, s.temporal.SignalWorkflow(s.ctx, id, "", signal, argument), name)
		}
	}
	record := s.record(id)
	require.Equal(t, consign.StateParked, record.State)
	require.Zero(t, record.Replays)

	long := strings.Repeat("é", 900<<10)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{By: long})
	s.eventually(func() bool { r := s.record(id); return r.Replays == 1 && r.State == consign.StateParked }, "parked again")
	require.Len(t, s.record(id).ReplayedBy, 1<<10)
	s.signal(id, consign.DiscardSignal, consign.DiscardRequest{Reason: long[:900<<10], By: long[:900<<10]})
	require.Len(t, s.closed(id).Reason, 2<<10+len(" (by )"))
	s.holds()
}

func TestHostile_FloodOfUnknownSignals_LeavesADeadLetterReplayable(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a race-built server takes minutes for thousands of signals")
	}
	s := besiege(t, two)
	s.sinks["bad"].answers(never)
	id := s.wait(s.submit("a", `{}`)).Legs[0].DeadLetter
	described, err := s.temporal.DescribeWorkflowExecution(s.ctx, id, "")
	require.NoError(t, err)
	first := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	// At 4,096 events the server suggests a new run; at 10,000 signals it takes no more.
	flood(t, 4_100, func(i int) error { return s.temporal.SignalWorkflow(s.ctx, id, "", fmt.Sprint("noise ", i%7), i) })
	s.eventually(func() bool {
		described, err := s.temporal.DescribeWorkflowExecution(s.ctx, id, "")
		return err == nil && described.GetWorkflowExecutionInfo().GetExecution().GetRunId() != first
	}, "it goes on in a new run")
	s.sinks["bad"].answers(nil)
	s.signal(id, consign.ReplaySignal, consign.ReplayRequest{})
	require.Equal(t, consign.StateReplayed, s.closed(id).State)
	require.Len(t, s.sinks["bad"].took(), 1)
	s.holds()
}

// flood calls n times, from many sides.
func flood(t *testing.T, n int, call func(i int) error) {
	t.Helper()
	next := make(chan int)
	failed := make(chan error, n)
	done := make(chan struct{})
	for range 32 {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range next {
				if err := call(i); err != nil {
					failed <- err
				}
			}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	for range 32 {
		<-done
	}
	close(failed)
	require.NoError(t, <-failed)
}

func TestHostile_UpdatesAndSignalsToADelivery_AreRefusedOrIgnored(t *testing.T) {
	t.Parallel()
	s := besiege(t, "sinks:\n  bad: {script: {}, inline: false, retry: {max: 100, backoff: 10ms, max_backoff: 50ms}, circuit: {failures: -1}}\n  good: {script: {}}\n")
	s.sinks["bad"].answers(never)
	handle := s.submit("a", `{}`)
	update := func(name string, argument any) error {
		sent, err := s.temporal.UpdateWorkflow(s.ctx, client.UpdateWorkflowOptions{
			WorkflowID: handle.WorkflowID(), UpdateName: name, Args: []any{argument}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return err
		}
		return sent.Get(s.ctx, nil)
	}
	for name, argument := range garbage() {
		require.ErrorContains(t, update(consign.FirstAttemptsUpdate, argument), "unable to decode the input for update", name)
		require.ErrorContains(t, update("no such update", argument), "no such update")
		for _, signal := range []string{consign.ReplaySignal, "ack", "no such signal"} {
			require.NoError(t, s.temporal.SignalWorkflow(s.ctx, handle.WorkflowID(), "", signal, argument))
		}
	}
	for want, target := range map[string]consign.AckTarget{
		"give one of":             {},
		"scheme \"ftp\"":          {HTTP: &consign.HTTPTarget{URL: "ftp://x"}},
		"holds credentials":       {HTTP: &consign.HTTPTarget{URL: "http://a:hunter2hunter2@x"}},
		"at most 2048":            {HTTP: &consign.HTTPTarget{URL: "http://x/" + strings.Repeat("a", 3000)}},
		"the delivery itself":     {Signal: &consign.SignalTarget{WorkflowID: handle.WorkflowID()}},
		"signal.name":             {Signal: &consign.SignalTarget{WorkflowID: "x", Name: strings.Repeat("n", 2000)}},
		"at most 1000":            {Signal: &consign.SignalTarget{WorkflowID: strings.Repeat("n", 2000)}},
		"submitted before with o": {Signal: &consign.SignalTarget{WorkflowID: "x", Name: "digest"}},
	} {
		request := consign.FirstAttemptsRequest{Ack: &target}
		if target.Signal != nil && target.Signal.Name == "digest" {
			request = consign.FirstAttemptsRequest{Digest: "sha256:../../x"}
		}
		err := update(consign.FirstAttemptsUpdate, request)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	for name, argument := range garbage() {
		_, err := s.temporal.QueryWorkflow(s.ctx, handle.WorkflowID(), "", "no such query", argument)
		require.Error(t, err, name)
	}
	s.sinks["bad"].answers(nil)
	require.True(t, s.wait(handle).Delivered())
	require.Len(t, s.sinks["good"].took(), 1)
	s.holds()
}

func TestHostile_AckTargetThatCannotBeTold_IsGivenUpAtOnceAndSaysWhy(t *testing.T) {
	t.Parallel()
	s := besiege(t, "acks: {retry: {max: 2, backoff: 10ms}}\n"+two)
	for want, target := range map[string]consign.AckTarget{
		"closed or unknown: nobody": {Signal: &consign.SignalTarget{WorkflowID: "nobody"}},
		"closed or unknown: ../x":   {Signal: &consign.SignalTarget{WorkflowID: "../x", RunID: "0199f7a8-0000-7000-8000-000000000000"}},
		"link-local":                {HTTP: &consign.HTTPTarget{URL: "http://169.254.169.254/latest/meta-data"}},
		"connection refused":        {HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1:1/" + strings.Repeat("token", 9)}},
		"url: has the port":         {HTTP: &consign.HTTPTarget{URL: "http://127.0.0.1:99999/"}},
	} {
		receipt := s.receiptOf(s.bare("ack "+want, several(1, &target)...))
		require.True(t, receipt.Delivered())
		require.Equal(t, consign.AckFailed, receipt.Ack)
		require.Contains(t, receipt.AckErrors[0].Cause, want)
		require.NotContains(t, receipt.AckErrors[0].Cause, "tokentoken")
	}
	s.holds()
}

// letter is the input of a dead letter that a stranger has made up.
func letter(change func(in *activities.DeadLetterInput)) activities.DeadLetterInput {
	in := activities.DeadLetterInput{Record: consign.Record{
		ID: "dead-letter/x/y/1", Sink: "good", Results: []consign.Result{{Source: "s", ID: "i", Data: []byte(`{}`)}},
	}}
	change(&in)
	return in
}

func TestHostile_DeadLetterStartedByHand_IsRefusedOrHarmless(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	cases := map[string]struct {
		argument any
		want     string
	}{
		"nil":       {raw(converter.MetadataEncodingNil, ""), "needs a sink and results"},
		"no result": {letter(func(in *activities.DeadLetterInput) { in.Record.Results = nil }), "needs a sink and results"},
		"no source": {letter(func(in *activities.DeadLetterInput) { in.Record.Results[0].Source = "" }), "record.results[0].source is empty"},
		"twins": {letter(func(in *activities.DeadLetterInput) {
			in.Record.Results = append(in.Record.Results, in.Record.Results[0])
		}), "record.results[1] has the source and id"},
		"a long sink": {letter(func(in *activities.DeadLetterInput) { in.Record.Sink = strings.Repeat("s", 2000) }), "longer than 255"},
	}
	for name, argument := range garbage() {
		cases[name] = struct {
			argument any
			want     string
		}{argument, "unable to decode"}
	}
	for name, test := range cases {
		require.ErrorContains(t, s.failureOf(s.startRaw("dead-letter/hand/"+name, consign.DeadLetterWorkflow, test.argument)), test.want, name)
	}
	const huge = consign.Milliseconds(1) << 62
	for name, change := range map[string]func(in *activities.DeadLetterInput){
		"../x":     func(in *activities.DeadLetterInput) { in.Record.Sink = "../x" },
		"control":  func(in *activities.DeadLetterInput) { in.Record.Sink = "\x00\n\u202e" },
		"numbers":  func(in *activities.DeadLetterInput) { in.Record.Made, in.Record.Replays = -1<<62, 1<<62 },
		"replayed": func(in *activities.DeadLetterInput) { in.Record.State = consign.StateReplayed },
		"a sink to tell twice, and none": func(in *activities.DeadLetterInput) {
			in.AlsoTo = []activities.Leg{{Sink: "good"}, {Sink: "good"}, {}}
		},
		"policy": func(in *activities.DeadLetterInput) {
			in.AlsoTo = []activities.Leg{
				{Sink: "good", Results: []int{-1, 99}, Policy: activities.Policy{Timeout: -huge, Backoff: -huge, MaxBackoff: -1, RetryMax: 1 << 62, BatchMax: -1, Jitter: 1e300}},
				{Sink: "bad", Policy: activities.Policy{Timeout: huge, Backoff: huge, MaxBackoff: huge, RetryMax: -1 << 62, BatchMax: 1 << 62, MaxRetryAfter: -1}},
				{Sink: "../../etc", Policy: activities.Policy{BestEffort: true, Inline: true, RetryMax: 3}},
			}
		},
		"huge attempts": func(in *activities.DeadLetterInput) {
			in.AlsoTo = []activities.Leg{{Sink: "bad", Policy: activities.Policy{Timeout: huge, Backoff: huge, MaxBackoff: huge, RetryMax: 1 << 62, BatchMax: 1}}}
		},
	} {
		id := "dead-letter/harmless/" + name
		s.startRaw(id, consign.DeadLetterWorkflow, letter(change))
		require.Equal(t, consign.StateParked, s.record(id).State, name)
		s.signal(id, consign.ReplaySignal, nil)
		s.eventually(func() bool { return s.record(id).State != consign.StateParked || s.record(id).Label == "unknown sink" }, name)
		s.notStuck()
		if s.record(id).State == consign.StateParked {
			require.Contains(t, s.record(id).Cause, "is not configured any more")
			s.signal(id, consign.DiscardSignal, nil)
		}
	}
	s.holds()
}

// A stranger can schedule Consign's activities from a workflow of their own, or bare.
func TestHostile_ActivitiesOfStrangers_FailClearly(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	calls := []struct {
		activity, queue string
		argument        any
	}{
		{consign.DeliverActivity, consign.SinkQueue("good"), activities.DeliverInput{Sink: "good"}},
		{consign.DeliverActivity, consign.SinkQueue("good"), activities.DeliverInput{Sink: "nowhere", Batch: []activities.Item{{}}}},
		{consign.DeliverActivity, consign.TaskQueue, activities.DeliverInput{Sink: "good", Settle: true, Leg: "x"}},
		{consign.RouteActivity, consign.TaskQueue, activities.RouteInput{}},
		{consign.AckActivity, consign.TaskQueue, consign.AckInput{}},
		{consign.AckActivity, consign.TaskQueue, consign.AckInput{Target: consign.AckTarget{Signal: &consign.SignalTarget{WorkflowID: "dead-letter/x", Name: "discard"}}}},
		{consign.ParkActivity, consign.TaskQueue, activities.ParkInput{}},
		{"no such activity", consign.TaskQueue, 7},
	}
	for _, argument := range garbage() {
		for _, name := range []string{consign.RouteActivity, consign.DeliverActivity, consign.ParkActivity, consign.AckActivity} {
			calls = append(calls, struct {
				activity, queue string
				argument        any
			}{name, consign.TaskQueue, argument})
		}
	}
	for i, call := range calls {
		handle, err := s.temporal.ExecuteActivity(s.ctx, client.StartActivityOptions{
			ID: fmt.Sprint("stranger ", i), TaskQueue: call.queue, ScheduleToCloseTimeout: time.Second, StartToCloseTimeout: time.Second,
		}, call.activity, call.argument)
		require.NoError(t, err)
		err = handle.Get(s.ctx, nil)
		if err != nil {
			require.NotContains(t, err.Error(), "panic", "%s %v", call.activity, call.argument)
		}
	}
	require.Empty(t, s.sinks["good"].took())
	s.holds()
}

func TestHostile_UnknownWorkflowType_WaitsForAWorkerThatKnowsIt_WithoutAStackTrace(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	run := s.startRaw("unknown", "NoSuchWorkflow", 7)
	s.eventually(func() bool {
		described, err := s.temporal.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
		return err == nil && described.GetPendingWorkflowTask().GetAttempt() > 1
	}, "its task has failed")
	require.NoError(t, s.temporal.TerminateWorkflow(s.ctx, run.GetID(), "", "enough"))
	s.wait(s.submit("innocent", `{}`))
	for _, entry := range s.logs.All() {
		require.NotContains(t, fmt.Sprint(entry.Message, entry.Stack, entry.ContextMap()), "goroutine ")
	}
}

// A sink worker in another language, or of another release, may say anything.
func TestHostile_AnswersOfForeignWorkers_EndInAReceipt(t *testing.T) {
	t.Parallel()
	s := besiege(t, two)
	s.sinks["bad"].answers(func(int, sinks.Delivery) error {
		return sinks.Permanent(sinks.Label(errors.New(string(bytes.Repeat([]byte("\xff\x00\x1b"), 1000))), "\xff\x1b[31m"))
	})
	receipt := s.wait(s.submit("a", `{}`))
	require.Equal(t, consign.Parked, receipt.Legs[0].Outcome)
	s.holds()
}
