// Package deadletters lists, shows, replays and discards dead letters: results that a sink did not
// take, each held by a DeadLetter workflow until someone decides. [Drain], [Export] and [Import] take
// all that is not delivered from one Temporal to another.
//
//	for entry, err := range deadletters.List(ctx, temporal, deadletters.Filter{Sink: "slack"}) {
//		if err != nil {
//			return err
//		}
//		if err := deadletters.Replay(ctx, temporal, entry.ID, "maria@laptop"); err != nil {
//			return err
//		}
//		if err := deadletters.Wait(ctx, temporal, entry.ID); err != nil {
//			return err // deadletters.ErrParked, with the cause, if the sink refused it again
//		}
//	}
//
// Listings come from Temporal's visibility store, which is up to a few seconds behind. The other
// calls ask the workflow itself, so they need a worker that runs, and are never behind. The client
// decides the namespace; it has to decode as [consign.DataConverter] does, or the data of results is
// shown rewritten.
package deadletters
