// Package sinks says what a sink is, how it fails, and which kinds there are.
//
// A sink is one named, configured destination. Each kind is a package of its own below this one,
// all of the same shape: a Config with documented fields, New, Deliver, Close. A kind is made known
// by one line in package sinks/all, and proves itself by passing the suite of package
// sinks/sinktest.
//
// # Failure
//
// An error is transient, and the delivery tried again, unless it says otherwise: [Permanent] will
// not heal on a retry, [RetryAfter] says when to come back. The cause is shown to people, in
// Temporal's Web UI among other places, so it must hold no secret.
package sinks
