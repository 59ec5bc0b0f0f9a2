// Package worker runs a Consign worker: it opens the sinks, registers workflows and activities, and
// works on the main task queue and on one task queue per sink.
//
// Any number of workers may run, anywhere, against the same Temporal. One worker per sink's queue is
// the bulkhead: a slow or dead sink holds up nobody else.
package worker
