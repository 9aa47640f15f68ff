// SPDX-License-Identifier: Apache-2.0

package lease

// soundLimit is the size of a shard up to which the reaper checks it in builds
// with the invariants tag.
const soundLimit = 4096

// mustBeSound panics if the shard contradicts itself.
func (s *shard) mustBeSound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.idx.N > soundLimit {
		return
	}
	if wrong := s.check(); wrong != "" {
		panic("lease: " + wrong)
	}
}

// check walks a locked shard and says what is wrong with it, "" if nothing is.
func (s *shard) check() string {
	c := checker{s: s, n: make([][numStates]uint32, len(s.lay.pools))}
	for slot := range s.wheel {
		c.list(headBit|ref(slot), stOffered, stBound, stHeld)
	}
	c.list(headWork, stOffered, stBound, stHeld)
	c.list(headProbation, stDeclined, stDeclined)
	c.list(headLoose, stBound, stOffered, stHeld, stIdle, stClean)
	c.list(headExile, stIdle, stClean)
	for _, n := range s.lay.byShard[s.id-1] {
		c.list(headClean(n), stClean)
		c.list(headIdle(n), stIdle)
	}
	c.counts()
	c.index()
	return c.wrong
}

type checker struct {
	s       *shard
	wrong   string
	n       [][numStates]uint32 // by pool
	stray   [numStates]uint32
	tagged  int
	records int
}

func (c *checker) fail(what string, r ref) {
	if c.wrong == "" {
		c.wrong = what
		if r&headBit == 0 && r != 0 {
			c.wrong += ": " + c.s.t.addrOf(r).String()
		}
	}
}

// list walks one list. Its records are in one of the given states.
func (c *checker) list(head ref, states ...uint8) {
	s := c.s
	prev, last := head, Time(0)
	for r := s.linkOf(head).next; r != head; r = s.t.rec(r).next {
		if r == 0 || r&headBit != 0 {
			c.fail("a list runs into nothing or into another", prev)
			return
		}
		rec := s.t.rec(r)
		if rec.prev != prev {
			c.fail("a list is torn", r)
			return
		}
		prev = r
		ok := false
		for _, st := range states {
			ok = ok || rec.state == st
		}
		if !ok {
			c.fail("a record is in a list that does not fit its state", r)
		}
		if head == headProbation && rec.expires < last {
			c.fail("probations are out of order", r)
		}
		last = rec.expires
		c.record(r, rec)
	}
	if s.linkOf(head).prev != prev {
		c.fail("a list's end is wrong", prev)
	}
}

func (c *checker) record(r ref, rec *record) {
	s := c.s
	c.records++
	if rec.owner.Load() != s.id {
		c.fail("a record in our list is another's", r)
	}
	if rec.pool != s.poolFor(s.t.addrOf(r)) {
		c.fail("a record is in the wrong pool", r)
	}
	if rec.pool == noPool {
		c.stray[rec.state]++
	} else {
		c.n[rec.pool][rec.state]++
	}
	named := rec.flags&fNamed != 0
	if named && rec.kind() == 0 || (rec.state == stClean || rec.state == stHeld) && rec.kind() != 0 || rec.state == stDeclined && named {
		c.fail("a record's state and identity contradict each other", r)
	}
	if (rec.state == stBound || rec.state == stOffered) && !named {
		c.fail("a record is nobody's, and in use", r)
	}
	if (named || rec.version > 0) != (rec.tag != 0) || !named && rec.version > 0 && rec.tag != s.t.addrTag(s.t.addrOf(r)) {
		c.fail("a record has the wrong tag", r)
	}
	if rec.tag != 0 {
		c.tagged++
	}
	if rec.state == stBound && rec.version == 0 {
		c.fail("a lease was never journaled", r)
	}
}

func (c *checker) counts() {
	s := c.s
	if c.stray != s.stray {
		c.fail("strays are miscounted", 0)
	}
	for _, n := range s.lay.byShard[s.id-1] {
		sp := &s.lay.spools[n]
		if c.n[sp.pool] != sp.n {
			c.fail("a pool is miscounted: "+s.lay.pools[sp.pool].name, 0)
		}
		has := [numHave]bool{sp.n[stClean] > 0 || sp.left > 0, sp.n[stIdle] > 0, sp.n[stDeclined] > 0}
		for k, want := range has {
			if got := s.lay.pools[sp.pool].have[k][sp.seat/64].Load()>>(sp.seat%64)&1 != 0; got != want {
				c.fail("a pool's bitmap is wrong: "+s.lay.pools[sp.pool].name, 0)
			}
		}
	}
}

func (c *checker) index() {
	x := &c.s.idx
	n, gap, last := 0, 0, uint64(0) // gap: first place behind the last hole
	for i, e := range x.E {
		if e == 0 {
			gap = i + 1
			continue
		}
		n++
		r := ref(e)
		if e <= last {
			c.fail("the index is out of order", r)
		}
		last = e
		if home := int(x.Home(uint32(e >> 32))); home > i || home < gap {
			c.fail("an index entry cannot be found", r)
		}
		c.twins(i, r)
		if rec := c.s.t.rec(r); rec.owner.Load() != c.s.id || rec.tag != uint32(e>>32) {
			c.fail("an index entry leads to a strange record", r)
		}
	}
	if n != x.N || n != c.tagged || x.E[len(x.E)-1] != 0 {
		c.fail("the index is miscounted", 0)
	}
}

// twins checks that two records of a client say so.
func (c *checker) twins(i int, r ref) {
	x := c.s.t.rec(r)
	if x.flags&fNamed == 0 {
		return
	}
	cl := Client{Kind: x.kind(), ID: c.s.ident(r, x).id}
	for _, e := range c.s.idx.E[i+1:] {
		if uint32(e>>32) != x.tag {
			return
		}
		y := c.s.t.rec(ref(e))
		if !c.s.is(ref(e), y, x.scope, &cl) {
			continue
		}
		if !x.twin() || !y.twin() {
			c.fail("one of two records of a client denies the other", r)
		}
		if x.state != stOffered && y.state != stOffered && (x.state != stBound || y.state != stBound) {
			c.fail("a client has a lease or a memory too many", r)
		}
	}
}
