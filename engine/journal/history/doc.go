// SPDX-License-Identifier: Apache-2.0

// Package history answers who had an address at a given time, and which addresses a
// client had: the question that providers are asked by law.
//
// It is fed with the same encoded changes that the journal makes leases durable with,
// a stretch of the log at a time, off the commit path. A stretch becomes a run: a file
// of spans in the order of their addresses, with an index by client. Runs are merged,
// eight of a size into one, so that there are few of them. In a merge the renewals of
// a lease fold into one span, so what is kept grows with the number of leases and not
// with the number of packets. Spans that ended before the time to keep are left out
// when the oldest run is merged into the next; one that still goes on takes the
// identity of its client along, however long ago the grant was.
//
// A span says: this client had this address from From to End; it last renewed at Last.
// When relay information or host name change within a lease, a new span begins.
//
// # Files
//
//	history/manifest       JSON: the runs, oldest first, and how far the log is in them
//	history/000000000042.run
//
// A run is a sequence of blocks of 16 KiB, all little endian:
//
//	 0        4     6     8
//	| crc32c | len | zero | entries … (len bytes) | zeros
//	entry:    | shared u8 | rest of the key | length of the value, uvarint | value |
//
// shared is how many bytes the key has in common with the one before it in the block.
// A tree is its leaf blocks, in order, followed by the blocks of the level above (the
// first key of each leaf, with its number as value), and so on up to a root. A run has
// two trees and ends with a block that says where they are:
//
//	spans:   key address (4, big endian), version of the first change (4); value: see span.go
//	clients: key kind (1), hash of the identity (6), address (4); no value
//
// The identity found by its hash is compared in full before anything is answered.
package history
