package embedded

import (
	"go.opentelemetry.io/otel/metric"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/metrics"
)

// meter gives the server's metrics a meter of the program around it.
type meter struct{ metric.Meter }

func (m meter) GetMeter() metric.Meter { return m.Meter }
func (meter) Stop(log.Logger)          {}

// counting is where the server counts. Names of task queues are left out: each worker has one of its own, so there would
// be more with every start of one.
func counting(to metric.Meter) (metrics.Handler, error) {
	if to == nil {
		return metrics.NoopMetricsHandler, nil
	}
	return metrics.NewOtelMetricsHandler(log.NewNoopLogger(), meter{to}, metrics.ClientConfig{
		ExcludeTags: map[string][]string{"taskqueue": nil, "task_queue": nil},
	}, true)
}
