package worker

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
)

// backlog collects how many queued attempts wait in Temporal for each sink, asked at each scrape.
type backlog struct {
	temporal  client.Client
	namespace string
	desc      *prometheus.Desc

	mu    sync.Mutex
	waits map[string]float64 // what was last heard, by sink
}

// scrapeTimeout bounds what a scrape waits for Temporal; Prometheus gives up after 10 s by default.
const scrapeTimeout = 3 * time.Second

func newBacklog(temporal client.Client, namespace string, sinks []config.Sink) *backlog {
	b := &backlog{
		temporal: temporal, namespace: namespace, waits: map[string]float64{},
		desc: prometheus.NewDesc("consign_queue_backlog", "Queued attempts that wait in Temporal for a worker, over all workers.", []string{"sink"}, nil),
	}
	for _, sink := range sinks {
		b.waits[sink.Name] = 0
	}
	return b
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

// Collect implements prometheus.Collector. While Temporal does not answer, the last values stand.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for sink := range b.waits {
		answer, err := b.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace:     b.namespace,
			TaskQueue:     &taskqueuepb.TaskQueue{Name: consign.SinkQueue(sink)},
			TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
			ReportStats:   true,
		})
		if err == nil {
			b.waits[sink] = float64(answer.GetStats().GetApproximateBacklogCount())
		}
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, b.waits[sink], sink)
	}
}
