// SPDX-License-Identifier: Apache-2.0

// Package ddns puts the names of clients into the DNS and takes them out again (RFC
// 2136 with TSIG, RFC 4703, DHCID of RFC 4701), behind the leases and never in their
// way.
//
//	journal ─ Feed ─► watch ─► queue of addresses ─► workers ─ UPDATE ─► DNS servers
//	                    │            ▲      ▲             │
//	           restart: walk of the table   └── backoff ──┘
//
// # What is true
//
// The lease table is: a worker that takes an address looks there what its name is
// now, asks the DNS what it is there, and does the difference. So the queue holds
// addresses and no orders; an address that changes five times while a server is away
// is updated once; and what is lost when the process dies, or dropped when the queue
// is full, is found again by a walk over the table. There is nothing to persist.
//
// # Names in leases
//
// A lease's host name says by its dots what is to be done with it; policy.FQDN.Record
// writes it so when the lease is granted, into the same journaled change:
//
//	pc.example.net.   we keep the address record (A, AAAA) and the pointer (PTR)
//	pc.example.net    the client keeps its address record (RFC 4702 §3.3), we the PTR
//	pc                nothing
//
// For IPv6 it is policy6.FQDN.Record. A client of both families has one name and one
// DHCID if its client identifier of IPv4 has its DUID in it (RFC 4361); otherwise the
// family that comes second finds the name in use by another client. Under a name a
// client has one IPv4 address, and as many of IPv6 as it has leases.
//
// # Order, and what it is good for
//
// Names are added A (or AAAA) first and PTR last, and removed A first and PTR last. So a PTR
// that says what the table says means that all is done, and one query tells; a PTR
// that says something else is the work that is left, and its name is the one to
// remove. That is how a restart finds what an earlier process did not finish.
// (Without a reverse zone there is no such memory: then each grant sends its update,
// and a name is removed when its lease ends.)
//
// A name is only ever taken from its owner: the DHCID beside it must be the client's
// (RFC 4703 §5.3.2, §5.5). Where the lease table no longer knows the old client (the
// address has gone to another one in the same moment, or is on probation), the A
// record of our own address is removed if there is any DHCID beside it: it was made by
// a DHCP server, and is wrong now whoever it was made for. A name that another client
// has is left alone, and counted.
//
// # Bounds
//
// The queue has a limit. A server that does not answer costs each address a
// try every now and then (up to five minutes apart), and after some tries the address
// is given up until its lease changes or the server restarts.
package ddns
