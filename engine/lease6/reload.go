// SPDX-License-Identifier: Apache-2.0

package lease6

// Reconfigure puts a layout in force: at start, before Apply, and on reload. No lease
// is lost: what lies outside of the new pools stays with its holder until it ends,
// but is not extended or given again. Traffic goes on meanwhile.
//
// On reload call it before the new policy is used; Requests of the policy before it
// are understood until the next Reconfigure, if Generation is set.
//
// Two shards must not, meanwhile, give overlapping prefixes by different layouts:
//
//  1. The shards change over one by one, each with its records, to a layout that
//     gives only what is regular in both, the old one and the new one. So what any
//     shard gives is regular in the old one; and so are, or are in the odd list, all
//     records that there are.
//  2. When all have, the records are sorted by the new layout: regular, or in the odd
//     list. The shards change over to the new layout alone. What is regular now leaves
//     the odd list only in this pass, since until then a shard may have relied on it.
func (t *Table) Reconfigure(l Layout) error {
	t.conf.Lock()
	defer t.conf.Unlock()
	old := t.layout
	b, err := compile(&l, old.body)
	if err != nil {
		return err
	}
	if samePools(b, old.body) {
		b = old.body
	}
	lay := &layout{gen: l.Generation, prev: old.gen, fromPrev: renumber(old.body, b), body: b}
	if b == old.body {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			s.lay = lay
			s.mu.Unlock()
		}
		t.layout = lay
		return nil
	}
	both := *lay
	both.also = old.body
	for i := range t.shards {
		t.shards[i].change(&both)
	}
	for i := range t.shards {
		t.shards[i].settle(lay)
	}
	// What came from other pools stands in the order of the shards.
	for i, p := range b.pools {
		if n := len(old.pools); i >= n || old.pools[i] != p {
			p.sort(t)
		}
	}
	t.strays.sort(t)
	t.layout = lay
	return nil
}

// change brings a shard to a new layout, with all its records. With 10 M leases in
// 256 shards the shard is locked for some milliseconds.
func (s *shard) change(lay *layout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.lay
	s.records(func(r ref, rec *record) {
		was := &s.t.strays
		if rec.pool != noPool {
			was = from.pools[rec.pool]
		}
		pool, regular := lay.regular(rec.pfx())
		now := &s.t.strays
		if pool != noPool {
			now = lay.pools[pool]
		}
		if was != now {
			if rec.state == stIdle {
				was.mu.Lock()
				cut(s.t, was, r)
				was.mu.Unlock()
			}
			s.count(rec, was, ^uint32(0))
			s.count(rec, now, 1)
			if rec.state == stIdle {
				now.mu.Lock()
				between(s.t, now, r, now.idle.prev, headIdle)
				now.mu.Unlock()
			}
		}
		rec.pool = pool
		if !regular {
			s.mark(rec)
		}
	})
	s.lay = lay
}

// mark puts a record that is not regular into the odd list.
func (s *shard) mark(rec *record) {
	switch {
	case rec.flags&fOdd != 0:
	case rec.active():
		rec.flags |= fOdd
		s.t.odd.add(rec.pfx(), false, 0)
	case !s.t.durable(rec.pending):
		s.t.odd.add(rec.pfx(), true, rec.pending)
	}
}

// settle is the second pass.
func (s *shard) settle(lay *layout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lay = lay
	if s.t.odd.n.Load() == 0 {
		return
	}
	s.records(func(_ ref, rec *record) {
		if rec.flags&fOdd == 0 {
			return
		}
		if _, regular := lay.regular(rec.pfx()); regular {
			rec.flags &^= fOdd
			s.t.odd.drop(rec.pfx())
		}
	})
}

// records calls fn with every record of the shard that is in use.
func (s *shard) records(fn func(ref, *record)) {
	for _, at := range s.slabs {
		recs := (*s.t.slabs.Load())[at].recs
		for i := range recs {
			if recs[i].state != stNone {
				fn(refAt(at, i), &recs[i])
			}
		}
	}
}

// Settle brings what is free but remembered into the order in which it became free,
// which a replay does not keep.
func (t *Table) Settle() {
	t.conf.Lock()
	defer t.conf.Unlock()
	for _, p := range t.layout.pools {
		p.sort(t)
	}
	t.strays.sort(t)
}
