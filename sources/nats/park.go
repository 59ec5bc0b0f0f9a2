package nats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	natsgo "github.com/nats-io/nats.go"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/activities"
	"github.com/consign-dev/consign/config"
)

const (
	// wholeMost is the most, in bytes of JSON, that one dead letter holds of a message. A result is at most 1 MiB.
	wholeMost = 768 << 10
	// partMost is how many bytes of a larger message stand in each dead letter. Base64 makes a third more of them,
	// and beside the first part stand the headers: up to 64 KiB, of which JSON may make six times as much.
	partMost = 384 << 10
	// causeMost is the most of a cause that is kept.
	causeMost = 1 << 10
	// parkWait bounds one try to start a dead letter, or to terminate.
	parkWait = time.Minute
)

// raw is the data of a dead letter that holds a message, or a part of it.
type raw struct {
	Subject string        `json:"subject"`
	Headers natsgo.Header `json:"headers,omitempty"`
	// Text is the body, or Base64 where it is no UTF-8 or a part.
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
	// Part counts from 1 to Parts.
	Part  int `json:"part,omitempty"`
	Parts int `json:"parts,omitempty"`
}

// rawOf is what dead letters hold of a message: nothing of it is lost, however large it is.
func rawOf(message jetstream.Msg) ([]json.RawMessage, error) {
	whole := raw{Subject: message.Subject(), Headers: message.Headers()}
	body := message.Data()
	if utf8.Valid(body) {
		whole.Text = new(string(body))
	} else {
		whole.Base64 = body
	}
	encoded, err := encode(whole)
	if err != nil || len(encoded) <= wholeMost {
		return []json.RawMessage{encoded}, err
	}
	var parts []json.RawMessage
	count := (len(body) + partMost - 1) / partMost
	for n := range count {
		part := raw{Subject: message.Subject(), Base64: body[n*partMost : min((n+1)*partMost, len(body))], Part: n + 1, Parts: count}
		if n == 0 {
			part.Headers = message.Headers()
		}
		if encoded, err = encode(part); err != nil {
			return nil, err
		}
		parts = append(parts, encoded)
	}
	return parts, nil
}

func encode(value raw) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSpace(out.Bytes()), err
}

// park holds a message as a dead letter of its own, and has it terminated once that has durably started. When
// this process ends before, the message comes again, and is parked under the same id.
func (r *reader) park(ctx context.Context, message arrival, cause error) {
	at := message.at
	defer r.held.remove(at)
	untilDone := func(what string, do func(context.Context) error) bool {
		for {
			bounded, cancel := context.WithTimeout(ctx, parkWait)
			err := do(bounded)
			cancel()
			if err == nil {
				return true
			}
			if ctx.Err() != nil {
				return false
			}
			r.log.Warn(what+" a message failed, and is tried again", zap.Stringer("message", at), zap.Error(err))
			select {
			case <-ctx.Done():
				return false
			case <-time.After(returnWait):
			}
		}
	}
	parts, err := rawOf(message)
	if err != nil {
		r.log.Error("a message cannot be encoded, and stays in the stream", zap.Stringer("message", at), zap.Error(err)) // JSON takes all that it holds
		return
	}
	for n, data := range parts {
		if !untilDone("parking", func(ctx context.Context) error { return r.letter(ctx, at, n+1, data, cause) }) {
			_ = message.Nak() // this process stops; another may take it at once
			return
		}
	}
	r.metrics.messages.WithLabelValues(r.name, outcomeParked).Inc()
	untilDone("terminating", func(ctx context.Context) error { return r.settle(ctx, message.Reply(), terminated) })
}

// letter starts the dead letter of a part of a message, as workers park: so that the sinks named under
// dead_letters.also_to are told, and it is counted.
func (r *reader) letter(ctx context.Context, at place, part int, data json.RawMessage, cause error) error {
	now := time.Now().UTC()
	record := consign.Record{
		ID:    fmt.Sprintf("dead-letter/%s/%s-%s/%d", config.NoSink, r.name, at, part),
		Sink:  config.NoSink,
		State: consign.StateParked,
		Label: label(cause), Cause: activities.Clip(cause.Error(), causeMost),
		ParkedAt: now, First: now,
		Results:  []consign.Result{{Source: r.settings.Source, ID: fmt.Sprintf("%s-%s/%d", r.name, at, part), Time: time.Unix(0, at.at).UTC(), Data: data}},
		Attempts: []consign.Attempt{},
	}
	if err := consign.CheckResults(record.Results); err != nil {
		return err
	}
	run, err := r.temporal.ExecuteActivity(ctx, client.StartActivityOptions{
		ID:                       "park/" + record.ID,
		TaskQueue:                consign.TaskQueue,
		ScheduleToCloseTimeout:   time.Hour,
		StartToCloseTimeout:      30 * time.Second,
		ActivityIDConflictPolicy: enumspb.ACTIVITY_ID_CONFLICT_POLICY_USE_EXISTING,
		Summary:                  "dead letter of source " + r.name,
	}, consign.ParkActivity, activities.ParkInput{Record: record})
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

// label is a short name of why a message could not be submitted.
func label(cause error) string {
	switch {
	case errors.Is(cause, consign.ErrTooLarge):
		return "too large"
	case errors.Is(cause, consign.ErrConflict):
		return "conflict"
	}
	return "unreadable"
}
