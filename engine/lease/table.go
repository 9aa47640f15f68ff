// SPDX-License-Identifier: Apache-2.0

// Package lease is the table of all IPv4 leases: who has which address, who
// had it before, and which address is free.
//
// It is pure: it does no I/O, reads no clock and starts no goroutine. Time is an
// argument, and what must become durable goes into the caller's Batch. All
// methods of Table may be called from any goroutine.
package lease

// Options of a Table; the zero value is the default.
type Options struct {
	// Shards is the number of independently locked parts, a power of two.
	// 0: 256.
	Shards int
	// PerShard is how many addresses a scope must have for each shard that it
	// is spread over: a small subnet lives in one shard. 0: 256.
	PerShard int
	// Durable reports whether a batch is on disk. It is called with a shard
	// locked: it must be cheap and must not call the table. Nil: always.
	Durable func(Ticket) bool
	// Seed, when not 0, makes the hash and so every decision reproducible.
	// For tests: a known seed lets an attacker aim at one shard.
	Seed uint64
}

// Table is the lease table. Make one with New.
type Table struct{}

// New makes an empty table. Reconfigure gives it addresses.
func New(o Options) (*Table, error) { return &Table{}, nil }

// Reconfigure puts a layout in force: at start (before Apply) and on reload.
// No lease is lost: what lies outside of the new pools stays with its holder
// until it ends, but is not extended or given again.
func (t *Table) Reconfigure(l Layout) error { return nil }

// Find is the client's record in a scope: its lease or held offer, or the
// address that is remembered for it.
func (t *Table) Find(scope ScopeID, c *Client, now Time) (View, bool) { return View{}, false }

// Lookup fills e with the record of an address, whoever has it. False: the
// table has never touched the address.
func (t *Table) Lookup(addr IP4, e *Entry) bool { return false }

// Offer chooses an address for a DISCOVER (RFC 2131 §4.3.1) and holds it for
// hold seconds: the client's present or previous address, its reservation, what
// it wants, then the pools. Nothing is journaled.
func (t *Table) Offer(r *Request, hold uint32, now Time) (IP4, Outcome) { return 0, Full }

// Commit binds addr to the client for valid seconds (Infinite: for ever), or
// extends its lease. The address may be the client's by offer, lease or memory,
// its reservation, or a free one of r.Pools. Another address that the client
// held in the scope is released. The change goes into b, unless the REQUEST is a
// retransmission that an earlier change already answers.
func (t *Table) Commit(r *Request, addr IP4, valid uint32, now Time, b *Batch) (Outcome, Grant) {
	return Unknown, Grant{}
}

// Withdraw takes back what is held for a client that chose another server
// (RFC 2131 §4.3.2). It never touches a lease.
func (t *Table) Withdraw(scope ScopeID, c *Client, now Time) {}

// Release ends the client's lease on addr. The address is remembered for it,
// and goes to others last.
func (t *Table) Release(scope ScopeID, c *Client, addr IP4, now Time, b *Batch) Outcome {
	return Unknown
}

// Decline puts addr, which the client found in use, on probation for that many
// seconds. Only the holder of a lease or an offer can do this.
func (t *Table) Decline(scope ScopeID, c *Client, addr IP4, probation uint32, now Time, b *Batch) Outcome {
	return Unknown
}

// Expire ends leases, offers and probations that are over. It looks at no more
// than budget records and returns how many it looked at: less than budget means
// that it has caught up with now. One goroutine calls it, with a lane of its own.
func (t *Table) Expire(now Time, budget int, b *Batch) int { return 0 }

// Shards is the number of shards, for EachShard.
func (t *Table) Shards() int { return 0 }

// Each calls fn with a copy of every record, shard by shard, until it says no.
func (t *Table) Each(fn func(*Entry) bool) {}

// EachShard is Each for one shard.
func (t *Table) EachShard(shard int, fn func(*Entry) bool) bool { return true }

// AppendTo appends the entry as an encoded Change, for a snapshot. An entry
// with nothing to remember (Version 0) appends nothing.
func (e *Entry) AppendTo(b []byte) []byte { return b }

// Apply replays an encoded change, from the log or from a snapshot, in any
// order: the highest version of an address wins.
func (t *Table) Apply(rec []byte) error { return nil }

// Stats counts by state.
func (t *Table) Stats() Stats { return Stats{} }

// PoolStats is the use of each pool of the layout in force.
func (t *Table) PoolStats() []PoolStat { return nil }
