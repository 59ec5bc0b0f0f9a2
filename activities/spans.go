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
	of map[consign.TraceContext]spanOf // by that which results were submitted with
}

type spanOf struct {
	trace.Span

	at consign.TraceContext // its own
}

// spansOf begins them.
func spansOf(ctx context.Context, in *DeliverInput, sink string, number int) (s spans) {
	for i := range in.Batch {
		parent := in.Batch[i].Result.TraceContext
		if _, there := s.of[parent]; parent.Traceparent == "" || there {
			continue
		}
		if s.of == nil {
			s.of = map[consign.TraceContext]spanOf{}
		}
		span, at := consign.Span(ctx, parent, "deliver to "+sink, trace.SpanKindClient,
			attribute.String("consign.sink", sink), attribute.String("consign.kind", in.Kind), attribute.Int("consign.attempt", number),
			attribute.String("consign.delivery_id", in.Batch[i].DeliveryID), attribute.Int("consign.batch", len(in.Batch)))
		s.of[parent] = spanOf{span, at}
	}
	return s
}

// at is for the request about a result; zero: it has no trace.
func (s spans) at(r *consign.Result) consign.TraceContext { return s.of[r.TraceContext].at }

// end ends them: those of results that were not delivered say why.
func (s spans) end(in *DeliverInput, failures []Failed) {
	if len(s.of) == 0 {
		return
	}
	for _, failed := range failures {
		if span, there := s.of[in.Batch[failed.Index].Result.TraceContext]; there {
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
	span, at := consign.Span(ctx, in.TraceContext, "ack", trace.SpanKindClient,
		attribute.String("consign.source", in.Ack.Source), attribute.String("consign.id", in.Ack.ID))
	return spanOf{span, at}
}

// spanOfParking marks in each trace that a result of it is parked.
func spanOfParking(ctx context.Context, record *consign.Record) {
	seen := map[consign.TraceContext]bool{}
	for i := range record.Results {
		parent := record.Results[i].TraceContext
		if parent.Traceparent == "" || seen[parent] {
			continue
		}
		seen[parent] = true
		span, _ := consign.Span(ctx, parent, "park for "+record.Sink, trace.SpanKindInternal,
			attribute.String("consign.sink", record.Sink), attribute.String("consign.dead_letter", record.ID), attribute.String("error.type", record.Label))
		span.End()
	}
}
