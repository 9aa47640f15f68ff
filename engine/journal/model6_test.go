// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"sync"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// model6 is a table of DHCPv6 that is a map.
type model6 struct {
	mu sync.Mutex
	m  map[lease6.Prefix]lease6.Change
}

func own6(c lease6.Change) lease6.Change {
	cl := &c.Client
	for _, b := range []*[]byte{&cl.DUID, &cl.LinkLayer, &cl.Peer, &cl.InterfaceID, &cl.RemoteID, &cl.SubscriberID, &cl.RelayID, &cl.Host} {
		*b = bytes.Clone(*b)
	}
	return c
}

func (m *model6) Apply(rec []byte) error {
	c, err := lease6.ParseChange(rec)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change(own6(c))
	return nil
}

// change is the meaning of a Change as its documentation has it.
func (m *model6) change(c lease6.Change) {
	old, have := m.m[c.Prefix]
	switch {
	case have && c.Version <= old.Version:
		return
	case !c.Full && have:
		short := c
		c = old
		c.Version, c.At, c.Op = short.Version, short.At, short.Op
		if short.Op == lease6.OpDecline {
			c.Expires = short.Expires
		}
	}
	if c.Op == lease6.OpRenew {
		c.Op = lease6.OpGrant // the state is that of a grant with new times
	}
	m.m[c.Prefix] = c
}

func (m *model6) Shards() int { return 2 }

func (m *model6) EachShard(shard int, fn func(*lease6.Entry) bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for p, c := range m.m {
		if int(p.Len&1) != shard {
			continue
		}
		e := lease6.Entry{Prefix: p, Scope: c.Scope, IA: c.IA, Version: c.Version, Start: c.Start, Preferred: c.Preferred,
			Expires: c.Expires, CLTT: c.At}
		e.DUID, e.LinkLayer, e.Peer, e.InterfaceID, e.RemoteID, e.SubscriberID, e.RelayID, e.Host = c.Client.DUID, c.Client.LinkLayer,
			c.Client.Peer, c.Client.InterfaceID, c.Client.RemoteID, c.Client.SubscriberID, c.Client.RelayID, c.Client.Host
		switch c.Op {
		case lease6.OpGrant:
			e.Status = lease.Bound
		case lease6.OpRelease:
			e.Status = lease.Released
		case lease6.OpDecline:
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

type sent6 struct {
	ticket   lease.Ticket
	c        lease6.Change
	promised bool
}

// one6 makes a change of a random kind on one of a few prefixes. Only what frees a
// prefix and follows in the same lane may be short without being taken back by an
// inversion of the log, as for IPv4.
func (c *client) one6(b *lease.Batch) {
	p := lease6.AddrPrefix(lease6.IP6{Hi: 0x20010db8 << 32, Lo: uint64(1 + c.rng.IntN(20))})
	ia := lease6.IA{Type: lease6.NA, ID: 7}
	if c.rng.IntN(2) == 0 {
		p = lease6.Prefix{IP6: lease6.IP6{Hi: 0x20010db8<<32 | uint64(c.rng.IntN(20))<<8}, Len: 55 + 1}
		ia.Type = lease6.PD
	}
	old, have := c.table.six.m[p]
	lane := uint8(255)
	for i := len(c.sent6) - 1; i >= 0 && lane == 255; i-- {
		if c.sent6[i].c.Prefix == p {
			lane = c.sent6[i].ticket.Lane()
		}
	}
	ch := lease6.Change{Prefix: p, IA: ia, Version: old.Version + 1, At: c.now, Expires: c.now + 3600}
	switch op := c.rng.IntN(10); {
	case !have || op < 5 || old.Op != lease6.OpGrant:
		ch.Op, ch.Full, ch.Scope, ch.Start, ch.Preferred = lease6.OpGrant, true, 7, c.now, c.now+1800
		ch.Client = lease6.Client{DUID: []byte{0, 3, 0, 1, byte(c.rng.IntN(4)), byte(c.rng.IntN(256))},
			RemoteID: bytes.Repeat([]byte{0x52}, c.rng.IntN(200)), Host: []byte("six")}
	case op < 8:
		ch = old
		ch.Op, ch.Version, ch.At, ch.Expires = lease6.OpRenew, old.Version+1, c.now, c.now+3600
	case lane != b.Lane():
		return
	case op == 8:
		ch.Op, ch.Expires = lease6.OpRelease, 0
	default:
		ch.Op, ch.Expires = lease6.OpDecline, c.now+600
	}
	c.table.six.change(ch)
	rec := ch.AppendTo(nil)
	copy(b.Extend(len(rec)), rec)
	c.sent6 = append(c.sent6, sent6{b.Ticket(), ch, false})
}

// check6 is check for DHCPv6.
func (c *client) check6(t testing.TB, least, got *model6) {
	t.Helper()
	for p, want := range least.m {
		if g, ok := got.m[p]; !ok || g.Version < want.Version {
			t.Fatalf("%v: version %d was durable, version %d was recovered", p, want.Version, g.Version)
		}
	}
	type key struct {
		p lease6.Prefix
		v uint32
	}
	states := map[key]lease6.Change{}
	replay := newModel().six
	for _, s := range c.sent6 {
		replay.change(s.c)
		states[key{s.c.Prefix, s.c.Version}] = replay.m[s.c.Prefix]
	}
	for p, g := range got.m {
		want, ok := states[key{p, g.Version}]
		if !ok {
			t.Fatalf("%v: version %d was never sent", p, g.Version)
		}
		if !same6(want, g) {
			t.Fatalf("%v version %d:\n got %+v\nwant %+v", p, g.Version, g, want)
		}
	}
}

func same6(a, b lease6.Change) bool {
	return a.Op == b.Op && a.Prefix == b.Prefix && a.Version == b.Version && a.At == b.At && a.Start == b.Start &&
		a.Expires == b.Expires && a.Preferred == b.Preferred && a.IA == b.IA && bytes.Equal(a.Client.DUID, b.Client.DUID) &&
		bytes.Equal(a.Client.RemoteID, b.Client.RemoteID)
}

// safe6 is safe for DHCPv6.
func safe6(t *testing.T, name string, promised, got *model6, r *Recovery) {
	t.Helper()
	for p, want := range promised.m {
		if want.Op != lease6.OpGrant {
			continue
		}
		until := r.Hold6()
		if g, ok := got.m[p]; ok {
			until = 0
			if g.Op == lease6.OpGrant || g.Op == lease6.OpDecline {
				until = g.Expires
			}
		}
		if until < want.Expires {
			t.Errorf("%s: %v is leased until %d (version %d), but is free at %d: %+v", name, p, want.Expires, want.Version, until, got.m[p])
		}
	}
}
