// Command bench measures what a delivery costs, beside what the engine below it costs, on the machine
// it runs on:
//
//	go run ./bench                      # a table, in about three minutes
//	go run ./bench -json > bench.json   # one JSON object
//	go run ./bench -only single,alone   # some of the figures
//
// Absolute rates say as much about the machine as about Consign, so each is held against a floor of the
// same run: a workflow that does nothing, started by the same client on the same embedded server with
// the same payload. Rounds of the floor and of deliveries alternate, and medians of rounds are compared.
//
// # The figures
//
//   - floor: no-op workflows a second, eager start, 1 KiB of JSON each.
//   - single: results a second, one workflow each, through Client.Submit and Handle.Wait with the worker
//     in the same process, to three sinks: an fsynced file, a webhook whose receiver is another process,
//     and a pipe to that process.
//   - alone: from Submit until the receipt, one result in flight.
//   - plain: results a second of what a first attempt would build: an ordinary workflow with three
//     ordinary activities side by side that do the same deliveries, default SDK options, and a server as
//     `temporal server start-dev --db-filename` sets it up.
//   - isolation: at a fixed rate, the 95th percentile from Submit until the file and the pipe hold the
//     result, while the webhook works, refuses connections, or accepts and never answers. What was
//     submitted in the first seconds is left out, since the figure is about an open circuit.
//   - flooded: results a second of a stream that is handed over as fast as it is taken, up to 256 results a
//     workflow, with server, Web UI, worker and source in one process, until each is committed at an fsynced
//     file, a webhook and a NATS stream (receiver and NATS server are processes of their own).
//   - flooded_webhook: the same to a webhook alone: one signed request for each result.
//   - resident: the most memory of server, Web UI and worker in one process, as `consign up` runs them:
//     idle, at 100 results a second, and saturated, while another process submits. Linux alone.
//
// Every result is counted at the file, the receiver and the pipe; a run in which one is missing fails.
// Servers write to a real disk (SQLite, WAL, synchronous=FULL; the plain one as start-dev does). What was
// written is removed at the end.
package main
