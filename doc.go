// Package consign hands results to Consign, which delivers each of them durably to every
// configured sink and says when that is done.
//
// A [Result] is any JSON event, known by its source and id as a CloudEvent is. Submitting one
// starts a Temporal workflow that makes one delivery per sink, retries what fails, parks what
// cannot be delivered as a dead letter, and acknowledges the upstream once every sink has either
// taken the result or had it parked:
//
//	client, err := consign.Dial(ctx, consign.Options{})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//
//	handle, err := client.Submit(ctx, consign.Result{
//		Source: "scanner",
//		ID:     "finding-4711",
//		Type:   "vulnerability",
//		Data:   json.RawMessage(`{"cve":"CVE-1999-1338","severity":"medium"}`),
//	})
//	if err != nil {
//		return err // not in Temporal: keep the result and try again
//	}
//	// From here on the result survives a crash of every process involved.
//	receipt, err := handle.Wait(ctx)
//
// The connection is found as the temporal CLI finds it: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
// TEMPORAL_API_KEY, TLS variables, or a profile of temporal.toml. [Options] override it.
//
// # Idempotence
//
// Submitting is idempotent by source and id within the namespace's retention: the same result
// submitted again gets the first one's receipt and is delivered no second time, and other data
// under the same source and id is [ErrConflict]. A result without an id gets a fresh UUID, so it
// is never recognised as a duplicate.
//
// # What is promised
//
// Delivery is at least once, with a stable identity: see [DeliveryID]. The bytes of
// [Result.Data] reach every sink as they were submitted, apart from white space between tokens.
//
// # Other languages
//
// The names in this package (workflow types, signals, updates, search attributes) are a public
// contract. Any Temporal SDK can start the workflow "Deliver" on the task queue "consign" with a
// [Consignment] as plain JSON, and reads a [Receipt] back.
package consign
