package trace

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

type info = workflowpb.WorkflowExecutionInfo

// Waiting is the state of a leg that is not over. The others are those of dead letters, and the outcomes in receipts.
const Waiting = "waiting"

// How an attempt was made.
const (
	Inline = "inline"
	Queued = "queued"
	Replay = "replay"
)

// Outcomes of an ack.
const (
	AckSent    = "sent"
	AckFailed  = "failed"
	AckPending = "pending"
	AckUnknown = "unknown"
)

// teller puts a story together from histories.
type teller struct {
	query   Query
	story   Story
	legs    []*leg
	letters []string // ids of dead letters that are still to be told, in order
}

// leg is a leg in the making.
type leg struct {
	Leg

	receipt *consign.LegReceipt
}

func newTeller(q Query) *teller {
	return &teller{query: q, story: Story{Source: q.Source, ID: q.ID}}
}

func (t *teller) notef(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(t.story.Notes, text) {
		t.story.Notes = append(t.story.Notes, text)
	}
}

// leg to a sink, which is added if it is not there.
func (t *teller) leg(sink, kind string) *leg {
	for _, l := range t.legs {
		if l.Sink == sink {
			l.Kind = cmp.Or(l.Kind, kind)
			return l
		}
	}
	l := &leg{Leg: Leg{Sink: sink, Kind: kind, State: Waiting, Attempts: []Attempt{}, DeliveryID: consign.DeliveryID(t.query.Source, t.query.ID, sink)}}
	t.legs = append(t.legs, l)
	return l
}

// add adds an attempt, or what is newly known of one.
func (l *leg) add(a Attempt) {
	for i := range l.Attempts {
		known := &l.Attempts[i]
		if known.Number == a.Number && known.Sink == a.Sink {
			a.Worker = cmp.Or(a.Worker, known.Worker)
			a.Took = cmp.Or(a.Took, known.Took)
			if a.At.IsZero() {
				a.At = known.At
			}
			*known = a
			return
		}
	}
	l.Attempts = append(l.Attempts, a)
}

func (l *leg) running() bool {
	return slices.ContainsFunc(l.Attempts, func(a Attempt) bool { return a.Running })
}

// told is what a history tells of itself, event by event.
type told struct {
	*teller

	index     int    // of the result in the consignment
	results   int    // of it
	letter    string // the dead letter whose history it is; empty: it is a delivery's
	sink      string // that the dead letter is of
	task      time.Time
	scheduled map[int64]*scheduled
	timers    map[int64]time.Time // by when each that has not fired is due
	batches   map[string][]int    // by sink, the indexes of the results that inline attempts take
	acks      int                 // told of so far
	before    int                 // attempts made before a dead letter's first replay
}

// scheduled is an activity.
type scheduled struct {
	attributes *historypb.ActivityTaskScheduledEventAttributes
	started    *historypb.ActivityTaskStartedEventAttributes
	at         time.Time // it has started
	over       bool
}

// tell tells a delivery's history.
func (t *teller) tell(e *execution) error {
	var in consign.Consignment
	if err := decode(e.started().GetInput(), &in); err != nil {
		return fmt.Errorf("the input of %s: %w", e.id, err)
	}
	index := position(in.Results, t.query.Source, t.query.ID)
	if index < 0 {
		return fmt.Errorf("workflow %s: %w: it carries %s", e.id, ErrUnknown, some(in.Results))
	}
	entry := in.Results[index]
	s := &t.story
	s.Type, s.Results, s.Workflow, s.Run, s.Link = entry.Type, len(in.Results), e.id, e.run, t.query.link(e.id, e.run)
	s.Submitted, s.By = e.events[0].GetEventTime().AsTime(), e.started().GetIdentity()
	if closed := e.describe.GetWorkflowExecutionInfo().GetCloseTime(); closed != nil {
		s.Closed = closed.AsTime()
	}
	if entry.Ack != nil {
		t.expect(*entry.Ack)
	}
	h := told{teller: t, index: index, results: len(in.Results)}
	h.read(e)
	return nil
}

// expect notes an ack that somebody waits for.
func (t *teller) expect(target consign.AckTarget) {
	ack := Ack{Outcome: AckPending}
	switch {
	case target.Signal != nil:
		ack.Target, ack.To = "signal", target.Signal.WorkflowID
	case target.HTTP != nil:
		ack.Target = "http"
		if u, err := url.Parse(target.HTTP.URL); err == nil {
			ack.To = u.Host // the rest may hold what is secret
		}
	case target.NATS != nil:
		ack.Target, ack.To = "nats", target.NATS.Source
	}
	t.story.Acks = append(t.story.Acks, ack)
}

// read goes through the events, and then through what is under way.
func (h *told) read(e *execution) {
	h.scheduled, h.timers, h.batches = map[int64]*scheduled{}, map[int64]time.Time{}, map[string][]int{}
	for _, event := range e.events {
		h.event(event)
	}
	for _, pending := range e.describe.GetPendingActivities() {
		h.pending(pending)
	}
	if len(h.timers) > 0 {
		h.backoff()
	}
}

func (h *told) event(event *historypb.HistoryEvent) {
	at := event.GetEventTime().AsTime()
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED:
		h.task = at
	case enumspb.EVENT_TYPE_MARKER_RECORDED:
		h.marker(event)
	case enumspb.EVENT_TYPE_TIMER_STARTED:
		h.timers[event.GetEventId()] = at.Add(event.GetTimerStartedEventAttributes().GetStartToFireTimeout().AsDuration())
	case enumspb.EVENT_TYPE_TIMER_FIRED:
		delete(h.timers, event.GetTimerFiredEventAttributes().GetStartedEventId())
	case enumspb.EVENT_TYPE_TIMER_CANCELED:
		delete(h.timers, event.GetTimerCanceledEventAttributes().GetStartedEventId())
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		h.scheduled[event.GetEventId()] = &scheduled{attributes: event.GetActivityTaskScheduledEventAttributes(), at: at}
		h.parking(event.GetActivityTaskScheduledEventAttributes(), at)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED:
		started := event.GetActivityTaskStartedEventAttributes()
		if one := h.scheduled[started.GetScheduledEventId()]; one != nil {
			one.started, one.at = started, at
		}
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		a := event.GetActivityTaskCompletedEventAttributes()
		h.over(a.GetScheduledEventId(), a.GetResult(), nil, at)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
		a := event.GetActivityTaskFailedEventAttributes()
		h.over(a.GetScheduledEventId(), nil, a.GetFailure(), at)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
		a := event.GetActivityTaskTimedOutEventAttributes()
		h.over(a.GetScheduledEventId(), nil, a.GetFailure(), at)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
		if one := h.scheduled[event.GetActivityTaskCanceledEventAttributes().GetScheduledEventId()]; one != nil {
			one.over = true
		}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		h.update(event.GetWorkflowExecutionUpdateAcceptedEventAttributes(), at)
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		a := event.GetWorkflowExecutionSignaledEventAttributes()
		h.order(a.GetSignalName(), a.GetInput(), a.GetIdentity(), at)
	case enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
		h.upsert(event.GetUpsertWorkflowSearchAttributesEventAttributes())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED:
		h.notef("%s: cancelled by %s", moment(at), event.GetWorkflowExecutionCancelRequestedEventAttributes().GetIdentity())
	default:
		h.end(event)
	}
}

// end reads how the workflow ended.
func (h *told) end(event *historypb.HistoryEvent) {
	switch event.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
		h.completed(event.GetWorkflowExecutionCompletedEventAttributes().GetResult())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED:
		a := event.GetWorkflowExecutionTerminatedEventAttributes()
		h.abandoned("terminated by " + cmp.Or(a.GetIdentity(), "unknown") + ": " + cmp.Or(a.GetReason(), "no reason given"))
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
		h.abandoned("failed: " + event.GetWorkflowExecutionFailedEventAttributes().GetFailure().GetMessage())
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
		h.abandoned("timed out")
	default:
	}
}

func (h *told) abandoned(why string) {
	if h.letter != "" {
		h.letterOf().State = "terminated"
		h.notef("dead letter %s was %s", h.letter, why)
		return
	}
	h.story.Failed = why
}

// completed reads the receipt, which has the last word on a delivery.
func (h *told) completed(result *commonpb.Payloads) {
	if h.letter != "" {
		h.letterCompleted(result)
		return
	}
	var receipt consign.Receipt
	if decode(result, &receipt) != nil || receipt.Results < 1 {
		h.notef("the receipt cannot be read")
		return
	}
	own := receipt.Of(h.index)
	for i, l := range own.Legs {
		to := h.leg(l.Sink, l.Kind)
		to.receipt, to.State = &own.Legs[i], string(l.Outcome)
		if l.DeadLetter != "" {
			h.addLetter(to, DeadLetter{ID: l.DeadLetter, Cause: l.Cause, State: consign.StateParked})
		}
	}
	for i := range h.story.Acks {
		ack := &h.story.Acks[i]
		switch {
		case ack.Outcome != AckPending:
		case own.Ack == consign.AckFailed && len(own.AckErrors) > 0:
			ack.Outcome, ack.Cause = AckFailed, own.AckErrors[0].Cause
		case own.Ack == consign.AckSent:
			ack.Outcome = AckSent
		default:
			ack.Outcome = AckUnknown
		}
	}
}

// markerData is what the SDK writes beside a local activity's result.
type markerData struct {
	ActivityType string
	ReplayTime   time.Time
}

// marker reads a local activity: the route, an inline attempt, or an ack.
func (h *told) marker(event *historypb.HistoryEvent) {
	a := event.GetMarkerRecordedEventAttributes()
	var data markerData
	if a.GetMarkerName() != "LocalActivity" || decode(a.GetDetails()["data"], &data) != nil {
		return
	}
	switch data.ActivityType {
	case consign.RouteActivity:
		var route activities.Route
		if decode(a.GetDetails()["result"], &route) == nil {
			h.route(route)
		}
	case consign.DeliverActivity:
		var summary string
		if event.GetUserMetadata().GetSummary() != nil {
			_ = consign.DataConverter().FromPayload(event.GetUserMetadata().GetSummary(), &summary)
		}
		h.inline(summary, data, a)
	case consign.AckActivity:
		if h.results == 1 {
			h.acked(h.acks, data.ReplayTime, a.GetFailure())
			h.acks++
		}
	}
}

func (h *told) route(route activities.Route) {
	for _, to := range route.Legs {
		if len(to.Results) > 0 && !slices.Contains(to.Results, h.index) {
			h.story.NotWanted = append(h.story.NotWanted, to.Sink)
			continue
		}
		h.leg(to.Sink, to.Kind)
		h.batches[to.Sink] = h.batch(to)
	}
	if !slices.Contains(route.Unrouted, h.index) {
		return
	}
	switch route.Unmatched {
	case config.UnmatchedPark:
		h.story.Unrouted = "no sink wants it, so it is parked (unmatched: park)"
	case config.UnmatchedReject:
		h.story.Unrouted = "no sink wants it, so it is rejected (unmatched: reject)"
	default:
		h.story.Unrouted = "no sink wants it, which the configuration allows (unmatched: ack)"
	}
}

// batch lists what inline attempts of a leg take: all of its results but those of which its "when" could not tell.
func (h *told) batch(to activities.Leg) (indexes []int) {
	for i := range h.results {
		if len(to.Results) > 0 && !slices.Contains(to.Results, i) ||
			slices.ContainsFunc(to.Undecided, func(u activities.Undecided) bool { return slices.Contains(u.Results, i) }) {
			continue
		}
		indexes = append(indexes, i)
	}
	return indexes
}

// inline reads a first attempt. Which sink it was at stands in its summary, "to SINK (KIND)".
func (h *told) inline(summary string, data markerData, a *historypb.MarkerRecordedEventAttributes) {
	sink, kind, ok := strings.Cut(strings.TrimPrefix(summary, "to "), " (")
	if !ok {
		h.notef("an inline attempt does not say at which sink it was")
		return
	}
	place := slices.Index(h.batches[sink], h.index)
	if place < 0 {
		return // others of the consignment
	}
	l := h.leg(sink, strings.TrimSuffix(kind, ")"))
	var out activities.Outcome
	attempt := Attempt{Number: 1, At: h.task, How: Inline, Answer: delivered}
	if h.letter != "" {
		l = h.leg(h.sink, "")
		attempt.Number = max(l.last(), h.before) + 1
		attempt.How, attempt.Sink = h.how(l, activities.DeliverInput{Sink: sink})
	}
	if data.ReplayTime.After(h.task) {
		attempt.Took = consign.Millis(data.ReplayTime.Sub(h.task))
	}
	switch {
	case a.GetFailure() != nil:
		attempt.Failed, attempt.Answer = true, answer(a.GetFailure())
		l.add(attempt)
	case decode(a.GetDetails()["result"], &out) != nil:
	case out.Dropped:
		l.State = string(consign.Dropped)
	case out.Skipped != "":
		l.skip(data.ReplayTime, out.Skipped)
	case out.Made > 0: // else it only told the gate that the leg is over
		l.made(out, attempt, place)
	}
}

// last is the highest number of its attempts; 0: there is none.
func (l *leg) last() (number int) {
	for _, a := range l.Attempts {
		number = max(number, a.Number)
	}
	return number
}

// delivered is the answer of a sink that has taken the result.
const delivered = "delivered"

// made adds the attempts of an outcome, the last of which is attempt. place is that of the result in its batch.
func (l *leg) made(out activities.Outcome, attempt Attempt, place int) {
	for _, one := range out.Attempts {
		l.failed(one, attempt.How, attempt.Sink)
		if one.Number == attempt.Number && !one.At.IsZero() {
			attempt.At, attempt.Took = one.At, one.Took
		}
	}
	for _, failed := range out.Failures {
		if failed.Index == place {
			attempt.Failed, attempt.Answer = true, labelled(failed.Label, failed.Cause)
		}
	}
	l.add(attempt)
}

// failed adds an attempt of a log.
func (l *leg) failed(a consign.Attempt, how, sink string) {
	l.add(Attempt{Number: a.Number, At: a.At, Took: a.Took, How: how, Sink: sink, Answer: labelled(a.Label, a.Cause), Failed: true})
}

func (l *leg) skip(at time.Time, why string) { l.Skipped = append(l.Skipped, Skip{At: at, Why: why}) }

func labelled(label, cause string) string {
	if label == "" || strings.HasPrefix(cause, label) {
		return cause
	}
	return label + ": " + cause
}

func answer(f *failurepb.Failure) string {
	if f.GetCause() != nil && f.GetMessage() == "" {
		return answer(f.GetCause())
	}
	return labelled(f.GetApplicationFailureInfo().GetType(), f.GetMessage())
}

// input of a queued attempt, and the leg and place of the result in it; nil when it is not in it.
func (h *told) input(a *historypb.ActivityTaskScheduledEventAttributes) (in activities.DeliverInput, l *leg, at int) {
	if decode(a.GetInput(), &in) != nil {
		return in, nil, 0
	}
	at = slices.IndexFunc(in.Batch, func(item activities.Item) bool {
		return item.Result.Source == h.query.Source && item.Result.ID == h.query.ID
	})
	if at < 0 {
		return in, nil, 0
	}
	if h.letter != "" {
		return in, h.leg(h.sink, ""), at
	}
	return in, h.leg(in.Sink, in.Kind), at
}

// how an attempt of this history was made, and at which sink if not the leg's.
func (h *told) how(l *leg, in activities.DeliverInput) (how, sink string) {
	how = Queued
	if h.letter != "" {
		how = Replay
	}
	if in.Sink != l.Sink {
		sink = in.Sink
	}
	return how, sink
}

// over reads the end of an activity.
func (h *told) over(id int64, result *commonpb.Payloads, failure *failurepb.Failure, at time.Time) {
	one := h.scheduled[id]
	if one == nil {
		return
	}
	one.over = true
	switch one.attributes.GetActivityType().GetName() {
	case consign.DeliverActivity:
		h.attempted(one, result, failure, at)
	case consign.AckActivity:
		var in consign.AckInput
		if decode(one.attributes.GetInput(), &in) == nil && in.Ack.Source == h.query.Source && in.Ack.ID == h.query.ID {
			var number int
			_, _ = fmt.Sscanf(one.attributes.GetActivityId(), "ack %d", &number)
			if h.results > 1 {
				number = 1
			}
			h.acked(number-1, at, failure)
		}
	}
}

func (h *told) attempted(one *scheduled, result *commonpb.Payloads, failure *failurepb.Failure, at time.Time) {
	in, l, place := h.input(one.attributes)
	if l == nil {
		return
	}
	how, sink := h.how(l, in)
	attempt := Attempt{
		Number: in.Before + in.Made + int(max(one.started.GetAttempt(), 1)), At: one.at, Took: consign.Millis(at.Sub(one.at)),
		How: how, Sink: sink, Answer: delivered, Worker: one.started.GetIdentity(),
	}
	var out activities.Outcome
	switch {
	case failure == nil && decode(result, &out) != nil:
		return
	case failure != nil:
		_ = decode(failure.GetApplicationFailureInfo().GetDetails(), &out) // a timeout and a foreign worker have none
		var log []consign.Attempt
		if decode(failure.GetTimeoutFailureInfo().GetLastHeartbeatDetails(), &log) == nil {
			out.Attempts = append(out.Attempts, log...)
		}
		if len(out.Failures) == 0 {
			attempt.Failed, attempt.Answer = true, answer(failure)
		}
		l.made(out, attempt, place)
	case out.Skipped != "":
		for _, a := range out.Attempts {
			l.failed(a, how, sink)
		}
		l.skip(at, out.Skipped)
	default:
		l.made(out, attempt, place)
	}
}

// acked reads what became of the n-th ack.
func (h *told) acked(n int, at time.Time, failure *failurepb.Failure) {
	if n < 0 || n >= len(h.story.Acks) {
		return
	}
	ack := &h.story.Acks[n]
	ack.At = at
	if failure == nil {
		ack.Outcome, ack.Cause = AckSent, ""
		return
	}
	ack.Cause = answer(failure) // an inline one goes on in the queue: the receipt says whether it failed for good
}

// update reads what was asked of a delivery: a duplicate's ack, or an order of a person.
func (h *told) update(a *historypb.WorkflowExecutionUpdateAcceptedEventAttributes, at time.Time) {
	input := a.GetAcceptedRequest().GetInput()
	switch input.GetName() {
	case consign.FirstAttemptsUpdate:
		var request consign.FirstAttemptsRequest
		if decode(input.GetArgs(), &request) == nil && request.Ack != nil && h.results == 1 {
			h.expect(*request.Ack)
			h.notef("%s: submitted again, with an ack of its own", moment(at))
		}
	case consign.RetryNowUpdate:
		var request consign.RetryNowRequest
		if decode(input.GetArgs(), &request) == nil {
			h.notef("%s: %s had what waits for %s tried again at once", moment(at), cmp.Or(request.By, "somebody"), request.Sink)
		}
	case consign.ParkNowUpdate:
		var request consign.ParkNowRequest
		if decode(input.GetArgs(), &request) == nil {
			h.notef("%s: %s had what waits for %s parked", moment(at), cmp.Or(request.By, "somebody"), request.Sink)
		}
	case consign.ReplayUpdate, consign.DiscardUpdate:
		h.order(input.GetName(), input.GetArgs(), a.GetAcceptedRequest().GetMeta().GetIdentity(), at)
	}
}

// pending reads an attempt that is under way, or waits for its time.
func (h *told) pending(p *workflowpb.PendingActivityInfo) {
	if p.GetActivityType().GetName() != consign.DeliverActivity {
		return
	}
	for _, one := range h.scheduled {
		if one.over || one.attributes.GetActivityId() != p.GetActivityId() {
			continue
		}
		in, l, _ := h.input(one.attributes)
		if l == nil {
			return
		}
		h.underWay(l, in, p)
		return
	}
}

func (h *told) underWay(l *leg, in activities.DeliverInput, p *workflowpb.PendingActivityInfo) {
	how, sink := h.how(l, in)
	var log []consign.Attempt
	if p.GetHeartbeatDetails() != nil && decode(p.GetHeartbeatDetails(), &log) == nil {
		for _, a := range log {
			l.failed(a, how, sink)
		}
	}
	number := in.Before + in.Made + int(max(p.GetAttempt(), 1))
	if last := p.GetLastFailure(); last != nil && !slices.ContainsFunc(log, func(a consign.Attempt) bool { return a.Number == number-1 }) {
		l.add(Attempt{Number: number - 1, At: p.GetLastStartedTime().AsTime(), How: how, Sink: sink, Answer: answer(last), Failed: true, Worker: p.GetLastWorkerIdentity()})
	}
	switch p.GetState() {
	case enumspb.PENDING_ACTIVITY_STATE_STARTED, enumspb.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED, enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
		l.add(Attempt{Number: number, At: p.GetLastStartedTime().AsTime(), How: how, Sink: sink, Answer: "under way", Running: true, Worker: p.GetLastWorkerIdentity()})
	case enumspb.PENDING_ACTIVITY_STATE_PAUSED:
		l.Waiting = "an order of a person is being carried out"
	default:
		if next := p.GetNextAttemptScheduleTime(); next != nil {
			l.Next = next.AsTime()
		}
		l.Waiting = fmt.Sprintf("attempt %d of the sink's queue", number)
	}
}

// backoff tells the time of the one leg that waits in the workflow itself; of several nobody can tell which timer is
// whose.
func (h *told) backoff() {
	var open []*leg
	for _, l := range h.legs {
		if l.State == Waiting && l.Waiting == "" && !l.running() && len(l.DeadLetters) == 0 && !l.delivered() {
			open = append(open, l)
		}
	}
	var latest time.Time
	for _, due := range h.timers {
		if due.After(latest) {
			latest = due
		}
	}
	for _, l := range open {
		l.Waiting = "its back-off"
		if len(open) == 1 {
			l.Next = latest
		}
	}
}

func (l *leg) delivered() bool {
	return slices.ContainsFunc(l.Attempts, func(a Attempt) bool { return !a.Failed && !a.Running && a.Sink == "" })
}

// finish puts the story in order.
func (t *teller) finish() Story {
	s := t.story
	s.Legs = []Leg{}
	s.State = Delivered
	waiting := s.Closed.IsZero() && s.Run != ""
	if s.Unrouted != "" || s.Failed != "" {
		s.State = Done
	}
	for _, l := range t.legs {
		l.settle()
		slices.SortStableFunc(l.Attempts, func(a, b Attempt) int {
			return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Sink, b.Sink))
		})
		switch l.State {
		case string(consign.Delivered), consign.StateReplayed:
		case consign.StateParked:
			s.State = Parked
		case Waiting, replaying:
			if s.Failed == "" {
				waiting = true
			}
		default:
			if s.State == Delivered {
				s.State = Done
			}
		}
		s.Legs = append(s.Legs, l.Leg)
	}
	if waiting {
		s.State = Open
	}
	return s
}

// replaying is the state of a leg whose dead letter is being replayed.
const replaying = "replaying"

// settle finds out how a leg stands: by its latest dead letter, else by its attempts.
func (l *leg) settle() {
	if len(l.DeadLetters) > 0 {
		l.State = l.DeadLetters[len(l.DeadLetters)-1].State
	} else if l.receipt == nil && l.State == Waiting && l.delivered() {
		l.State = string(consign.Delivered)
	}
	if l.State != Waiting {
		l.Waiting = ""
		if l.State != replaying {
			l.Next = time.Time{}
		}
	}
}
