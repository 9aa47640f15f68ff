// SPDX-License-Identifier: Apache-2.0

// Package slowpath answers every message that the fast path does not: it is the
// complete one of the two codecs around exchange.Server, and around exchange6.Server
// for DHCPv6, built on gopacket, with sockets of its own.
//
// Packets come in by two roads and leave by two:
//
//	worker ── Queue.Punt ── frames ──┐                  ┌── AF_PACKET: whole frames
//	                                 ├─ Codec, Decider ─┤
//	kernel ─ UDP :67, :547 ─ payloads ┘                 └── UDP :67, :547: routed by the kernel
//
// A worker punts copies of frames that it could not answer in place; they are
// answered as frames, with the request's VLAN tags, to the addresses that the
// fast path would have used. The kernel delivers what XDP passes: reassembled
// fragments, IPv4 options, and all that arrives where XDP is off. Those are
// answered by a frame where the client cannot yet be reached by IP (broadcast,
// or yiaddr at chaddr), else through the UDP socket. A reply always leaves by
// the interface that the request came in on.
//
// # What is complete here
//
// Decoding joins the parts of an option over the options, file and sname fields
// (RFC 3396 §7, option 52) before any value is looked at, for Microsoft's clients
// also those in options 250 ([MS-DHCPE] §2.2.9). Encoding puts options
// into file and sname and splits them where the client's limit (option 57, at
// least 576) leaves no other way (encode.go). For all that the fast path can
// answer, the reply is the same, byte for byte
// (internal/equivalence). A BOOTP client's reply has no overload, and the size of
// BOOTP (RFC 1534 §2).
//
// # DHCPv6
//
// The codec of DHCPv6 takes the packet apart with gopacket, one relay's envelope after
// the other, and puts the reply together from the inside out; with the in-place path
// it shares the codes and nothing else (decode6.go, encode6.go). Its sockets join the
// groups of RFC 8415 §7.1. A reply that is longer than a link carries goes in
// fragments: of the kernel's, or our own where it answers a frame. All replies go back
// to where the message came from, so none needs a frame for want of an address.
//
// # Goroutines
//
// Run starts one reader for each interface's UDP socket of each family that is served,
// one keeper that opens that socket again when the interface comes back or the family
// is served later (link.go), one watcher of the
// kernel's link notices, and serve, which owns the codec, the journal lane and
// all that is sent. A turn of serve:
//
//  1. Take up to 64 packets from the two queues.
//  2. Decode and decide on each, encode its answer into memory of its own, and
//     give the packet back to its queue.
//  3. Append the changes of all of them to the journal, once.
//  4. Send the answers that promise nothing; park the others.
//  5. Send the parked answers that are durable by now, whichever lane they
//     wait for; drop those that nobody waits for any more.
//  6. Do what an operator has ordered, such as to send a FORCERENEW (forcerenew.go) or a
//     Reconfigure (reconfigure.go).
//  7. Sleep until a packet, the journal or the age of a parked answer wakes it.
//
// Invariants. An answer that acknowledges a change leaves only after
// Journal.Durable has said yes to its ticket (RFC 2131 §3.1 step 4), and never
// once the journal has failed. Packets and answers are bounded in number: when
// the parked answers come near their bound, nothing is taken from the queues;
// when the punt queue is full, Punt says so and the worker counts it; when the
// other is full the readers wait and the sockets' buffers fill. So a stalled
// disk costs replies, and never memory.
//
// The journal's notice and serve's look at the parked answers cannot miss each
// other: the notice goes into a channel of capacity one, after the durable
// ticket is published and before serve can find the channel empty.
package slowpath
