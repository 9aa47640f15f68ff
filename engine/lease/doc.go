// SPDX-License-Identifier: Apache-2.0

// Package lease is the table of all IPv4 leases: who has which address, who
// had it before, and which address is free.
//
// It is pure: it does no I/O, reads no clock and starts no goroutine. Time is an
// argument, and what must become durable goes into the caller's Batch. All
// methods of Table may be called from any goroutine. The table is the source of
// truth while the server runs; the journal is, when it starts.
//
// # Memory
//
// An address has a record of 64 bytes (one cache line) from the moment that it
// is first handed out. Records lie in blocks of 256 for a /24, blocks in slabs; a
// record never moves, so a ref (slab, block, record) is as good as a pointer and
// half as long, and the garbage collector sees a few large objects without
// pointers. What varies in length (client-id, relay information, host name) lies
// in a parallel slab if it fits in 40 bytes: its place follows from the ref, so
// both cache lines are fetched at once. Longer data has a place in the shard's
// annex. The index from clients to records has 8 bytes an entry.
//
//	addr ─► directory ─► block ─► record ◄─ index ◄─ hash(scope, kind, id)
//	                               │  └─► cold[ref] or annex
//	                               └── next, prev: the one list that it is in
//
// A record is always in exactly one list of its shard: free and nobody's
// (clean, by pool), free and remembered for its last client (idle, by pool),
// waiting for its time (wheel), on probation, or loose (infinite leases, free
// addresses outside of all pools). A renewed lease stays where it is in the
// wheel; the reaper finds it there too early and moves it. So the usual
// renewal touches the record and nothing else, not even the index.
//
// # Concurrency
//
// The table is split into shards with a lock each. A client hashes to a shard of
// its scope (a scope of few addresses has one, a large one has all), and
// everything that the client has is owned by that shard, so one lock covers one
// decision. record.owner says which shard owns an address; it is the only field
// that is read without the lock.
//
//  1. Hash the client, lock its shard, look for its records.
//  2. If the client has none that it may use: take a free address of this shard,
//     or claim an untouched one (owner goes from 0 to us by compare-and-swap).
//  3. If there is none: unlock, lock a shard that has one (a bitmap by pool
//     says which), take it out of that shard's lists and index, set owner to us,
//     unlock, lock our own again. The address is in nobody's list meanwhile
//     (state hand), so nobody else can take it. Then look again for the client:
//     another goroutine may have served it; the address then goes to our lists.
//  4. Write the record, add the change to the batch, unlock.
//
// No goroutine ever holds two shard locks. The other locks (a pool's cursor of
// untouched addresses, the growth of memory) are leaves: they are taken under a
// shard lock, and nothing is locked under them.
//
// # What becomes durable, and when an address is free
//
// Commit, Release, Decline and Expire change the record at once and write the
// change into the batch with a version one higher. The record notes the batch's
// Ticket; the caller sends no ACK before the ticket is durable. A free address
// is not offered to another client before the change that freed it is durable;
// its last client may have it back at once. A lease never ends earlier than its
// client was told last: the ACK of a shorter one may be lost. Offers are not
// journaled: after a crash the address is free again, and the REQUEST of a client
// that holds an OFFER from before is granted if nobody else was faster.
//
// # Time
//
// A shard's clock never goes back: an earlier now is read as the latest one seen, so a
// clock that is set back frees nothing early, it only holds what is held for
// longer. A clock that leaps forward ends leases: callers pass a time that is
// anchored to the wall clock once and then counts monotonically.
package lease
