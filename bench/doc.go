// Command bench measures what a delivery costs, beside what the engine below it costs, on the machine
// it runs on:
//
//	go run ./bench                      # a table, in about six minutes
//	go run ./bench -json > bench.json   # one JSON object
//	go run ./bench -only single,alone   # some of the figures
//	go run ./bench -plot bench.svg      # a drawing beside the table
//	go run ./bench -plot both.svg before.json after.json   # two reports side by side; nothing is measured
//
// Absolute rates say as much about the machine as about Consign, so each is held against a floor of the
// same run: a workflow that does nothing, started by the same client on the same embedded server with
// the same payload. Rounds of the floor and of deliveries alternate, and medians of rounds are compared.
// Ratios, and the CPU time of a result, are what a machine with other work repeats.
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
//   - paced: 100 results a second through a Submitter that gives each a workflow of its own, to the three
//     sinks, with server, Web UI, worker and the source of results in one process: from when a result was due
//     until its receipt, and the most memory of that process. Linux alone.
//   - http_ingest: POST /v1/results?wait=committed until the answer that all of it is committed: one result a
//     request, one request at a time; and results a second, up to 256 to a workflow, while four clients post
//     NDJSON of 100 results each. Server, worker and HTTP server are one process, the clients another, and the
//     CPU is that of the first.
//   - two_workers: results a second with one worker process and with two, to a webhook that takes 50 ms for each
//     and gets one at a time from each worker. The server is a process of its own.
//   - dead_sink: at a fixed rate, the 95th percentile from Submit until the file and the pipe hold the
//     result, while the webhook works, refuses connections, or accepts and never answers. What was
//     submitted in the first seconds is left out, since the figure is about an open circuit.
//   - replay: dead letters a second that one order replays, each a workflow of its own, from the order until all are
//     delivered; and the 95th percentile of live results, as that of dead_sink, without an order and beside one of 20
//     a second.
//   - flooded: results a second of a stream that is handed over as fast as it is taken, up to 256 results a
//     workflow, with server, Web UI, worker and source in one process, until each is committed at an fsynced
//     file, a webhook and a NATS stream (receiver and NATS server are processes of their own).
//   - flooded_webhook: the same to a webhook alone: one signed request for each result.
//   - resident: the most memory of server, Web UI and worker in one process, as `consign up` runs them:
//     idle, at 100 results a second, and saturated, while another process submits. Linux alone.
//
// Two more take long, and are measured only where -only names them:
//
//   - steady: for ten minutes (-steady) as many results as a Submitter takes, up to 256 to a workflow, to the
//     three sinks, with server, Web UI, worker and the source in one process: rate, CPU, memory and the size of
//     the data directory in the first minute and in the last. The file takes about 1 KiB of disk a result, some
//     six GB on a fast machine. Linux alone.
//   - growth: floor and single on a database that holds 1,000, 100,000 and 300,000 closed workflows (-growth), rounds
//     of each in turn with a fresh database beside it. The engine makes the first deliveries. The rest are copies of
//     those, written by SQL while the server is stopped, for the engine would take half an hour: the rows that
//     a closed delivery leaves in executions, current_executions, history_tree, history_node, timer_tasks and
//     executions_visibility, with ids of their own. The server then counts them, and reads the receipt of the last. A
//     workflow takes about 13 KB.
//
// Every result is counted at the file, the receiver and the pipe; a run in which one is missing fails.
// Servers write to a real disk (SQLite, WAL, synchronous=FULL; the plain one as start-dev does). What was
// written is removed at the end.
//
// # Other processes
//
// The program runs itself as the receiver, and as a [Host], which is server, worker and source or one of them. It
// calls what a host does by net/rpc over the host's standard input and output.
package main
