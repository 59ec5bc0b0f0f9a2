package consign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// MaxConsignmentBytes is the most data that one consignment, and so one result, may hold: 1 MiB.
// Temporal cuts payloads at 2 MiB and messages at 4 MiB, and a result is copied into the input of
// each queued delivery, so the limit is well below.
const MaxConsignmentBytes = 1 << 20

// MaxConsignmentResults is the most results that one consignment may hold. Each is acked by itself, and
// a workflow takes no more than 2,000 activities at once.
const MaxConsignmentResults = 1024

// MaxDepth is how deep arrays and objects may nest in data: 9,900. Go's JSON decoder stops at 10,000, and
// data travels inside the JSON of consignments, dead letters and their records.
const MaxDepth = 9_900

// maxWorkflowID is the longest workflow id that every Temporal store takes: its SQL schemas keep
// ids in columns of 255 characters.
const maxWorkflowID = 255

// maxType is the longest type, which is a search attribute: 255 bytes, as ids.
const maxType = 255

// IncidentType is the type of a synthetic result that reports on the producer itself rather than
// on an event. Only sinks configured with "incidents: true" take it, and it carries no ack.
const IncidentType = "incident"

// Result is one JSON event handed to Consign. Its fields are a CloudEvent's attributes.
type Result struct {
	// Source names the producer. Required. Source and ID together identify the result.
	Source string `json:"source"`
	// ID is unique within the source. Empty: a fresh UUID is given at submission, and the result
	// is never recognised as a duplicate.
	ID string `json:"id"`
	// Type says what kind of event this is, such as "detection". Optional.
	Type string `json:"type,omitempty"`
	// Time is when the event happened. Optional.
	Time time.Time `json:"time,omitzero"`
	// Subject is what the event is about, within the source. Optional.
	Subject string `json:"subject,omitempty"`
	// TraceContext of the result. Its submission sets it from the span that it makes in the trace of ctx. It is no part of
	// what the result is: one that is submitted again with another is the same result, and keeps the first. Optional.
	TraceContext
	// Data is the event itself: any JSON value. It reaches every sink with these bytes, white
	// space between tokens apart: key order, duplicate keys, number spelling and escapes are kept.
	Data json.RawMessage `json:"data"`
}

// Check says what is wrong with a result that has its id, if anything, beginning with the field. Its
// size is looked at when it is submitted.
func (r Result) Check() error {
	if r.Source == "" {
		return errors.New("source is empty: name the producer")
	}
	if r.ID == "" {
		return errors.New("id is empty: it has to be unique within the source")
	}
	for _, field := range [][2]string{{"source", r.Source}, {"id", r.ID}, {"type", r.Type}, {"subject", r.Subject}} {
		if !utf8.ValidString(field[1]) {
			return fmt.Errorf("%s %q is not UTF-8, and would be taken for another text", field[0], excerpt(field[1]))
		}
	}
	if n := len(WorkflowID(r.Source, r.ID)); n > maxWorkflowID {
		return fmt.Errorf("id %q is too long: with the source it makes a workflow id of %d bytes, at most %d are stored: shorten one, for example by hashing it",
			excerpt(r.ID), n, maxWorkflowID)
	}
	if len(r.Type) > maxType {
		return fmt.Errorf("type %q is %d bytes, at most %d are stored", excerpt(r.Type), len(r.Type), maxType)
	}
	if len(r.Data) == 0 {
		return errors.New("data is missing: any JSON value will do, null too")
	}
	if deeper(r.Data, MaxDepth) {
		return fmt.Errorf("data nests more than %d deep", MaxDepth)
	}
	return nil
}

// Prepare checks a result as its submission does, gives it a UUID if it has no id, and compacts its data. Who hands
// over several and wants all or none of them submitted calls it on each first.
//
// Errors: [ErrInvalid] and [ErrTooLarge].
func (r Result) Prepare() (Result, error) {
	if r.ID == "" {
		r.ID = uuid.NewString()
	}
	r.TraceContext = r.TraceContext.valid()
	if err := r.Check(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	var compact bytes.Buffer
	compact.Grow(len(r.Data))
	if err := json.Compact(&compact, r.Data); err != nil {
		return r, fmt.Errorf("%w: data of result %s/%s is not JSON: %w", ErrInvalid, r.Source, r.ID, err)
	}
	r.Data = compact.Bytes()
	encoded, err := r.Encode()
	if err != nil {
		return r, fmt.Errorf("%w: result %s/%s: %w", ErrInvalid, r.Source, r.ID, err)
	}
	size := len(encoded)
	if r.Size() > maxTogether { // which the workflow would refuse
		size = r.Size()
	}
	if size > MaxConsignmentBytes {
		return r, fmt.Errorf("%w: result %s/%s is %d bytes, at most %d (1 MiB) can be delivered, where a byte of source, id, type or subject counts for six: store the bulk elsewhere and submit a reference to it",
			ErrTooLarge, r.Source, r.ID, size, MaxConsignmentBytes)
	}
	return r, nil
}

// deeper tells whether arrays and objects nest deeper than that in JSON.
func deeper(data []byte, limit int) bool {
	depth, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case inText && b == '\\':
			i++
		case b == '"':
			inText = !inText
		case inText:
		case b == '[' || b == '{':
			depth++
			if depth > limit {
				return true
			}
		case b == ']' || b == '}':
			depth--
		}
	}
	return false
}

// WorkflowID is the id of the workflow that delivers a result: consign/<source>/<id>, each part
// percent-escaped as a URL path segment, so that no two results share one.
func WorkflowID(source, id string) string {
	return deliveryPrefix + url.PathEscape(source) + "/" + url.PathEscape(id)
}

// deliveryNamespace is the UUID namespace of delivery ids: UUIDv5 of the URL namespace and "consign".
var deliveryNamespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("consign"))

// DeliveryID identifies the delivery of a result to a sink: "msg_" and the UUIDv5 of
// consign/<source>/<id>/<sink>, escaped as in [WorkflowID]. It is the same on every retry, after a
// crash and on a replay, so a receiver drops duplicates by it.
func DeliveryID(source, id, sink string) string {
	return "msg_" + uuid.NewSHA1(deliveryNamespace, []byte(WorkflowID(source, id)+"/"+url.PathEscape(sink))).String()
}

// Digest is the fingerprint by which a resubmission with other data is told: "sha256:" and the hex
// digest of the compacted data.
func Digest(data json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, data); err != nil {
		compact.Reset()
		compact.Write(data)
	}
	sum := sha256.Sum256(compact.Bytes())
	return "sha256:" + hex.EncodeToString(sum[:])
}

// excerpt shortens a value that is shown in an error.
func excerpt(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
