// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
)

// ErrNoBinding is what Apply says of a Renew whose binding is not there, and it
// then changes nothing. The log is damaged: a Renew is only written behind its
// Grant. Somebody uses the address; a Decline would keep it from others.
var ErrNoBinding = errors.New("lease: renewal of a binding that the log does not have")

// Apply replays an encoded change, from the log or from a snapshot. Of several
// changes of an address the one with the highest version wins; so snapshot and
// log may overlap, and batches of different lanes may have reached the log in any
// order. But the changes of one address are applied in the order of the log.
// Several goroutines may apply at once, each some of the addresses.
//
// A Decline of an address that is nobody's keeps it from everybody until its
// end, even when nothing else is free.
//
// Call Reconfigure before, so that the scopes are known, and Settle after.
func (t *Table) Apply(rec []byte) error {
	c, err := ParseChange(rec)
	if err != nil {
		return err
	}
	h := t.touch(c.Addr)
	if h == 0 {
		return nil // 2³¹ addresses are in memory; no network has so many
	}
	for {
		s, k := t.home(h, &c)
		if done, err := s.replay(h, &k, &c); done {
			return err
		}
		runtime.Gosched() // another goroutine is moving this record
	}
}

// home is the shard that a change must be applied in: its client's if it names
// one, else the one that the record is in.
func (t *Table) home(h ref, c *Change) (*shard, key) {
	if c.Full {
		cl := c.client()
		k, out := t.key(c.Scope, &cl)
		if out == Unknown {
			t.adopt(c.Scope)
			k, _ = t.key(c.Scope, &cl)
		}
		if k.s != nil {
			return k.s, k
		}
	}
	if o := t.rec(h).owner.Load(); o != 0 {
		return &t.shards[o-1], key{}
	}
	// Nobody's yet: where the address is served, or anywhere.
	t.conf.Lock()
	lay := t.layout
	t.conf.Unlock()
	if p := lay.poolOf(c.Addr); p != noPool {
		return t.shardAt(&lay.pools[p], 0), key{}
	}
	return &t.shards[t.addrTag(c.Addr)&uint32(len(t.shards)-1)], key{}
}

// Settle brings the addresses that are free but remembered into the order in
// which they became free, which a replay does not keep.
func (t *Table) Settle() {
	var order []ref
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, n := range s.lay.byShard[i] {
			head := headIdle(n)
			order = order[:0]
			for r := s.linkOf(head).next; r != head; r = t.rec(r).next {
				order = append(order, r)
			}
			slices.SortStableFunc(order, func(x, y ref) int {
				return cmp.Compare(t.rec(x).expires, t.rec(y).expires)
			})
			for _, r := range order {
				s.unlink(r)
				s.pushBack(head, r)
			}
		}
		s.mu.Unlock()
	}
}

// client is whom a full change is about.
func (c *Change) client() Client {
	return Client{Kind: c.Kind, HType: c.HType, HW: c.HW, ID: c.ID, ClientID: c.ClientID, Relay: c.Relay, Host: c.Host}
}

// replay applies a change in shard s, fetching the record from where it is.
// done is false when the record is on its way between shards.
func (s *shard) replay(h ref, k *key, c *Change) (done bool, err error) {
	t := s.t
	rec := t.rec(h)
	held := false // the record is in our hand
	switch o := rec.owner.Load(); o {
	case s.id:
	case 0:
		if !t.claim(h, s.id) {
			return false, nil
		}
		held = true
	default:
		v := &t.shards[o-1]
		v.mu.Lock()
		switch {
		case rec.owner.Load() != o || rec.state == stHand:
			v.mu.Unlock()
			return false, nil
		case c.Version <= rec.version:
			v.mu.Unlock()
			return true, nil
		}
		v.detach(h, rec)
		rec.owner.Store(s.id)
		v.mu.Unlock()
		held = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !held {
		if rec.owner.Load() != s.id || rec.state == stHand {
			return false, nil
		}
		if c.Version <= rec.version {
			return true, nil
		}
	} else {
		rec.pool = s.poolFor(c.Addr)
	}
	if c.Op == OpRenew {
		if rec.state != stBound || rec.start != c.Start {
			if held {
				s.free(h, rec, false)
			}
			return true, ErrNoBinding
		}
	}
	if !held {
		s.unlink(h)
	}
	s.put(h, rec, k, c)
	return true, nil
}

// put makes an unlinked record, or one in the hand, what a change says.
func (s *shard) put(h ref, rec *record, k *key, c *Change) {
	rec.version = c.Version
	rec.pending = 0
	rec.flags &^= fRemembered | fReleased
	if c.Full {
		cl := c.client()
		if k.s != nil {
			s.name(h, rec, k, &cl)
		}
		rec.start, rec.expires = c.Start, c.Expires
	}
	switch c.Op {
	case OpGrant:
		s.become(rec, stBound)
		rec.cltt = c.At
		s.schedule(h, rec)
	case OpRenew:
		rec.expires, rec.cltt = c.Expires, c.At
		s.schedule(h, rec)
	case OpDecline:
		rec.expires, rec.cltt = c.Expires, c.At
		s.unname(h, rec)
		if rec.kind() == 0 { // nobody's: not to be given before its time, whatever happens
			s.become(rec, stHeld)
			s.schedule(h, rec)
			break
		}
		s.become(rec, stDeclined)
		s.probate(h, rec)
	case OpRelease:
		rec.cltt = c.At
		if !c.Full {
			rec.expires = c.At
		}
		rec.flags |= fReleased
		s.free(h, rec, false)
	case OpExpire:
		if c.Full {
			rec.cltt = min(c.At, c.Expires)
		} else if rec.state == stDeclined || rec.state == stHeld {
			s.forget(h, rec) // the end of a probation, not of a lease
		}
		s.free(h, rec, false)
	}
	rec.hw |= fTwin // as far as we know
	s.tidy(h, rec)
}
