// Package trace tells the whole story of one result: when it was submitted, which sinks it went to, each
// attempt at each of them, what was parked and what became of that, and the ack. All of it is read from
// Temporal, and nothing is changed.
package trace
