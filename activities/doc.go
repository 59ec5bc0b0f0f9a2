// Package activities is the only code of Consign that touches the world on behalf of a workflow.
//
// There are four activity types, whatever the sinks are called:
//
//   - route decides which sinks get which results, and under which policy;
//   - deliver makes one attempt at one sink, inline as a local activity or queued on the sink's
//     own task queue;
//   - park starts the DeadLetter workflow that holds what could not be delivered;
//   - ack tells the upstream that a result is committed.
//
// A [Gate] stands before each sink of a worker. It bounds what is under way, decides whether a
// first attempt may be made inline, and holds the sink's circuit.
package activities
