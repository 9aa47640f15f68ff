// SPDX-License-Identifier: Apache-2.0

// Package policy is the compiled configuration: which link a packet comes from,
// what that link's clients may have, and the option bytes that they are sent.
//
// Build turns a Spec (plain values, filled from the configuration file and from
// what the network interfaces look like) into a Policy. A Policy is immutable:
// it is read by all workers at once without a lock, and a reload swaps the
// whole of it. Nothing here is looked up by name or encoded while a packet
// waits; every method that a packet needs is free of allocation.
//
//	Policy ─┬─ Ports       one per served interface, index = frame.Port
//	        ├─ Scopes      a shared network, or a subnet that stands alone;
//	        │              the unit in which a client has one lease
//	        ├─ Subnets ──► Scope, lease times, options, pools in order of use
//	        └─ Layout      pools and reserved addresses, for lease.Table
//
// What a more specific place configures wins over a less specific one:
//
//	reservation > class > pool > subnet > shared network > global
//
// and over all of that lies what a place has for the members of a class
// (Option.Class), in the same order without "class": the order of look-up of
// [MS-DHCPE] §1.4. The merge happens in Build; an OptionSet is its result. What a
// client in certain classes gets is merged when the first such client comes, and
// kept in a table of fixed size (variant.go).
//
// What many messages look at in a random order is laid out by cache lines: subnets,
// reservations (reserved.go), conditions (values.go); expect.go fetches it ahead.
//
// A class is a condition on what a client sends or where it is (Match). Conditions
// on one value are hash look-ups, and only classes that a look-up brings up are
// evaluated (class.go). An expression, which can say what they cannot, needs the
// whole message (expr.go) and so the slow path: all: [vendor-class x, expression]
// sends only the clients of that vendor there, an expression alone everybody on
// the links where the class has an effect. Classes choose options, lease times,
// boot parameters and pools, are counted (limits.go), or are not answered.
package policy
