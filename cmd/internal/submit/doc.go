// Package submit is the command that reads results and submits them, as `submit` and as
// `consign submit`.
//
// The way of one result through it: a [Reader] splits the input into JSON values, each with the
// line on which it begins; an envelope's reading makes a result of the value, its data untouched;
// the run submits up to --concurrency of them at once and, with --wait, follows each until it is
// committed; the tally makes the summary and the exit code.
package submit
