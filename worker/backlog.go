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

// backlog collects how many queued attempts wait in Temporal for each sink, under each of its names, and
// how many workers ask for them, at each scrape. An external sink with a backlog that nobody asks for has
// lost its worker.
type backlog struct {
	temporal  client.Client
	namespace string
	waiting   *prometheus.Desc
	polling   *prometheus.Desc

	mu    sync.Mutex
	heard map[string]queue // what was last heard, by sink
}

type queue struct{ backlog, pollers float64 }

// scrapeTimeout bounds what a scrape waits for Temporal; Prometheus gives up after 10 s by default.
const scrapeTimeout = 3 * time.Second

func newBacklog(temporal client.Client, namespace string, sinks []config.Sink) *backlog {
	b := &backlog{
		temporal: temporal, namespace: namespace, heard: map[string]queue{},
		waiting: prometheus.NewDesc("consign_queue_backlog", "Queued attempts that wait in Temporal for a worker, over all workers.", []string{"sink"}, nil),
		polling: prometheus.NewDesc("consign_queue_pollers", "Workers that asked for a sink's queued attempts within the last 5 minutes.", []string{"sink"}, nil),
	}
	for _, sink := range sinks {
		for _, name := range names(sink) {
			b.heard[name] = queue{}
		}
	}
	return b
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- b.waiting
	ch <- b.polling
}

// Collect implements prometheus.Collector. While Temporal does not answer, the last values stand.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for sink := range b.heard {
		answer, err := b.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace:     b.namespace,
			TaskQueue:     &taskqueuepb.TaskQueue{Name: consign.SinkQueue(sink)},
			TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
			ReportStats:   true,
		})
		if err == nil {
			b.heard[sink] = queue{float64(answer.GetStats().GetApproximateBacklogCount()), float64(len(answer.GetPollers()))}
		}
		ch <- prometheus.MustNewConstMetric(b.waiting, prometheus.GaugeValue, b.heard[sink].backlog, sink)
		ch <- prometheus.MustNewConstMetric(b.polling, prometheus.GaugeValue, b.heard[sink].pollers, sink)
	}
}
