// Package codec serves Consign's payload codec over HTTP, by Temporal's protocol of codec servers: for the
// Web UI and the temporal CLI, which by themselves show a consignment of several results as binary/zstd.
//
//	handler, err := codec.Handler(codec.Options{Origins: []string{"https://temporal.example.com"}})
//
// The embedded Web UI has one built in, and `consign codec` serves one for a Web UI elsewhere.
//
// It has no secret and reads nothing: whoever asks sends the payloads, and gets them back expanded. What it
// could be abused for is work and memory, so both are bounded, and no page of another origin is answered.
package codec
