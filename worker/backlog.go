package worker

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/consign-dev/consign"
	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/deadletters"
)

// backlog collects how many queued attempts wait in Temporal for each sink, under each of its names, and
// how many workers ask for them, at each scrape. An external sink with a backlog that nobody asks for has
// lost its worker. It also counts the open dead letters of each.
type backlog struct {
	temporal  client.Client
	namespace string
	names     func() []string // of the sinks, as of now
	waiting   *prometheus.Desc
	polling   *prometheus.Desc
	letters   *prometheus.Desc

	mu    sync.Mutex
	heard map[string]queued // what was last heard, by sink
}

type queued struct{ backlog, pollers, letters float64 }

// scrapeTimeout bounds what a scrape waits for Temporal; Prometheus gives up after 10 s by default.
const scrapeTimeout = 3 * time.Second

func newBacklog(temporal client.Client, namespace string, names func() []string) *backlog {
	return &backlog{
		temporal: temporal, namespace: namespace, names: names, heard: map[string]queued{},
		waiting: prometheus.NewDesc("consign_queue_backlog", "Queued attempts that wait in Temporal for a worker, over all workers.", []string{"sink"}, nil),
		polling: prometheus.NewDesc("consign_queue_pollers", "Workers that asked for a sink's queued attempts within the last 5 minutes.", []string{"sink"}, nil),
		letters: prometheus.NewDesc("consign_dead_letters", "Open dead letters in Temporal, those that are being replayed included.", []string{"sink"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (b *backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- b.waiting
	ch <- b.polling
	ch <- b.letters
}

// Collect implements prometheus.Collector. While Temporal does not answer, the last values stand.
func (b *backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	names := b.names()
	maps.DeleteFunc(b.heard, func(sink string, _ queued) bool { return sink != config.NoSink && !slices.Contains(names, sink) })
	for _, sink := range names {
		answer, err := b.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace:     b.namespace,
			TaskQueue:     &taskqueuepb.TaskQueue{Name: consign.SinkQueue(sink)},
			TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
			ReportStats:   true,
		})
		heard := b.heard[sink]
		if err == nil {
			heard.backlog, heard.pollers = float64(answer.GetStats().GetApproximateBacklogCount()), float64(len(answer.GetPollers()))
		}
		b.heard[sink] = heard
		b.countLetters(ctx, ch, sink)
		ch <- prometheus.MustNewConstMetric(b.waiting, prometheus.GaugeValue, b.heard[sink].backlog, sink)
		ch <- prometheus.MustNewConstMetric(b.polling, prometheus.GaugeValue, b.heard[sink].pollers, sink)
	}
	b.countLetters(ctx, ch, config.NoSink)
}

// countLetters tells of the dead letters of a sink.
func (b *backlog) countLetters(ctx context.Context, ch chan<- prometheus.Metric, sink string) {
	heard := b.heard[sink]
	if letters, err := deadletters.Count(ctx, b.temporal, deadletters.Filter{Sink: sink}); err == nil {
		heard.letters = float64(letters)
	}
	b.heard[sink] = heard
	ch <- prometheus.MustNewConstMetric(b.letters, prometheus.GaugeValue, heard.letters, sink)
}
