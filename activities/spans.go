package activities

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/consign-dev/consign"
)

// spans are those of one attempt: one in each trace that its results belong to, so that each trace is whole. A result
// that was submitted without a trace has none.
type spans struct {
	of map[string]spanOf // by the traceparent that results were submitted with
}

type spanOf struct {
	trace.Span

	traceparent string // its own
}

// spansOf begins them.
func spansOf(ctx context.Context, in *DeliverInput, sink string, number int) (s spans) {
	for i := range in.Batch {
		parent := in.Batch[i].Result.Traceparent
		if _, there := s.of[parent]; parent == "" || there {
			continue
		}
		if s.of == nil {
			s.of = map[string]spanOf{}
		}
		span, traceparent := consign.Span(ctx, parent, "deliver to "+sink, trace.SpanKindClient,
			attribute.String("consign.sink", sink), attribute.String("consign.kind", in.Kind), attribute.Int("consign.attempt", number),
			attribute.String("consign.delivery_id", in.Batch[i].DeliveryID), attribute.Int("consign.batch", len(in.Batch)))
		s.of[parent] = spanOf{span, traceparent}
	}
	return s
}

// traceparent for the request about a result; empty: it has no trace.
func (s spans) traceparent(r *consign.Result) string { return s.of[r.Traceparent].traceparent }

// end ends them: those of results that were not delivered say why.
func (s spans) end(in *DeliverInput, failures []Failed) {
	if len(s.of) == 0 {
		return
	}
	for _, failed := range failures {
		if span, there := s.of[in.Batch[failed.Index].Result.Traceparent]; there {
			span.SetAttributes(attribute.String("error.type", failed.Label))
			span.SetStatus(codes.Error, failed.Cause)
		}
	}
	for _, span := range s.of {
		span.End()
	}
}

// skipped ends them for an attempt that was not made after all.
func (s spans) skipped(why string) {
	for _, span := range s.of {
		span.SetAttributes(attribute.String("consign.skipped", why))
		span.End()
	}
}

// spanOfAck begins that of one try of an ack; for a result without a trace, one that records nothing.
func spanOfAck(ctx context.Context, in *consign.AckInput) spanOf {
	if in.Traceparent == "" {
		return spanOf{Span: noop.Span{}}
	}
	span, traceparent := consign.Span(ctx, in.Traceparent, "ack", trace.SpanKindClient,
		attribute.String("consign.source", in.Ack.Source), attribute.String("consign.id", in.Ack.ID))
	return spanOf{span, traceparent}
}

// spanOfParking marks in each trace that a result of it is parked.
func spanOfParking(ctx context.Context, record *consign.Record) {
	seen := map[string]bool{}
	for i := range record.Results {
		parent := record.Results[i].Traceparent
		if parent == "" || seen[parent] {
			continue
		}
		seen[parent] = true
		span, _ := consign.Span(ctx, parent, "park for "+record.Sink, trace.SpanKindInternal,
			attribute.String("consign.sink", record.Sink), attribute.String("consign.dead_letter", record.ID), attribute.String("error.type", record.Label))
		span.End()
	}
}
