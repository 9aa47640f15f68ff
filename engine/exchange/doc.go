// SPDX-License-Identifier: Apache-2.0

// Package exchange decides what a DHCP server answers. It is the protocol's
// state machine, and it exists once: the fast and the slow path are two codecs
// around it.
//
//	bytes ──codec──► Query ──Decide4──► Answer ──codec──► bytes
//	                          │   ▲
//	                          ▼   │
//	                 lease.Table  policy.Policy
//
// It is pure: no I/O, no clock (time is an argument), no allocation. What it
// changes in the lease table goes into the caller's Batch, and the Answer names
// the ticket that must be durable before the reply leaves (RFC 2131 §3.1
// step 4). A Server may be used by many goroutines at once; a Query, an Answer
// and a Batch belong to one.
//
// The clauses are RFC 2131 §4.1 and §4.3 with the updates of RFC 1534, 2563, 3011,
// 3046, 3527, 4039, 4361, 4388, 4702, 5107, 6607, 6704, 6842, 6926 and 8925, and [MS-DHCPE] §3.2.5;
// each is cited where it is carried out and checked by the test file that bears
// its number.
//
// What an answer has of its own, beside the options of the configuration, comes
// encoded (Answer.Own): a codec copies it and need not know what it means. A
// message that can be decided only with all its options at hand (Query.Options)
// is refused with PuntClass before anything has changed.
package exchange
