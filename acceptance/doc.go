// Package acceptance holds the tests that drive Consign whole: real workflows on a real Temporal
// server in this process, real sinks, real receivers. One server serves all of them, each test in
// a namespace of its own.
package acceptance
