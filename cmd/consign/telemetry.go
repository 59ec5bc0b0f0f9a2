package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	prombridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/consign-dev/consign/cmd/internal/exit"
)

// telemetry sends traces, and the metrics of a registry, to an OpenTelemetry collector.
type telemetry struct {
	stops []func(context.Context) error
}

// startTelemetry does so where OTEL_EXPORTER_OTLP_ENDPOINT, or that of traces or metrics alone, is set; the libraries read
// everything else from the environment too, such as headers and certificates:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/
func startTelemetry(ctx context.Context, registry *prometheus.Registry, log *zap.Logger) (*telemetry, error) {
	t := &telemetry{}
	if os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return t, nil
	}
	// What is set by the environment stands above the name.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "consign"), attribute.String("service.version", release())), resource.WithFromEnv())
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err))
	}
	few := log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0) // a collector that is away says so each time
	}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { few.Warn("telemetry is not sent", zap.Error(err)) }))
	if wanted("TRACES") {
		exporter, err := traceExporter(ctx)
		if err != nil {
			return nil, exit.With(exit.Usage, fmt.Errorf("traces by OTLP: %w", err))
		}
		provider := trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(about))
		otel.SetTracerProvider(provider)
		t.stops = append(t.stops, provider.Shutdown)
	}
	if wanted("METRICS") {
		exporter, err := metricExporter(ctx)
		if err != nil {
			return nil, errors.Join(exit.With(exit.Usage, fmt.Errorf("metrics by OTLP: %w", err)), t.stop(ctx))
		}
		reader := metric.NewPeriodicReader(exporter, metric.WithProducer(prombridge.NewMetricProducer(prombridge.WithGatherer(registry))))
		t.stops = append(t.stops, metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(about)).Shutdown)
	}
	return t, nil
}

// wanted tells whether the environment says where to send a signal, and nothing against it.
func wanted(signal string) bool {
	return os.Getenv("OTEL_"+signal+"_EXPORTER") != "none" &&
		(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != "")
}

// protocol of a signal, such as http/protobuf, which is the default of the specification.
func protocol(signal string) string {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_" + signal + "_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return "http/protobuf"
}

func traceExporter(ctx context.Context) (trace.SpanExporter, error) {
	switch protocol("TRACES") {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	}
	return nil, errProtocol
}

func metricExporter(ctx context.Context) (metric.Exporter, error) {
	switch protocol("METRICS") {
	case "grpc":
		return otlpmetricgrpc.New(ctx)
	case "http/protobuf":
		return otlpmetrichttp.New(ctx)
	}
	return nil, errProtocol
}

var errProtocol = errors.New("OTEL_EXPORTER_OTLP_PROTOCOL: grpc and http/protobuf are spoken")

// telemetryPatience is how long sending what is left may hold up the end of a process.
const telemetryPatience = 3 * time.Second

// stop sends what is left.
func (t *telemetry) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), telemetryPatience)
	defer cancel()
	var failed []error
	for _, stop := range t.stops {
		failed = append(failed, stop(ctx))
	}
	return errors.Join(failed...)
}
