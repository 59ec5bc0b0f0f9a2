// Package embedded runs a Temporal server and its Web UI inside this process, on SQLite, tuned for
// Consign's job: `consign up` and `consign demo` need no other service.
//
//	server, err := embedded.Start(ctx, embedded.Options{})
//	if err != nil { … }
//	defer server.Stop(ctx)
//	c, err := client.Dial(client.Options{HostPort: server.Address()})
//
// It is a real Temporal server: any SDK and the temporal CLI can talk to it at [Server.Address], and a
// person can look at it at [Server.UIURL]. It listens on the loopback interface only, has no
// authentication and calls nobody: neither Temporal's version check nor the Web UI's news are fetched.
//
// # What is kept, and how safely
//
// Everything lies in one SQLite file, temporal.db in the data directory, in WAL mode with
// synchronous=FULL: what the server has confirmed survives a SIGKILL and a power cut. A lock file keeps a
// second server off the same directory. Temporal ships no migrations for SQLite, so a file whose tables
// are not this server's is refused and left as it is; see [ErrForeignSchema]. So is one that is damaged.
// [Backup] makes a copy of it, also while the server runs.
//
// # What queries cost here
//
// A stock Temporal server keeps 58 indexes and two full-text tables beside every workflow it lists, on
// the one connection that all writes share. Here only those are kept that the Web UI's usual views and
// Consign's own listings need; indexes.go says which, and why. On this server:
//
//   - Listing in the default order, by workflow id (also STARTS_WITH), type, status, execution time, any
//     Keyword attribute and parent is indexed as usual.
//   - Every other filter (task queue, root workflow, history length, run time, schedules, worker
//     deployments, attributes of type Int, Bool, Double and Datetime, `<Keyword> IS NULL`) still works,
//     but reads every row of the namespace: some 0.2 s for 65,000 workflows, during which nothing is written.
//   - KeywordList and Text attributes work, as do TemporalPauseInfo and TemporalReportedProblems, except
//     BuildIds: a filter on it finds only workflows that have another attribute of those types too.
package embedded
