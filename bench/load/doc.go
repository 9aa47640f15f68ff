// SPDX-License-Identifier: Apache-2.0

// Package load is a DHCP load generator: it simulates clients with their full
// state, offers exchanges at scheduled times, checks every answer and measures
// how long it took. cmd/xdhcpbench is its command line.
//
// Time. In an open loop every exchange has a time at which it is due, whatever
// the server does, and latency counts from that time: an answer that is late
// because an earlier one was late counts its whole delay (no coordinated
// omission), and so does the generator's own lateness, which is reported beside
// it as lag. A message that answers another one (REQUEST after OFFER) is due
// when the OFFER was received.
//
//	due        sent        OFFER = REQUEST due     ACK
//	 │── lag ───│             │                     │
//	 │──────── "offer" ───────│──────── "ack" ──────│
//	 │──────────────────── "dora" ──────────────────│
//
// Layers, from the outside in:
//
//	Run, Ramp        the loop on one locked thread: schedule → frames → results
//	Transport        AF_XDP (OpenXDP), AF_PACKET (OpenPacket), or memory in tests
//	sim              the clients: what they send next, what answer they accept
//	four, six        what DHCPv4 and DHCPv6 do differently: bytes out and in
//
// The sim does no I/O and reads no clock. A client is in exactly one place: in
// the queue of the unbound, in the queue of the bound, or in an exchange.
//
// In steady state nothing is allocated per packet: frames are built in the
// transport's memory from a template for each kind of message, clients and
// timers live in arrays that reach their size early.
//
// Source of truth for what is right: RFC 2131 §3.1, §4.3, §4.4; RFC 3046 §2.2
// for the echo of option 82; RFC 8415 §18.2, §19.3. The kinds of wrong answers are those of Wrong.
package load
