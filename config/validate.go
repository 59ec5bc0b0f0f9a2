package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// layer is a place where settings may be written: a sink, or the section "defaults".
type layer struct {
	node *node
	path string
}

// report says what is wrong with a field.
type report func(field, message string)

// among returns the report of problems with fields that are written in one of the layers, the first
// one that has the field. What none of them has is reported at the last. Messages begin with the
// value as it is written.
func (r *reader) among(layers ...layer) report {
	return func(field, message string) {
		last := layers[len(layers)-1]
		at, path := last.node, joinField(last.path, field)
		for _, l := range layers {
			if l.has(field) {
				at, _ = l.node.find(field)
				path = joinField(l.path, field)
				break
			}
		}
		if r.broken(path) {
			return
		}
		if at.shape == scalar {
			message = fmt.Sprintf("%q: %s", excerpt(at.text), message)
		}
		r.problem(at.line, at.column, path, message)
	}
}

func (l layer) has(field string) bool {
	if l.node == nil {
		return false
	}
	_, found := l.node.find(field)
	return found
}

func written(layers ...layer) func(field string) bool {
	return func(field string) bool {
		for _, l := range layers {
			if l.has(field) {
				return true
			}
		}
		return false
	}
}

func (r *reader) checkDelivery(d *Delivery, layers ...layer) {
	r.noteBatchFlush(layers)
	r.checkWhen(d, layers...)
	r.checkClasses(d, layers...)
	r.checkRetry(&d.Retry, layers...)
	d.validate(r.among(layers...))
	r.noteMaxAge(d, layers)
}

// checkDefaults checks the section "defaults" in a file that has no sinks, too.
func (r *reader) checkDefaults(n *node) {
	if n == nil || n.shape != mapping {
		return
	}
	delivery := defaultDelivery(false)
	r.decodeStruct(n, reflect.ValueOf(&delivery).Elem(), "defaults")
	r.checkDelivery(&delivery, layer{n, "defaults"})
	r.checkInline(&delivery, layer{n, "defaults"})
}

func (d *Delivery) validate(report report) {
	positive(report, "timeout", d.Timeout)
	between(report, "concurrency", d.Concurrency, 1, 1000)
	between(report, "batch_max", d.BatchMax, 1, 10_000)
	between(report, "queue_depth", d.QueueDepth, 1, 1_000_000)
	oneOf(report, "on_full", d.OnFull)
	d.RateLimit.validate(report, "rate_limit")
	if d.Circuit.Failures != -1 {
		between(report, "circuit.failures", d.Circuit.Failures, 1, 1000, "-1 never opens the circuit")
	}
	positive(report, "circuit.open", d.Circuit.Open)
}

func (r *reader) checkRetry(retry *Retry, layers ...layer) {
	r.checkSchedule(retry, layers)
	retry.fit(written(layers...))
	report := r.among(layers...)
	retry.validate(report)
	if retry.Backoff <= retry.MaxBackoff || retry.MaxBackoff <= 0 {
		return
	}
	if layers[0].has("retry.max_backoff") {
		report("retry.max_backoff", "must not be less than retry.backoff")
	} else {
		report("retry.backoff", "must not be more than retry.max_backoff")
	}
}

func (retry *Retry) validate(report report) {
	between(report, "retry.max", *retry.Max, 0, 1000)
	positive(report, "retry.backoff", retry.Backoff)
	positive(report, "retry.max_backoff", retry.MaxBackoff)
	if *retry.Jitter < 0 || *retry.Jitter > 1 {
		report("retry.jitter", "must be between 0 and 1, such as 0.2 for a fifth of each wait")
	}
	positive(report, "retry.max_retry_after", retry.MaxRetryAfter)
}

func (r *reader) checkAcks(n *node, acks *Acks) {
	at := layer{n, "acks"}
	positive(r.among(at), "timeout", acks.Timeout)
	r.checkRetry(&acks.Retry, at)
}

func (r *reader) checkUnmatched(root *node, unmatched Unmatched) {
	oneOf(r.among(layer{root, ""}), "unmatched", unmatched)
}

// checkAlsoTo looks for the named sinks among those of the file, the faulty ones too.
func (r *reader) checkAlsoTo(root *node, c *Config) {
	var names []string
	refusals := map[string]string{}
	for _, sink := range c.Sinks {
		if !slices.Contains(names, sink.Name) {
			names = append(names, sink.Name)
		}
		refusals[sink.Name] = refusal(sink.Settings)
	}
	for i, name := range c.DeadLetters.AlsoTo {
		path := fmt.Sprintf("dead_letters.also_to[%d]", i)
		switch at, _ := root.find(path); {
		case r.broken(path):
		case !slices.Contains(names, name):
			r.problem(at.line, at.column, path, unknown("sink", r.shown(path, name), names))
		case slices.Contains(c.DeadLetters.AlsoTo[:i], name):
			r.problem(at.line, at.column, path, "is named before: a sink gets the record once")
		case refusals[name] != "":
			r.problem(at.line, at.column, path, fmt.Sprintf("sink %q %s", r.shown(path, name), refusals[name]))
		}
	}
}

// resultsOnly is a setting of a sink that may fit results alone, and not the record of a dead letter.
type resultsOnly interface{ RefuseRecords() string }

// refusal says why a sink with these settings cannot get the records of dead letters; empty: it can.
func refusal(settings Settings) string {
	if settings == nil {
		return ""
	}
	v := reflect.ValueOf(settings).Elem()
	for _, f := range fieldsOf(v.Type()) {
		if setting, ok := reflect.TypeAssert[resultsOnly](v.FieldByIndex(f.index)); ok && setting.RefuseRecords() != "" {
			return setting.RefuseRecords()
		}
	}
	return ""
}

// shown is a value in the form in which it may be printed.
func (r *reader) shown(path, value string) string {
	if origin, found := r.origins.byPath[path]; found {
		return origin.text
	}
	return value
}

func positive(report report, field string, d time.Duration) {
	if d <= 0 {
		report(field, "must be more than 0, such as 10s")
	}
}

func between(report report, field string, value, low, high int, more ...string) {
	if value < low || value > high {
		message := fmt.Sprintf("must be between %d and %d", low, high)
		report(field, strings.Join(append([]string{message}, more...), "; "))
	}
}

func oneOf[T interface {
	~string
	choice
}](report report, field string, value T,
) {
	if names := value.Values(); !slices.Contains(names, string(value)) {
		report(field, expectedOneOf(string(value), names))
	}
}
