package otlp

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	collector "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/consign-dev/consign/sinks"
	"github.com/consign-dev/consign/sinks/formats"
)

// scope is who has written the records. It has no version: what is sent again by the next release has to
// be the same.
const scope = "github.com/consign-dev/consign"

const serviceName = "service.name"

// envelope is what stands around the records of a request.
type envelope struct{ resource *resource.Resource }

func newEnvelope(attributes map[string]string) envelope {
	all := map[string]string{serviceName: "consign"}
	maps.Copy(all, attributes)
	var sorted []*common.KeyValue
	for _, name := range slices.Sorted(maps.Keys(all)) {
		sorted = append(sorted, attribute(name, all[name]))
	}
	return envelope{&resource.Resource{Attributes: sorted}}
}

// around returns the request of a batch.
func (e envelope) around(batch []sinks.Delivery) *collector.ExportLogsServiceRequest {
	records := make([]*logs.LogRecord, len(batch))
	for i, d := range batch {
		records[i] = record(d)
	}
	return &collector.ExportLogsServiceRequest{ResourceLogs: []*logs.ResourceLogs{{
		Resource:  e.resource,
		ScopeLogs: []*logs.ScopeLogs{{Scope: &common.InstrumentationScope{Name: scope}, LogRecords: records}},
	}}}
}

// record is one result. Nothing in it changes from attempt to attempt.
func record(d sinks.Delivery) *logs.LogRecord {
	// https://opentelemetry.io/docs/specs/semconv/registry/attributes/log/ and …/cloudevents/
	attributes := []*common.KeyValue{
		attribute("log.record.uid", d.ID),
		attribute("cloudevents.event_id", d.Result.ID),
		attribute("cloudevents.event_source", d.Result.Source),
	}
	if d.Result.Type != "" {
		attributes = append(attributes, attribute("cloudevents.event_type", d.Result.Type))
	}
	if d.Result.Subject != "" {
		attributes = append(attributes, attribute("cloudevents.event_subject", d.Result.Subject))
	}
	severity, word := formats.SeverityOf(d.Result.Data)
	traceID, spanID := traceOf(d.Result.Traceparent)
	return &logs.LogRecord{
		TraceId: traceID, SpanId: spanID,
		TimeUnixNano:         nanoseconds(d.Result.Time),
		ObservedTimeUnixNano: nanoseconds(d.First),
		SeverityNumber:       number(severity),
		SeverityText:         word,
		Body:                 value(string(d.Result.Data)),
		Attributes:           attributes,
	}
}

// traceOf are the trace and the span that a result was submitted in; nil where it was in none.
func traceOf(traceparent string) (traceID, spanID []byte) {
	parts := strings.Split(traceparent, "-")
	if len(parts) < 4 || len(parts[1]) != 32 || len(parts[2]) != 16 {
		return nil, nil
	}
	traceID, err := hex.DecodeString(parts[1])
	if err == nil {
		spanID, err = hex.DecodeString(parts[2])
	}
	if err != nil {
		return nil, nil
	}
	return traceID, spanID
}

func attribute(name, text string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: value(text)}
}

// value holds a text, or bytes that are none.
func value(text string) *common.AnyValue {
	if !utf8.ValidString(text) {
		return &common.AnyValue{Value: &common.AnyValue_BytesValue{BytesValue: []byte(text)}}
	}
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: text}}
}

// nanoseconds since 1970, from then until 2261, which is what Go counts; 0, unknown, for any other time.
func nanoseconds(t time.Time) uint64 {
	if year := t.UTC().Year(); year < 1970 || year > 2261 {
		return 0
	}
	return uint64(t.UnixNano())
}

// number is a severity on OpenTelemetry's scale, where syslog's stand as in
// https://opentelemetry.io/docs/specs/otel/logs/data-model-appendix/#appendix-b-severitynumber-example-mappings
func number(severity formats.Severity) logs.SeverityNumber {
	switch severity {
	case formats.Informational:
		return logs.SeverityNumber_SEVERITY_NUMBER_INFO
	case formats.Low:
		return logs.SeverityNumber_SEVERITY_NUMBER_INFO2
	case formats.Medium:
		return logs.SeverityNumber_SEVERITY_NUMBER_WARN
	case formats.High:
		return logs.SeverityNumber_SEVERITY_NUMBER_ERROR
	case formats.Critical:
		return logs.SeverityNumber_SEVERITY_NUMBER_ERROR2
	case formats.Fatal:
		return logs.SeverityNumber_SEVERITY_NUMBER_FATAL
	case formats.Unknown:
	}
	return logs.SeverityNumber_SEVERITY_NUMBER_UNSPECIFIED
}
