package main

import (
	"context"

	"github.com/consign-dev/consign/sinks"
)

// wrapped are the settings of a sink whose deliveries go through a function.
type wrapped struct {
	sinks.Settings

	deliver func(ctx context.Context, sink sinks.Sink, batch []sinks.Delivery) []error
}

// Open implements sinks.Settings.
func (w wrapped) Open(ctx context.Context, name string) (sinks.Sink, error) {
	sink, err := w.Settings.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return wrappedSink{Sink: sink, deliver: w.deliver}, nil
}

type wrappedSink struct {
	sinks.Sink

	deliver func(ctx context.Context, sink sinks.Sink, batch []sinks.Delivery) []error
}

// Deliver implements sinks.Sink.
func (s wrappedSink) Deliver(ctx context.Context, batch []sinks.Delivery) []error {
	return s.deliver(ctx, s.Sink, batch)
}
