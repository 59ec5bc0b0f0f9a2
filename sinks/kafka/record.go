package kafka

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/consign-dev/consign/sinks"
)

// Key is what the key of a record is taken from.
type Key string

// The keys. The zero value is no key.
const (
	KeySource     Key = "source"
	KeyID         Key = "id"
	KeySubject    Key = "subject"
	KeyType       Key = "type"
	KeyDeliveryID Key = "delivery_id"
)

func (k Key) valid() bool {
	switch k {
	case "", KeySource, KeyID, KeySubject, KeyType, KeyDeliveryID:
		return true
	}
	return false
}

// of returns the key of one record, nil for none.
func (k Key) of(d sinks.Delivery) []byte {
	var key string
	switch k {
	case KeySource:
		key = d.Result.Source
	case KeyID:
		key = d.Result.ID
	case KeySubject:
		key = d.Result.Subject
	case KeyType:
		key = d.Result.Type
	case KeyDeliveryID:
		key = d.ID
	}
	if key == "" {
		return nil // an empty key would gather all such results in one partition
	}
	return []byte(key)
}

// untyped is the type of a CloudEvent, which must have one, whose result has none.
const untyped = "consign.result"

// body is what a record carries: the data of the result, with its bytes as they came.
func body(d sinks.Delivery) ([]byte, error) {
	if !json.Valid(d.Result.Data) {
		return nil, errors.New("the data is not JSON")
	}
	return d.Result.Data, nil
}

// record returns what to produce for a delivery.
func (s *Sink) record(d sinks.Delivery) (*kgo.Record, error) {
	value, err := body(d)
	if err != nil {
		return nil, sinks.Permanent(fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err))
	}
	return &kgo.Record{Topic: s.topicOf(d), Key: s.settings.Key.of(d), Value: value, Headers: headers(d)}, nil
}

// headers are the attributes of a CloudEvent in binary mode, by section 3.2 of its Kafka binding, and
// the delivery id as an extension of them.
func headers(d sinks.Delivery) []kgo.RecordHeader {
	list := []kgo.RecordHeader{
		{Key: "ce_specversion", Value: []byte("1.0")},
		{Key: "ce_id", Value: []byte(d.Result.ID)},
		{Key: "ce_source", Value: []byte(d.Result.Source)},
		{Key: "ce_type", Value: []byte(cmp.Or(d.Result.Type, untyped))},
		{Key: "ce_deliveryid", Value: []byte(d.ID)},
		{Key: "content-type", Value: []byte("application/json")},
	}
	if !d.Result.Time.IsZero() {
		list = append(list, kgo.RecordHeader{Key: "ce_time", Value: []byte(d.Result.Time.Format(time.RFC3339Nano))})
	}
	if d.Result.Subject != "" {
		list = append(list, kgo.RecordHeader{Key: "ce_subject", Value: []byte(d.Result.Subject)})
	}
	return list
}

// size of a record in bytes, apart from what the protocol adds; 0 for none.
func size(record *kgo.Record) int {
	if record == nil {
		return 0
	}
	total := len(record.Key) + len(record.Value)
	for _, header := range record.Headers {
		total += len(header.Key) + len(header.Value)
	}
	return total
}
