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

// TraceContext is a place in a trace, as W3C's Trace Context and CloudEvents' extension for distributed tracing have it:
// https://www.w3.org/TR/trace-context. The zero value is none.
type TraceContext struct {
	// Traceparent names the trace and the span. An invalid one is ignored.
	Traceparent string `json:"traceparent,omitempty"`
	// Tracestate is what tracing systems have to say of it, at most 512 bytes. Optional; an invalid one is ignored.
	Tracestate string `json:"tracestate,omitempty"`
}

const (
	traceparent = "traceparent"
	tracestate  = "tracestate"
)

// Headers are those of a request that belongs to the trace, by their names in lower case; nil: there is none.
func (t TraceContext) Headers() map[string]string {
	if t.Traceparent == "" {
		return nil
	}
	headers := map[string]string{traceparent: t.Traceparent}
	if t.Tracestate != "" {
		headers[tracestate] = t.Tracestate
	}
	return headers
}

// Span begins a span in the trace that a result belongs to: it is the child of parent or, without one, of the span
// in ctx. It returns where it is itself, which is nowhere when there is no trace, and at parent where the program has no
// OpenTelemetry of its own.
func Span(ctx context.Context, parent TraceContext, name string, kind trace.SpanKind, attributes ...attribute.KeyValue) (trace.Span, TraceContext) {
	if parent.Traceparent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier(parent.Headers()))
	}
	ctx, span := otel.Tracer(TracingScope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...)) //nolint:spancheck // the caller ends it
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return span, TraceContext{carrier[traceparent], carrier[tracestate]} //nolint:spancheck // the caller ends it
}

// traceSubmission begins the span of a submission, of which everything that becomes of the result is a descendant.
func traceSubmission(ctx context.Context, r *Result) trace.Span {
	span, at := Span(ctx, r.TraceContext, "submit", trace.SpanKindProducer,
		attribute.String("consign.source", r.Source), attribute.String("consign.id", r.ID), attribute.String("consign.type", r.Type))
	r.TraceContext = at
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

// maxTracestate is the longest tracestate that is passed on, in bytes: what its specification asks of everybody.
const maxTracestate = 512

// valid is what of it can be passed on. The rest is ignored, as its specification asks.
func (t TraceContext) valid() TraceContext {
	if !form.MatchString(t.Traceparent) {
		return TraceContext{}
	}
	if _, err := trace.ParseTraceState(t.Tracestate); err != nil || len(t.Tracestate) > maxTracestate {
		t.Tracestate = ""
	}
	return t
}
