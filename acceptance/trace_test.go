package acceptance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/deadletters"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/trace"
)

func (s *stage) story(id string) trace.Story {
	s.Helper()
	story, err := trace.Read(s.ctx, s.temporal, trace.Query{Source: "test", ID: id, Namespace: s.namespace, UI: "http://127.0.0.1:8233"})
	require.NoError(s, err)
	return story
}

func TestTrace_FailedRetriedParkedAndReplayed_IsOneStory(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  archive: {script: {}}
  slack:
    script: {}
    retry: {max: 2, backoff: 1ms}
    circuit: {failures: -1}
`)
	gate := newGate(t)
	s.sinks["slack"].answers(func(attempt int, d sinks.Delivery) error {
		switch attempt {
		case 3:
			_ = gate.wait(attempt, d)
		case 5:
			return nil
		}
		return sinks.Label(errors.New("no room"), "http 503")
	})
	up := newUpstream(t)
	handle := s.submit("a", `{}`, consign.AckByHTTP(up.URL+"/secret/path"))
	s.eventually(func() bool { return len(s.sinks["slack"].tries()) == 3 }, "the third attempt is under way")
	var story trace.Story
	s.eventually(func() bool { story = s.story("a"); return len(story.Legs) == 2 && len(story.Legs[1].Attempts) == 3 }, "three attempts are told of")
	require.Equal(t, trace.Open, story.State)
	require.Equal(t, trace.Delivered, story.Legs[0].State)
	require.Equal(t, trace.Waiting, story.Legs[1].State)
	require.True(t, story.Legs[1].Attempts[2].Running)
	require.Equal(t, trace.AckPending, story.Acks[0].Outcome)
	gate.Open()
	receipt := s.wait(handle)
	letter := receipt.Legs[1].DeadLetter
	require.NotEmpty(t, letter)

	story = s.story("a")
	require.Equal(t, trace.Parked, story.State)
	require.Equal(t, handle.WorkflowID(), story.Workflow)
	require.Contains(t, story.Link, "/namespaces/"+s.namespace+"/workflows/consign%2Ftest%2Fa/"+handle.RunID())
	require.Equal(t, trace.AckSent, story.Acks[0].Outcome)
	require.Equal(t, strings.TrimPrefix(up.URL, "http://"), story.Acks[0].To, "the host alone")
	slack := story.Legs[1]
	require.Equal(t, letter, slack.DeadLetters[0].ID)
	require.Contains(t, slack.DeadLetters[0].Cause, "http 503: no room")
	require.Equal(t, consign.DeliveryID("test", "a", "slack"), slack.DeliveryID)
	hows := []string{}
	for n, attempt := range slack.Attempts {
		require.Equal(t, n+1, attempt.Number)
		require.True(t, attempt.Failed)
		require.False(t, attempt.At.IsZero())
		require.Equal(t, "http 503: no room", attempt.Answer)
		hows = append(hows, attempt.How)
	}
	require.Equal(t, []string{trace.Inline, trace.Queued, trace.Queued}, hows)

	require.NoError(t, deadletters.Replay(s.ctx, s.temporal, letter, "kim@ops"))
	require.NoError(t, deadletters.Wait(s.ctx, s.temporal, letter))
	s.eventually(func() bool { story = s.story("a"); return story.State == trace.Delivered }, "it is told as delivered")
	slack = story.Legs[1]
	require.Equal(t, consign.StateReplayed, slack.State)
	require.Len(t, slack.Attempts, 5)
	require.Equal(t, trace.Replay, slack.Attempts[3].How)
	require.True(t, slack.Attempts[3].Failed)
	require.False(t, slack.Attempts[4].Failed)
	require.Len(t, slack.DeadLetters[0].Acts, 1)
	act := slack.DeadLetters[0].Acts[0]
	require.Equal(t, "replay by kim@ops: delivered", act.What+" by "+act.By+": "+act.Outcome)

	byLetter, err := trace.Read(s.ctx, s.temporal, trace.Query{Workflow: letter, Namespace: s.namespace, UI: "http://127.0.0.1:8233"})
	require.NoError(t, err)
	require.Equal(t, story, byLetter, "the same story by another name, in the same order")

	s.forget(handle.WorkflowID())
	story = s.story("a")
	require.Len(t, story.Legs, 1, "when the delivery is forgotten, its dead letter still knows")
	require.Len(t, story.Legs[0].Attempts, 5)
	require.Contains(t, story.Notes[0], "not kept any more")
}

// forget has Temporal forget a closed delivery, as it does after the retention.
func (s *stage) forget(workflow string) {
	s.Helper()
	_, err := s.temporal.WorkflowService().DeleteWorkflowExecution(s.ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: s.namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: workflow},
	})
	require.NoError(s, err)
	s.eventually(func() bool {
		_, err := s.temporal.DescribeWorkflowExecution(s.ctx, workflow, "")
		return err != nil
	}, "it is forgotten")
}

func TestTrace_WhatIsNotThere_SaysWhereItMayBe(t *testing.T) {
	t.Parallel()
	s := perform(t, `
sinks:
  archive: {script: {}}
  pager: {script: {}, when: 'id == "r1"'}
  partner: {script: {}, when: 'id == "r2"', retry: {max: 0}}
`)
	_, err := trace.Read(s.ctx, s.temporal, trace.Query{Source: "test", ID: "r2", Namespace: s.namespace})
	require.ErrorIs(t, err, trace.ErrUnknown)
	require.ErrorContains(t, err, "--since")
	s.sinks["partner"].answers(func(int, sinks.Delivery) error { return sinks.Permanent(errors.New("refused")) })
	run := s.bare("consign/batch/"+s.namespace, several(3, nil)...)
	s.receiptOf(run)
	_, err = trace.Read(s.ctx, s.temporal, trace.Query{Workflow: run.GetID(), Namespace: s.namespace})
	require.ErrorContains(t, err, "carries 3 results: say which with SOURCE/ID, such as test/r0, test/r1, test/r2")

	var story trace.Story
	s.eventually(func() bool {
		story, err = trace.Read(s.ctx, s.temporal, trace.Query{Source: "test", ID: "r2", Since: time.Now().Add(-time.Hour), Namespace: s.namespace})
		return err == nil && story.Workflow == run.GetID()
	}, "it is found among batches")
	require.Equal(t, 3, story.Results)
	require.Equal(t, []string{"pager"}, story.NotWanted)
	require.Equal(t, trace.Parked, story.State)
	require.Len(t, story.Legs, 2)
	require.Equal(t, trace.Delivered, story.Legs[0].State)
	require.Equal(t, "refused", strings.TrimPrefix(story.Legs[1].Attempts[0].Answer, "error: "))
	named, err := trace.Read(s.ctx, s.temporal, trace.Query{Source: "test", ID: "r2", Workflow: run.GetID(), Namespace: s.namespace})
	require.NoError(t, err)
	require.Equal(t, story, named)
}
