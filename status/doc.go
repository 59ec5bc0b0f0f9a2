// Package status tells how a whole installation of Consign stands: its sinks, workers and sources, what
// waits for a worker that is gone, and the Temporal that holds all of it.
//
// What all workers share is read from Temporal. What only a worker knows (circuits, rates, how long attempts
// take, the last failure) each worker tells by itself: it polls a task queue of its own for the activity
// "standing", which [Read] starts there. So no worker needs an open port, and whoever has access to Temporal
// finds every worker.
package status
