// SPDX-License-Identifier: Apache-2.0

// Package exchange6 decides what a DHCPv6 server answers. It is the protocol's
// state machine, and it exists once: the fast and the slow path are two codecs
// around it.
//
//	bytes ──codec──► Query ──Decide6──► Answer ──codec──► bytes
//	                          │   ▲
//	                          ▼   │
//	                lease6.Table  policy6.Policy
//
// It is pure: no I/O, no clock (time is an argument), no allocation. What it
// changes in the lease table goes into the caller's Batch, and the Answer names
// the ticket that must be durable before the reply leaves (RFC 8415 §18.3.1: "MUST
// commit the assignment of any addresses … before sending a Reply"). A Server may
// be used by many goroutines at once; a Query, an Answer and a Batch belong to one.
//
// The codec proves lengths, unwraps the relays' envelopes and fills the Query;
// everything that RFC 8415 §16 and §18.3 say about a server is here: which message
// is discarded, which IA gets which lease, lifetimes, T1 and T2 and status, and
// which options follow from this very message. The clauses are those of RFC 8415 with
// RFC 9915 where the two differ and no mode says otherwise, and RFC 4704, 6422,
// 6603, 6939, 7083, 8168, and [MS-DHCPE] §3.2.5; each is cited where it is carried
// out and checked by the test file that bears its number.
package exchange6
