// SPDX-License-Identifier: Apache-2.0

package lease6

import "encoding/binary"

// soundLimit is the size of a shard up to which the reaper checks it in builds with
// the invariants tag.
const soundLimit = 4096

// mustBeSound panics if the shard contradicts itself.
func (s *shard) mustBeSound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.slots > soundLimit {
		return
	}
	if wrong := s.check(); wrong != "" {
		panic("lease6: " + wrong)
	}
}

// check walks a locked shard and says what is wrong with it, "" if nothing is.
func (s *shard) check() string {
	c := checker{s: s, seen: map[ref]bool{}}
	for slot := range s.wheel {
		c.list(headBit|ref(slot), stOffered, stBound)
	}
	c.list(headWork, stOffered, stBound)
	c.list(headProbation, stDeclined)
	c.list(headLoose, stBound)
	s.records(c.record)
	c.counts()
	c.index()
	return c.wrong
}

type checker struct {
	s        *shard
	wrong    string
	n        [numStates]uint32
	prefixes uint32
	tagged   int
	seen     map[ref]bool // in a list of the shard
}

func (c *checker) fail(what string, r ref) {
	if c.wrong == "" {
		c.wrong = what
		if r&headBit == 0 && r != 0 {
			c.wrong += ": " + c.s.t.pfx(r).String()
		}
	}
}

// list walks one list. Its records are in one of the given states.
func (c *checker) list(head ref, states ...uint8) {
	t := c.s.t
	prev, last := head, uint32(0)
	for r := c.s.linkOf(t, head).next; r != head; r = t.rec(r).next {
		if r == 0 || r&headBit != 0 || c.seen[r] {
			c.fail("a list runs into nothing or into another", prev)
			return
		}
		rec := t.rec(r)
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
		if head == headProbation && uint32(rec.expires) < last {
			c.fail("probations are out of order", r)
		}
		last = uint32(rec.expires)
		c.seen[r] = true
	}
	if c.s.linkOf(t, head).prev != prev {
		c.fail("a list's end is wrong", prev)
	}
}

// record checks one record that is in use.
func (c *checker) record(r ref, rec *record) {
	s, t := c.s, c.s.t
	c.n[rec.state]++
	if rec.state == stBound && rec.len < 128 {
		c.prefixes++
	}
	if c.seen[r] != rec.active() {
		c.fail("a record is in no list, or in one too many", r)
	}
	pool, regular := s.lay.regular(rec.pfx())
	if pool != rec.pool {
		c.fail("a record is in the wrong pool", r)
	}
	if s.lay.also == nil && rec.active() && regular != (rec.flags&fOdd == 0) {
		c.fail("a record is odd and not, or regular and odd", r)
	}
	if rec.tag != 0 {
		c.tagged++
	}
	known := rec.lens[partDUID] > 0
	if known != (rec.ia != 0) || rec.tag != 0 && !known || (rec.state == stBound || rec.state == stOffered) && rec.tag == 0 ||
		rec.state == stDeclined && rec.tag != 0 {
		c.fail("a record's state and identity contradict each other", r)
	}
	if rec.state != stOffered && rec.flags&fLogged == 0 {
		c.fail("a record was never journaled", r)
	}
	if room := s.room(rec); rec.annex != 0 {
		n := min(int(rec.lens[partDUID]), maxOwnDUID)
		if binary.LittleEndian.Uint64(rec.room[:]) != t.digest(room) || string(rec.room[lenDigest:lenDigest+n]) != string(room[:n]) {
			c.fail("a record's digest is not that of its room", r)
		}
	}
	if t.at(rec.pfx()) != r {
		c.fail("a record is not in its stripe", r)
	}
}

func (c *checker) counts() {
	c.n[stNone] = c.s.n[stNone]
	if c.n != c.s.n || c.prefixes != c.s.prefixes {
		c.fail("records are miscounted", 0)
	}
	free := 0
	for r := c.s.free; r != 0; r = c.s.t.rec(r).next {
		if free++; free > c.s.slots || c.s.t.rec(r).state != stNone {
			c.fail("the free records are confused", r)
			return
		}
	}
	for _, n := range c.n {
		free += int(n)
	}
	if free != c.s.slots {
		c.fail("a record is lost", 0)
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
		if rec := c.s.t.rec(r); c.s.t.home(r) != c.s || rec.tag != uint32(e>>32) {
			c.fail("an index entry leads to a strange record", r)
		}
	}
	if n != x.N || n != c.tagged || x.E[len(x.E)-1] != 0 {
		c.fail("the index is miscounted", 0)
	}
}
