// Package sources is the room of the upstreams that Consign itself reads: one package for each kind.
package sources
