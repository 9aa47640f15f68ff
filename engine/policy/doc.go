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
// That merge happens in Build; an OptionSet is its result.
package policy
