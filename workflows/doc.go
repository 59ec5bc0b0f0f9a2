// Package workflows holds Consign's two workflows.
//
// [Deliver] carries a consignment to every sink that wants it, and acks each result once it is
// committed everywhere. [DeadLetter] holds what one sink did not take until a person replays or
// discards it. Both are deterministic and touch the world only through package activities.
//
// Their code lives for weeks in running workflows: every change that another history would not
// replay under goes through workflow.GetVersion, and testdata keeps recorded histories that must
// replay.
package workflows
