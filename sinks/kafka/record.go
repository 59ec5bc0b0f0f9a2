package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
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

// record returns what to produce for a delivery.
func (c *Config) record(d sinks.Delivery) (*kgo.Record, error) {
	value, err := c.Format.Body(d)
	if err != nil {
		return nil, sinks.Permanent(fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err))
	}
	return &kgo.Record{Topic: c.topicOf(d), Key: c.Key.of(d), Value: value, Headers: headers(d, c.Format)}, nil
}

// headers are the media type and the delivery id and, where the value is the data alone, the attributes
// of a CloudEvent in binary mode, by section 3.2 of its Kafka binding. A value that is a whole document
// has them in itself.
func headers(d sinks.Delivery, format formats.Format) []kgo.RecordHeader {
	list := []kgo.RecordHeader{
		{Key: "content-type", Value: []byte(format.ContentType())},
		{Key: "ce_deliveryid", Value: []byte(d.ID)},
	}
	if format != "" {
		return list
	}
	for name, value := range formats.Attributes(d) {
		list = append(list, kgo.RecordHeader{Key: "ce_" + name, Value: []byte(value)})
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
