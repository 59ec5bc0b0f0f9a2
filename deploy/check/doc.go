// Package check holds, by its test, that the alert rules and the dashboard beside it are ones that Prometheus takes, and that
// they ask for series and labels which Consign has: those that docs/metrics.md names, which is made from the code.
package check
