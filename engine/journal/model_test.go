// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// model is a table that is a map: what recovery is compared with.
type model struct {
	mu  sync.Mutex
	m   map[lease.IP4]lease.Change
	six *model6
}

func newModel() *model {
	return &model{m: map[lease.IP4]lease.Change{}, six: &model6{m: map[lease6.Prefix]lease6.Change{}}}
}

// openModel opens a directory into a model of both tables.
func openModel(dir string, m *model, o Options) (*Journal, *Recovery, error) {
	return Open(dir, Tables{m, m.six}, o)
}

func own(c lease.Change) lease.Change {
	for _, b := range []*[]byte{&c.HW, &c.ID, &c.ClientID, &c.Relay, &c.Host} {
		*b = bytes.Clone(*b)
	}
	return c
}

func (m *model) Apply(rec []byte) error {
	c, err := lease.ParseChange(rec)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.change(own(c))
}

// change is the meaning of a Change as its documentation has it.
func (m *model) change(c lease.Change) error {
	old, have := m.m[c.Addr]
	switch {
	case have && c.Version <= old.Version:
		return nil
	case c.Full, !have && c.Op != lease.OpRenew:
	case c.Op == lease.OpRenew && (!have || old.Op != lease.OpGrant || old.Start != c.Start):
		return fmt.Errorf("renew of %v: %w", c.Addr, lease.ErrNoBinding)
	default:
		short := c
		c = old
		c.Version, c.At, c.Op = short.Version, short.At, short.Op
		if short.Op == lease.OpRenew {
			c.Op = lease.OpGrant // the state is that of a grant with new times
		}
		if short.Op == lease.OpRenew || short.Op == lease.OpDecline {
			c.Expires = short.Expires
		}
	}
	m.m[c.Addr] = c
	return nil
}

func (m *model) Shards() int { return 4 }

func (m *model) EachShard(shard int, fn func(*lease.Entry) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for a, c := range m.m {
		if int(a)%4 != shard {
			continue
		}
		e := lease.Entry{Addr: a, Scope: c.Scope, Kind: c.Kind, HType: c.HType, HW: c.HW, ID: c.ID, ClientID: c.ClientID,
			Relay: c.Relay, Host: c.Host, Version: c.Version, Start: c.Start, Expires: c.Expires, CLTT: c.At}
		switch c.Op {
		case lease.OpGrant:
			e.Status = lease.Bound
		case lease.OpRelease:
			e.Status = lease.Released
		case lease.OpDecline:
			e.Status = lease.Declined
		default:
			e.Status = lease.Expired
		}
		if !fn(&e) {
			return false
		}
	}
	return true
}

// client drives a journal as workers would: changes go to the model first (the
// table), then in batches of several lanes to the journal.
type client struct {
	rng     *rand.Rand
	table   *model
	batches []*lease.Batch
	// sent holds every change with its ticket, in the order of appending.
	sent     []sent
	sent6    []sent6
	promised *model // what was durable when last asked
	now      lease.Time
}

type sent struct {
	ticket   lease.Ticket
	c        lease.Change
	promised bool
}

func newClient(seed uint64) *client {
	c := &client{rng: rand.New(rand.NewPCG(seed, 1)), table: newModel(), promised: newModel(), now: 1_800_000_000}
	for lane := range 3 {
		c.batches = append(c.batches, lease.NewBatch(uint8(lane*70)))
	}
	return c
}

// some makes n changes of random kinds on a few addresses, in one lane's batch.
func (c *client) some(n int, b *lease.Batch) {
	for range n {
		c.now++
		if c.rng.IntN(3) == 0 {
			c.one6(b)
			continue
		}
		a := lease.IP4(0x0a000000 + c.rng.Uint32N(40))
		old, have := c.table.m[a]
		ch := lease.Change{Addr: a, Version: old.Version + 1, At: c.now}
		switch op := c.rng.IntN(10); {
		case !have || op < 5 || old.Op != lease.OpGrant:
			mac := []byte{2, 0, 0, 0, byte(c.rng.IntN(4)), byte(c.rng.IntN(256))}
			ch.Op, ch.Full, ch.Scope, ch.Kind, ch.HType, ch.HW = lease.OpGrant, true, 7, lease.KindHW, 1, mac
			ch.ID = append([]byte{1}, mac...)
			ch.Relay = bytes.Repeat([]byte{0x52}, c.rng.IntN(200))
			ch.Start, ch.Expires = c.now, c.now+3600
		case op < 8:
			// A short renewal must follow its grant in the same lane, or the grant
			// must be durable; this client only knows the former.
			if c.laneOf(a) != b.Lane() {
				continue
			}
			ch.Op, ch.Start, ch.Expires = lease.OpRenew, old.Start, c.now+3600
		case op == 8:
			ch.Op = lease.OpRelease
			if c.laneOf(a) != b.Lane() {
				continue
			}
		default:
			ch.Op, ch.Expires = lease.OpDecline, c.now+600
			if c.laneOf(a) != b.Lane() {
				continue
			}
		}
		if err := c.table.change(ch); err != nil {
			panic(err)
		}
		b.Add(&ch)
		c.sent = append(c.sent, sent{b.Ticket(), ch, false})
	}
}

// laneOf is the lane of the address's last change.
func (c *client) laneOf(a lease.IP4) uint8 {
	for i := len(c.sent) - 1; i >= 0; i-- {
		if c.sent[i].c.Addr == a {
			return c.sent[i].ticket.Lane()
		}
	}
	return 255
}

// append hands a lane's batch over.
func (c *client) append(j *Journal, b *lease.Batch) {
	j.Append(b)
	b.Reset()
}

// promise notes what the journal calls durable by now.
func (c *client) promise(j *Journal) {
	for i := range c.sent {
		s := &c.sent[i]
		if s.promised || !j.Durable(s.ticket) || s.ticket.Number() == 0 {
			continue
		}
		s.promised = true
		// A short change is durable after the full one that it builds on: same lane.
		if err := c.promised.change(s.c); err != nil {
			panic(err)
		}
	}
	for i := range c.sent6 {
		if s := &c.sent6[i]; !s.promised && j.Durable(s.ticket) {
			s.promised = true
			c.promised.six.change(s.c)
		}
	}
}

// check compares what was recovered with what was promised: nothing durable is
// missing, and nothing is there that was never sent.
func (c *client) check(t testing.TB, least, got *model) {
	t.Helper()
	c.check6(t, least.six, got.six)
	for a, want := range least.m {
		g, ok := got.m[a]
		if !ok {
			t.Fatalf("%v: version %d was durable, nothing was recovered", a, want.Version)
		}
		if g.Version < want.Version {
			t.Fatalf("%v: version %d was durable, version %d was recovered", a, want.Version, g.Version)
		}
	}
	// Every state that an address ever had.
	type key struct {
		a lease.IP4
		v uint32
	}
	states := map[key]lease.Change{}
	replay := newModel()
	for _, s := range c.sent {
		if err := replay.change(s.c); err != nil {
			t.Fatal(err)
		}
		states[key{s.c.Addr, s.c.Version}] = replay.m[s.c.Addr]
	}
	for a, g := range got.m {
		want, ok := states[key{a, g.Version}]
		if !ok {
			t.Fatalf("%v: version %d was never sent", a, g.Version)
		}
		if !same(want, g) {
			t.Fatalf("%v version %d:\n got %+v\nwant %+v", a, g.Version, g, want)
		}
	}
}

func same(a, b lease.Change) bool {
	op := func(o lease.Op) lease.Op {
		if o == lease.OpRenew {
			return lease.OpGrant
		}
		return o
	}
	return op(a.Op) == op(b.Op) && a.Addr == b.Addr && a.Version == b.Version && a.At == b.At && a.Start == b.Start &&
		a.Expires == b.Expires && a.Kind == b.Kind && bytes.Equal(a.HW, b.HW) && bytes.Equal(a.Relay, b.Relay)
}

// step does in the test's goroutine what the committer would do.
func (j *Journal) step() error {
	c := &j.committer
	c.gather()
	for c.queued > 0 {
		if j.linger > 0 {
			c.rate = rate{bytes: 1 << 40, time: 1} // under load
		}
		if err := c.commit(); err != nil {
			j.fail(err)
			return err
		}
	}
	return nil
}

// small are options under which a short history meets every event.
func small(fs *errfs.FS) Options {
	return Options{FS: fs, SegmentSize: 8 * page, SnapshotEvery: 3 * 8 * page, Linger: -1, History: HistoryOptions{Off: true},
		Clock: ClockSource{
			Wall:   func() time.Time { return time.Unix(1_800_000_000, 0) },
			Boot:   func() time.Duration { return time.Hour },
			BootID: func() [16]byte { return [16]byte{1} },
		}}
}

func open(t testing.TB, fs *errfs.FS) (*Journal, *model, *Recovery) {
	t.Helper()
	got := newModel()
	j, r, err := openModel("state", got, small(fs))
	if err != nil {
		t.Fatal(err)
	}
	return j, got, r
}
