// SPDX-License-Identifier: Apache-2.0

// Package lease6 is the table of all DHCPv6 leases: which client has which address
// and which delegated prefix, who had it before, and what is free.
//
// It is to IPv6 what package lease is to IPv4, whose words for time, tickets,
// batches, scopes and outcomes it uses, and it gives the same promises. It is pure:
// it does no I/O, reads no clock and starts no goroutine. Time is an argument, and
// what must become durable goes into the caller's lease.Batch, beside the changes
// of IPv4. All methods of Table may be called from any goroutine. The table is the
// source of truth while the server runs; the journal is, when it starts.
//
// A lease belongs to an identity association: (scope, DUID, IA type, IAID). An
// association may have several leases. An address and a prefix are both a Prefix.
//
// # Memory
//
// IPv4 has a place for each address that was ever given out. IPv6 pools are too
// large for that, so a record exists only while there is something to know about
// its prefix: a lease, an offer, a probation, or the memory of a client that had
// it. A record has 128 bytes (two cache lines), 46 of them for the client's DUID,
// link-layer address and relay information; what does not fit there has a place in
// its shard's annex, and a digest of it and the DUID are in the record instead. Records lie in slabs, each of which belongs to one shard for
// ever; they never move, and hold no pointers.
//
//	stripe[hash(prefix)]          ─► record ◄─ shard[hash(scope, DUID)].index[hash(…, IA)]
//	(is it taken, and by whom)        │  └─► room or annex
//	                                  └── next, prev: the one list that it is in
//
// A record is in exactly one list: of its shard, waiting for its time (wheel), on
// probation, or infinite (loose); or of its pool, free and remembered for its last
// client (idle), oldest first. A renewed lease stays where it is in the wheel; the
// reaper finds it there too early and moves it.
//
// # No two leases overlap
//
// A layout is checked when it is made: the ranges of its pools are disjoint, all
// that a pool gives has one length, and what is reserved is disjoint or the same.
// A prefix that a layout could give is regular in it; two regular ones are equal or
// disjoint. Equal ones meet in the stripe: to take a prefix is to insert it there,
// under the stripe's lock, if nobody else has. What is left are leases that were
// made under another layout and are not regular any more (odd). They are kept in a
// sorted list as well, mostly empty, that every new claim looks into.
//
// # Concurrency
//
// The table is split into shards with a lock each. A client hashes to one, and all
// of its records are there, so one lock covers one decision:
//
//  1. Hash the client, lock its shard, look for the records of its IA.
//  2. If it has none that it may use: choose a prefix and claim it in its stripe.
//     If it is taken, choose another.
//  3. If a free prefix is remembered for another client, and wanted: its record is
//     removed first. If that is in another shard: unlock, lock that one, remove the
//     record there, unlock, lock our own again, and look again for the client, since
//     another goroutine may have served it meanwhile.
//  4. Write the record, add the change to the batch, unlock.
//
// No goroutine ever holds two shard locks. The other locks (a stripe, a pool's idle
// list, the odd list, the growth of memory) are leaves: they are taken under a shard
// lock, and nothing is locked under them.
//
// # What becomes durable, and when a prefix is free
//
// Commit, Release, Decline and Expire change the record at once and write the
// change into the batch with a version one higher. The record notes the batch's
// Ticket; the caller sends no Reply before the ticket is durable. A free prefix is
// not offered to another client before the change that freed it is durable; its
// last client may have it back at once. A lease never ends earlier than its client
// was told last. Offers are not journaled.
//
// A record that is removed leaves its version to its stripe, as a floor: the next
// record of that prefix begins above it. So of all changes of a prefix that the log
// still holds, the one with the highest version is the newest, as for IPv4. A record
// begins at the time, too, if that is more: so it is also above what was removed before
// a snapshot and a restart, which the history still has. (A prefix that changed more
// than once a second throughout may come out of order there.) Grants and renewals are
// always written in full, so each stands for itself on replay.
//
// # Forgetting
//
// Free records are remembered for their last client. In a pool that is less than
// half in use they are removed when they are older than Options.Remember, or when
// there are more of them than leases; in a fuller one they are kept, as there are
// no more of them than the pool has prefixes, and the oldest goes to the next new
// client when nothing else is left.
//
// # Time
//
// As in package lease: a shard's clock never goes back.
package lease6
