package worker

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/consign-dev/consign/config"
	"github.com/consign-dev/consign/status"
)

// errNoReread is why a worker cannot be asked to reload.
var errNoReread = errors.New("this worker was given its configuration by a program, which has to reload it")

// Reread has the worker read its configuration anew, by [Options.Reread], and go by it as [Worker.Reload] says. by says
// who has asked, or what. Where there are mistakes the worker goes on by the configuration from before: they stand in
// the answer, and in the log.
func (w *Worker) Reread(ctx context.Context, by string) status.Reload {
	if by == "" {
		by = "unknown"
	}
	w.rereading.Lock() // else what was read first might come last
	defer w.rereading.Unlock()
	w.log.Info("reading the configuration anew", zap.String("by", by))
	changes, err := w.reread(ctx)
	now := w.acts.Current().Config
	answer := status.Reload{Identity: w.identity, Config: status.Config{Path: now.Path, Digest: now.Digest()}, Changes: changes}
	if err == nil {
		w.refused.Store(nil)
		return answer
	}
	answer.Refused = mistakes(err)
	if errors.Is(err, errNoReread) {
		return answer
	}
	if before := w.refused.Swap(&answer.Refused); by == changedFiles && before != nil && slices.Equal(answer.Refused, *before) {
		return answer // it was tried again, and the log has them
	}
	for _, mistake := range answer.Refused {
		w.log.Error("mistake in the configuration", zap.String("mistake", mistake))
	}
	w.log.Error("configuration not reloaded, the one from before stays", zap.String("by", by), zap.Int("mistakes", len(answer.Refused)))
	return answer
}

func (w *Worker) reread(ctx context.Context) (status.Changes, error) {
	if w.options.Reread == nil {
		return status.Changes{}, errNoReread
	}
	c, err := w.options.Reread(ctx)
	if err != nil {
		w.reloads.note(false)
		return status.Changes{}, err
	}
	for _, note := range c.Notes {
		w.log.Warn("note on the configuration", zap.String("note", note.Error()))
	}
	return w.Reload(ctx, c)
}

// mistakes are the lines of an error, each of which names one.
func mistakes(err error) (all []string) {
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, problem := range problems {
			all = append(all, problem.Error())
		}
		return all
	}
	for line := range strings.Lines(err.Error()) {
		all = append(all, strings.TrimSpace(line))
	}
	return all
}

// reload is the activity "reload".
func (w *Worker) reload(ctx context.Context, in status.ReloadInput) (status.Reload, error) {
	return w.Reread(ctx, in.By), nil
}

// reloadMetrics tell how the last reload went.
type reloadMetrics struct{ successful, at prometheus.Gauge }

func newReloadMetrics(registry prometheus.Registerer) *reloadMetrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "consign", Name: name, Help: help})
	}
	m := &reloadMetrics{
		successful: gauge("config_last_reload_successful", "1 if the configuration was last read without a mistake, at the start or by a reload; 0: the one from before is in force."),
		at:         gauge("config_last_reload_success_timestamp_seconds", "When the configuration in force was read, in Unix time."),
	}
	registry.MustRegister(m.successful, m.at)
	m.note(true)
	return m
}

func (m *reloadMetrics) note(successful bool) {
	if !successful {
		m.successful.Set(0)
		return
	}
	m.successful.Set(1)
	m.at.SetToCurrentTime()
}
