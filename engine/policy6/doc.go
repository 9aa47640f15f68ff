// SPDX-License-Identifier: Apache-2.0

// Package policy6 is the compiled configuration for DHCPv6: which link a message
// comes from, what that link's clients may have, and the option bytes that they
// are sent. It is to engine/exchange6 what engine/policy is to engine/exchange,
// and shares with it what is no matter of the family: classes and their matchers,
// the filters, how limits are written down.
//
// Build turns a Spec (plain values) into a Policy. A Policy is immutable: it is
// read by all workers at once without a lock, and a reload swaps the whole of it.
// Every method that a packet needs is free of allocation.
//
//	Policy ─┬─ Ports       one per served interface, index = frame.Port
//	        ├─ Scopes      a shared network, or a subnet that stands alone: one link
//	        ├─ Subnets ──► Scope, lifetimes, options, pools in order of use
//	        └─ Layout      pools and reserved leases, for lease6.Table
//
// What a more specific place configures wins over a less specific one:
//
//	reservation > class > pool > subnet > shared network > global
//
// and at each place what it has for the members of a class (Option.Class) wins
// over what it has for everybody: the order of look-up for DHCPv6 of [MS-DHCPE]
// §1.4, which differs from that for DHCPv4. A message has one set of options
// though it may have leases of several pools: pools' options count where all the
// leases of the message are of one pool.
package policy6
