// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"errors"

	"xdhcp/engine/lease"
)

// Options of a Table; the zero value is the default.
type Options struct {
	// Shards is the number of independently locked parts, a power of two up to
	// 2048. 0: 256.
	Shards int
	// Remember is for how many seconds a free prefix of a large pool is remembered
	// for its last client. 0: 30 days.
	Remember uint32
	// Durable reports whether a batch is on disk; as lease.Options.Durable. Nil:
	// always.
	Durable func(lease.Ticket) bool
	// Seed, when not 0, makes all hashes and choices reproducible. For tests.
	Seed uint64
}

// What New and Reconfigure refuse.
var (
	ErrShards       = errors.New("lease6: number of shards is not a power of two up to 2048")
	ErrTooManyPools = errors.New("lease6: layout has too many pools")
	ErrRange        = errors.New("lease6: a pool's range is empty or backwards, or does not consist of whole prefixes")
	ErrLen          = errors.New("lease6: the length of a prefix is 0 or above 128")
	ErrOverlap      = errors.New("lease6: pools overlap")
	ErrReserved     = errors.New("lease6: two reservations overlap")
	ErrSamePool     = errors.New("lease6: two pools of a scope have the same name")
)

// Table is the lease table. Make one with New.
type Table struct{}

// New makes an empty table. Reconfigure gives it pools.
func New(o Options) (*Table, error) { panic("soon") }

// Reconfigure puts a layout in force: at start, before Apply, and on reload. No
// lease is lost: what lies outside of the new pools stays with its holder until it
// ends, but is not extended or given again. Traffic goes on meanwhile.
//
// On reload call it before the new policy is used; Requests of the policy before it
// are understood until the next Reconfigure, if Generation is set.
func (t *Table) Reconfigure(l Layout) error { panic("soon") }

// Offer holds a prefix for the IA for hold seconds, in memory only, and says which.
// In this order: the lease that it has (which stays as it is), what is offered to
// it already, what is remembered for it, its reservation, its hint, one that nobody
// has, one that is remembered for somebody else, one on probation. Only what lies in
// r.Pools is offered, or the reservation if there is one.
//
// Full: nothing is free. Taken: the reservation is (partly) somebody else's still.
// Busy: ask again.
func (t *Table) Offer(r *Request, hold uint32, now lease.Time) (Prefix, lease.Outcome) { panic("soon") }

// Commit binds p to the IA for valid seconds (lease.Infinite: for ever), or extends
// its lease. The prefix may be the IA's by lease, offer or memory, its reservation,
// or a free one of r.Pools; but only while it is the reservation, or in one of
// r.Pools if there is none. Other leases of the IA are not touched.
//
// A lease never ends earlier than it was last promised, but for one that was
// infinite; a shorter valid only makes the Reply say less.
//
// The change goes into b. A retransmission of a message that was just answered
// changes nothing and gets the ticket of the first.
//
// NotYours: the prefix is another's, or outside. Taken: likewise, and it is the
// client's reservation. Full: the IA has too many leases. Busy: ask again.
func (t *Table) Commit(r *Request, p Prefix, preferred, valid uint32, now lease.Time, b *lease.Batch) (Grant, lease.Outcome) {
	panic("soon")
}

// Leases appends what the IA has, holds and is remembered for: leases first, then
// offers, then memory.
func (t *Table) Leases(scope lease.ScopeID, duid []byte, ia IA, now lease.Time, dst []View) []View {
	panic("soon")
}

// Release ends the IA's lease of p at once. The prefix is remembered for the client
// (a temporary address is not), and goes to others last. An offer is taken back
// without a change.
//
// Unknown: the IA has nothing. NotYours: it has another prefix.
func (t *Table) Release(scope lease.ScopeID, duid []byte, ia IA, p Prefix, now lease.Time, b *lease.Batch) lease.Outcome {
	panic("soon")
}

// Decline puts p, which the client found in use, on probation for that many seconds
// (RFC 8415 §18.3.8). Only the holder of a lease or an offer can do this.
//
// Unknown: the IA has nothing. NotYours: it has another prefix.
func (t *Table) Decline(scope lease.ScopeID, duid []byte, ia IA, p Prefix, probation uint32, now lease.Time, b *lease.Batch) lease.Outcome {
	panic("soon")
}

// Withdraw takes back what is held for an IA whose client chose another server. A
// lease is never touched.
func (t *Table) Withdraw(scope lease.ScopeID, duid []byte, ia IA, now lease.Time) { panic("soon") }

// Expire ends leases, offers and probations whose time has come, and forgets what
// is remembered for too long. It looks at no more than budget records and returns
// how many: less than budget means that it has caught up with now. The next call
// goes on where this one stopped. One goroutine calls it, about every second, with
// a lane of its own.
func (t *Table) Expire(now lease.Time, budget int, b *lease.Batch) int { panic("soon") }

// Lookup fills e with the record of exactly this prefix, whoever has it. False:
// there is none.
func (t *Table) Lookup(p Prefix, e *Entry) bool { panic("soon") }

// Find fills e with the record of the address or, if there is none, of the prefix
// that contains it.
func (t *Table) Find(a IP6, e *Entry) bool { panic("soon") }

// EachOf calls fn with a copy of every record of a client, in all scopes and of all
// its IAs, until fn says no. It walks over a shard: not for the hot path.
func (t *Table) EachOf(duid []byte, fn func(*Entry) bool) bool { panic("soon") }

// Each calls fn with a copy of every record, shard by shard in no particular order,
// until fn says no.
func (t *Table) Each(fn func(*Entry) bool) bool { panic("soon") }

// Shards is the number of shards, for EachShard.
func (t *Table) Shards() int { panic("soon") }

// EachShard is Each for one shard. It reports whether fn never said no.
//
// The shard is locked for a few records at a time, and not while fn runs; the Entry
// is valid during the call. Each record is as it was at some moment of the walk. One
// that exists all the time is seen exactly once.
func (t *Table) EachShard(shard int, fn func(*Entry) bool) bool { panic("soon") }

// Apply replays an encoded change, from the log or from a snapshot: see
// lease.Table.Apply. Call Reconfigure before, and Settle after.
func (t *Table) Apply(rec []byte) error { panic("soon") }

// Settle brings what is free but remembered into the order in which it became
// free, which a replay does not keep.
func (t *Table) Settle() { panic("soon") }

// Stats counts by state.
func (t *Table) Stats() Stats { panic("soon") }

// PoolStats is the use of each pool of the layout in force. Leases that a reload
// took out of all pools are not among them.
func (t *Table) PoolStats() []PoolStat { panic("soon") }
