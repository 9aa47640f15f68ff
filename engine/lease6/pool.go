// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"xdhcp/engine/lease"
)

// pool is a Pool at work. It lives as long as the layouts that have it unchanged.
type pool struct {
	name   string
	scope  lease.ScopeID
	len    uint8
	method Method
	ranges []Range
	begin  []IP6 // number of the first prefix of each range
	size   IP6   // how many prefixes; 2¹²⁸ is not reached

	next atomic.Uint64            // the iterative choice goes on here
	n    [numStates]atomic.Uint64 // records by state

	mu   sync.Mutex // a leaf: guards the list and the links in it
	idle link       // oldest first
}

func newPool(in *Pool) (*pool, error) {
	if in.Len == 0 || in.Len > 128 {
		return nil, ErrLen
	}
	p := &pool{name: in.Name, scope: in.Scope, len: in.Len, method: in.Method, idle: link{headIdle, headIdle}}
	for _, rg := range in.Ranges {
		if in.Len == 128 && rg.First.Lo == 0 && rg.First.Less(rg.Last) {
			rg.First.Lo = 1 // the subnet-router anycast address (RFC 4291 §2.6.1)
		}
		if rg.Last.Less(rg.First) || rg.First.IsZero() ||
			rg.First != rg.First.mask(in.Len) || rg.Last != PrefixFrom(rg.Last, in.Len).Last() {
			return nil, ErrRange
		}
		p.ranges = append(p.ranges, rg)
		p.begin = append(p.begin, p.size)
		p.size = p.size.plus(rg.Last.minus(rg.First).shr(128 - uint(in.Len))).plus(IP6{0, 1})
	}
	return p, nil
}

// at is a prefix of the pool by its number.
func (p *pool) at(n IP6) Prefix {
	i := len(p.begin) - 1
	for n.Less(p.begin[i]) {
		i--
	}
	return Prefix{p.ranges[i].First.plus(n.minus(p.begin[i]).shl(128 - uint(p.len))), p.len}
}

// has reports whether an address of the pool is a.
func (p *pool) has(a IP6) bool {
	for _, rg := range p.ranges {
		if !a.Less(rg.First) && !rg.Last.Less(a) {
			return true
		}
	}
	return false
}

// scale maps a random number to one below the pool's size.
func (p *pool) scale(a IP6) IP6 {
	if p.size.Hi == 0 {
		hi, _ := bits.Mul64(a.Lo, p.size.Lo)
		return IP6{0, hi}
	}
	hi, _ := bits.Mul64(a.Hi, p.size.Hi)
	return IP6{hi, a.Lo}
}

// records is how many prefixes of the pool have a record.
func (p *pool) records() (n uint64) {
	for i := range p.n {
		n += p.n[i].Load()
	}
	return n
}

// poolOf is a record's pool at work.
func (s *shard) poolOf(rec *record) *pool {
	if rec.pool == noPool {
		return &s.t.strays
	}
	return s.lay.pools[rec.pool]
}

const (
	draws = 64   // how often a choice at random is tried
	sweep = 1024 // how far one choice goes through a pool that is nearly full
)

// fresh claims a prefix of a pool that has no record.
func (s *shard) fresh(pool lease.PoolID, r *Request) ref {
	p, capacity := s.lay.pools[pool], s.lay.capacity[pool]
	used := p.records()
	if used >= capacity || s.closed(pool) {
		return 0
	}
	var own [hashTries]IP6
	n := 0
	switch p.method {
	case EUI64:
		n = p.eui64(&r.Client, own[:])
	case Hashed:
		n = p.hashed(r, own[:])
	case Iterative:
		if h := s.iterate(p, draws); h != 0 {
			return h
		}
	}
	for _, a := range own[:n] {
		if h := s.try(Prefix{a, p.len}); h != 0 {
			return h
		}
	}
	if capacity-used >= capacity/4 {
		for range draws {
			if h := s.try(p.at(p.scale(IP6{s.random.Uint64(), s.random.Uint64()}))); h != 0 {
				return h
			}
		}
	}
	return s.iterate(p, sweep)
}

// meetable is the size below which a choice at random may well meet a lease that nobody
// knows of.
const meetable = 1 << 40

// HoldFresh closes pools until then: nothing that has no record is given out of them,
// since a repair of the log could not account for all leases. What has a record and is
// free is given, and so is what is reserved. A pool that is so large that two choices at
// random do not meet stays open.
func (t *Table) HoldFresh(until lease.Time) { t.held.Store(uint32(until)) }

// closed reports whether a pool is.
func (s *shard) closed(pool lease.PoolID) bool {
	if until := lease.Time(s.t.held.Load()); until <= s.now || pool == noPool {
		return false
	}
	p := s.lay.pools[pool]
	return p.size.Hi == 0 && p.size.Lo < meetable || p.method == Iterative
}

// iterate claims the next prefix in order that has no record.
func (s *shard) iterate(p *pool, tries int) ref {
	for range tries {
		n := IP6{0, p.next.Add(1) - 1}
		if p.size.Hi == 0 {
			n.Lo %= p.size.Lo
		}
		if h := s.try(p.at(n)); h != 0 {
			return h
		}
	}
	return 0
}

// try claims a prefix if nobody has it and it is fit to be given.
func (s *shard) try(p Prefix) ref {
	if p.Len == 128 && oddIID(p.Lo) {
		return 0
	}
	h, _ := s.claim(p, false)
	return h
}

// oddIID reports interface identifiers that no host may have (RFC 5453): that of
// the subnet-router anycast address, and those that are reserved. In a pool these
// are given only if they are asked for.
func oddIID(iid uint64) bool {
	return iid == 0 || iid >= 0xfdffffffffffff80 && iid <= 0xfdffffffffffffff ||
		iid >= 0x02005efffe000000 && iid <= 0x02005efffe005212
}

const hashTries = 4

// eui64 is the address that the client's own interface identifier makes.
func (p *pool) eui64(c *Client, out []IP6) int {
	iid, ok := c.iid()
	if !ok || p.len != 128 {
		return 0
	}
	n := 0
	for _, rg := range p.ranges {
		if a := (IP6{rg.First.Hi, iid}); n < len(out) && p.has(a) {
			out[n] = a
			n++
		}
	}
	return n
}

// iid is the modified EUI-64 of the client's link-layer address (RFC 4291 app. A):
// as a relay or the link has reported it, else as the DUID has it (RFC 8415 §11.2,
// §11.4).
func (c *Client) iid() (uint64, bool) {
	var hw []byte
	switch d := c.DUID; {
	case len(c.LinkLayer) > 2:
		hw = c.LinkLayer[2:]
	case len(d) > 8 && d[0] == 0 && d[1] == 1: // DUID-LLT
		hw = d[8:]
	case len(d) > 4 && d[0] == 0 && d[1] == 3: // DUID-LL
		hw = d[4:]
	}
	var iid uint64
	switch len(hw) {
	case 6: // EUI-48, and what looks like it
		iid = uint64(hw[0])<<56 | uint64(hw[1])<<48 | uint64(hw[2])<<40 | 0xfffe<<24 |
			uint64(hw[3])<<16 | uint64(hw[4])<<8 | uint64(hw[5])
	case 8:
		iid = binary.BigEndian.Uint64(hw)
	default:
		return 0, false
	}
	return iid ^ 2<<56, true
}

// hashed are prefixes that follow from the client and its IA: the same after a
// restart, and on another server.
func (p *pool) hashed(r *Request, out []IP6) int {
	h := seeded(mix1, r.Client.DUID)
	h = mix(h^uint64(r.IA.Type), uint64(r.IA.ID)^mix0)
	for i := range out {
		a := mix(h^uint64(i), mix2)
		out[i] = p.at(p.scale(IP6{mix(a, mix0), a})).IP6
	}
	return len(out)
}
