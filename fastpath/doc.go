// SPDX-License-Identifier: Apache-2.0

// Package fastpath answers DHCP frames where they lie, without allocating.
//
// A Handler belongs to one worker. For each frame it
//
//  1. parses: eth.Parse, dhcp4.Check, Options.Scan prove every length once;
//  2. fills an exchange.Query with views into the frame;
//  3. has exchange.Server decide;
//  4. encodes the Answer over the request, in the frame's own memory.
//
// A batch that is announced (Prepare) is parsed ahead, and what follows from the policy
// alone is looked up, step by step for some frames at a time, so that lease table, policy
// and cache can be fetched meanwhile (prepare.go, exchange/look.go).
//
// It decides nothing about the protocol itself: that is exchange's, which the
// slow path shares. It is one of two codecs, and the incomplete one. What it
// does not take is punted with the frame untouched: split and overloaded
// options, options that it does not know to be harmless (harmless.go), BOOTP,
// leasequery, IPv4 options, and a reply that does not fit. So nothing is written
// to the frame before the reply's size is known.
//
// The reply overwrites the request that it is made from, so the options which
// are echoed (61 and 82) are kept aside first. The options that a client asks
// for are looked up by (option set, classes, parameter request list) in a cache of fixed
// size and copied as one block (cache.go); those that answer this message in
// particular come from exchange (Answer.Own).
//
//	| Ethernet, tags | IPv4 | UDP | BOOTP header | 53 54 51 58 59 | block | own | 118 56 | 61 | 82 | END | pad to 300 |
//
// DHCPv6 is the other half of a Handler (handler6.go): the same steps around
// exchange6, with the relays' envelopes taken off before and put around the reply
// afterwards. Its reply is written beside the frame and copied over it, so nothing
// has to be kept aside.
//
// The rules of the wire: RFC 2131 §4.1, §4.3.1 (table 3), RFC 2132, RFC 3011,
// RFC 3046 §2.2, RFC 6842, RFC 8357; RFC 8415 §7 to §9, §18.3.10, §19.3, §21.
package fastpath
