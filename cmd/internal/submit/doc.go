// Package submit is the command that reads results and submits them, as `submit` and as
// `consign submit`.
//
// The way of one result through it: package intake splits the input into JSON values
// and makes a result of each;
// the run submits up to --concurrency of them at once and, with --wait, follows each until it is
// committed; the tally makes the summary and the exit code.
package submit
