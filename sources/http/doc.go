// Package http takes results over HTTP: POST /v1/results.
//
// The way of a request through it: the guard lets it in (a bearer token, or a loopback name); its body
// is decompressed and split by package intake, so that a value means what it means to submit; all of it
// is checked before any of it is submitted; each result goes through the one Submitter of the process;
// and the answer comes when Temporal holds them all, or with ?wait=committed when every sink has
// committed them. What goes wrong is answered as problem+json (RFC 9457), and says what became of each
// result, so that the request can be sent again as it was.
//
// A server listens before Temporal is there: /healthz says that the process lives, /readyz whether
// results are taken. openapi.json describes it all.
package http
