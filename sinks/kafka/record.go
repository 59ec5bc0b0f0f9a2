package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// record returns what to produce for a delivery, under the key that the expression gives.
func (c *Config) record(ctx context.Context, key *config.Expression, d sinks.Delivery) (*kgo.Record, error) {
	value, err := c.Format.Body(d)
	if err != nil {
		return nil, sinks.Permanent(fmt.Errorf("encode result %s/%s: %w", d.Result.Source, d.Result.ID, err))
	}
	record := &kgo.Record{Topic: c.topicOf(d), Value: value, Headers: headers(d, c.Format)}
	text, err := key.Of(ctx, d.Result, d.ID)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, sinks.Permanent(sinks.Label(fmt.Errorf("key of result %s/%s: %w", d.Result.Source, d.Result.ID, err), "no key"))
	case text != "":
		record.Key = []byte(text) // an empty key would gather all such results in one partition
	}
	return record, nil
}

// headers are the media type and the delivery id and, where the value is the data alone, the attributes
// of a CloudEvent in binary mode, by section 3.2 of its Kafka binding. A value that is a whole document
// has them in itself.
func headers(d sinks.Delivery, format formats.Format) []kgo.RecordHeader {
	list := []kgo.RecordHeader{
		{Key: "content-type", Value: []byte(format.ContentType())},
		{Key: "ce_deliveryid", Value: []byte(d.ID)},
	}
	trace := d.TraceContext.Headers()
	for _, name := range slices.Sorted(maps.Keys(trace)) {
		list = append(list, kgo.RecordHeader{Key: name, Value: []byte(trace[name])})
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
