package consign

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// AckInput is the argument of the activity "ack".
type AckInput struct {
	Target AckTarget `json:"target"`
	Ack    Ack       `json:"ack"`
	// First is when the first try was due. A signed request carries it as its timestamp.
	First time.Time `json:"first"`
	// TraceContext of the result, if it has one.
	TraceContext
}

func (e Entry) checkAck() error {
	if e.Ack == nil {
		return nil
	}
	if e.Type == IncidentType {
		return fmt.Errorf("%w: result %s/%s is an incident, which carries no ack", ErrInvalid, e.Source, e.ID)
	}
	if err := e.Ack.Check(); err != nil {
		return fmt.Errorf("%w: ack of result %s/%s: %w", ErrInvalid, e.Source, e.ID, err)
	}
	return nil
}

// Equal tells whether both targets are the same place. Deliveries of one message of NATS are: the ack of
// any of them acks the message.
func (t AckTarget) Equal(other AckTarget) bool {
	if t.NATS != nil && other.NATS != nil {
		return t.NATS.Source == other.NATS.Source && t.NATS.message() == other.NATS.message()
	}
	return same(t.Signal, other.Signal) && same(t.HTTP, other.HTTP) && t.NATS == other.NATS
}

func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Check says what is wrong with a target, if anything. It never prints a URL, which may hold a
// secret.
func (t AckTarget) Check() error {
	given := 0
	for _, is := range []bool{t.Signal != nil, t.HTTP != nil, t.NATS != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("give one of signal, http and nats")
	case t.Signal != nil:
		return t.Signal.check()
	case t.NATS != nil:
		return t.NATS.check()
	case len(t.HTTP.URL) > maxAckURL:
		return fmt.Errorf("http.url is %d bytes, at most %d are taken", len(t.HTTP.URL), maxAckURL)
	}
	u, err := url.Parse(t.HTTP.URL)
	switch {
	case err != nil:
		return errors.New("http.url is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("http.url has the scheme %q: use http or https", u.Scheme)
	case u.Host == "":
		return errors.New("http.url names no host")
	case u.User != nil:
		return errors.New("http.url holds credentials, which would stand in Temporal's history: have the worker sign acks instead (acks.secret in its configuration)")
	}
	return nil
}

// maxAckURL bounds the URL of an ack, of which a delivery may hold a hundred: 2,048 bytes.
const maxAckURL = 2048

// maxTemporalID is the longest workflow id and signal name that Temporal takes.
const maxTemporalID = 1000

func (t SignalTarget) check() error {
	switch {
	case t.WorkflowID == "":
		return errors.New("signal.workflow_id is empty")
	case len(t.WorkflowID) > maxTemporalID:
		return fmt.Errorf("signal.workflow_id is %d bytes, Temporal takes at most %d", len(t.WorkflowID), maxTemporalID)
	case strings.HasPrefix(t.WorkflowID, deliveryPrefix), strings.HasPrefix(t.WorkflowID, deadLetterPrefix):
		// A signal makes a delivery's inline attempts run again, and could discard a dead letter.
		return fmt.Errorf("signal.workflow_id names a delivery or a dead letter of Consign (%q or %q), which wait for no ack", deliveryPrefix, deadLetterPrefix)
	case len(t.Name) > maxTemporalID:
		return fmt.Errorf("signal.name is %d bytes, Temporal takes at most %d", len(t.Name), maxTemporalID)
	case t.RunID != "" && uuid.Validate(t.RunID) != nil:
		return errors.New("signal.run_id is not a UUID: leave it out for the run that is open")
	}
	return nil
}

// ackPrefix begins the reply subjects of JetStream's messages. To publish anywhere else is nobody's to ask for.
const ackPrefix = "$JS.ACK."

// maxAckSubject bounds the subject of an ack, as the URL of one: 2,048 bytes.
const maxAckSubject = maxAckURL

// maxSourceName is the longest name of a source.
const maxSourceName = 63

func (t NATSTarget) check() error {
	switch {
	case t.Source == "" || len(t.Source) > maxSourceName:
		return fmt.Errorf("nats.source has %d bytes: name the source in the workers' configuration, 1 to %d", len(t.Source), maxSourceName)
	case len(t.Subject) > maxAckSubject:
		return fmt.Errorf("nats.subject is %d bytes, at most %d are taken", len(t.Subject), maxAckSubject)
	case !strings.HasPrefix(t.Subject, ackPrefix):
		return fmt.Errorf("nats.subject does not begin with %s: give the reply subject of a message of JetStream", ackPrefix)
	case strings.ContainsFunc(t.Subject, func(r rune) bool { return r <= ' ' || r == '*' || r == '>' || r == 0x7f }):
		return errors.New("nats.subject holds a blank or a wildcard, which the reply subject of a message does not")
	}
	return nil
}

// message is the part of the subject that names the message: $JS.ACK, from 2.11 on perhaps domain and account,
// stream, consumer, and after how often it was delivered its place in the stream. What follows differs from
// delivery to delivery. A subject of another form is a message of its own.
func (t NATSTarget) message() string {
	tokens := strings.Split(t.Subject, ".")
	switch n := len(tokens); {
	case n == 9:
		return strings.Join(append(tokens[2:4:4], tokens[5]), ".")
	case n >= 11:
		return strings.Join(append(tokens[2:6:6], tokens[7]), ".")
	}
	return t.Subject
}

// requestAck has the ack of a duplicate submission sent when the first one's result is committed:
// by the first one's workflow while it runs, else by its receipt.
func (h *Handle) requestAck(ctx context.Context, entry Entry, digest string) error {
	// Waiting until it is completed, and so until first attempts are over, tells a refusal too.
	update, err := h.client.temporal.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   h.workflowID,
		RunID:        h.runID,
		UpdateName:   FirstAttemptsUpdate,
		Args:         []any{FirstAttemptsRequest{Digest: digest, Ack: entry.Ack}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = update.Get(ctx, nil)
	}
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); !ok {
		return submitError(entry.Result, err)
	}
	receipt, err := h.Wait(ctx)
	if err != nil {
		return err
	}
	receipt.Ack = AckSent
	ack := Ack{Source: entry.Source, ID: entry.ID, Receipt: receipt}
	if s := entry.Ack.Signal; s != nil {
		if err := h.client.temporal.SignalWorkflow(ctx, s.WorkflowID, s.RunID, s.SignalName(), ack); err != nil {
			return fmt.Errorf("acking %s/%s by signal to %s: %w", entry.Source, entry.ID, s.WorkflowID, err)
		}
		return nil
	}
	// A worker sends it, since only workers hold the secret and the guard for that, and connections to sources. As a standalone
	// activity (Temporal server 1.32 and later) it is as durable and visible as a workflow's own ack.
	now := time.Now()
	id, conflict := uuid.NewString(), enumspb.ACTIVITY_ID_CONFLICT_POLICY_FAIL
	if target := entry.Ack.NATS; target != nil {
		// A message that cannot be acked comes again and again: one ack at a time tries.
		id, conflict = uuid.NewSHA1(deliveryNamespace, []byte(target.Source+" "+target.message())).String(), enumspb.ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING
	}
	_, err = h.client.temporal.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                       "ack/" + h.workflowID + "/" + id,
		TaskQueue:                TaskQueue,
		ScheduleToCloseTimeout:   time.Hour,
		StartToCloseTimeout:      time.Minute,
		ActivityIDConflictPolicy: conflict,
		Summary:                  "ack of a resubmitted result",
	}, AckActivity, AckInput{Target: *entry.Ack, Ack: ack, First: now})
	if err != nil {
		return fmt.Errorf("acking %s/%s: %w", entry.Source, entry.ID, err)
	}
	return nil
}

// SignalName is the name of the signal to send.
func (t SignalTarget) SignalName() string {
	if t.Name == "" {
		return AckSignal
	}
	return t.Name
}

func mentionsAttribute(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "search attribute") && (strings.Contains(text, "not defined") || strings.Contains(text, "no mapping"))
}
