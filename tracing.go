package consign

import (
	"context"
	"regexp"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TracingScope is the instrumentation scope of Consign's spans in OpenTelemetry.
const TracingScope = "github.com/consign-dev/consign"

// Span begins a span in the trace that a result belongs to: it is the child of parent, a W3C traceparent, or else of the span
// in ctx. It returns its own traceparent, which is empty when there is no trace, and parent's where the program has no
// OpenTelemetry of its own.
func Span(ctx context.Context, parent, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (span trace.Span, traceparent string) {
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	}
	ctx, span = otel.Tracer(TracingScope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...)) //nolint:spancheck // the caller ends it
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return span, carrier["traceparent"] //nolint:spancheck // the caller ends it
}

// traceSubmission begins the span of a submission, of which everything that becomes of the result is a descendant.
func traceSubmission(ctx context.Context, r *Result) trace.Span {
	span, traceparent := Span(ctx, r.Traceparent, "submit", trace.SpanKindProducer,
		attribute.String("consign.source", r.Source), attribute.String("consign.id", r.ID), attribute.String("consign.type", r.Type))
	r.Traceparent = traceparent
	return span
}

// endSpan ends a span, with why what it stands for has failed; nil: it has not.
func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// form is that of a traceparent, whose later versions may go on after the flags:
// https://www.w3.org/TR/trace-context/#traceparent-header-field-values
var form = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[0-9a-f-]{0,200})?$`)

// validTraceparent is a traceparent that can be passed on; empty: it is none, and is ignored, as its specification asks.
func validTraceparent(text string) string {
	if !form.MatchString(text) {
		return ""
	}
	return text
}
