// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// leases are those of both families, as far as names go. Delegated prefixes have none,
// nor have temporary addresses: whoever wants those wants not to be known by them.
type leases struct {
	v4 *lease.Table
	v6 *lease6.Table
}

// An entry is what a lease says.
type entry struct {
	status  lease.Status
	expires lease.Time
	cltt    lease.Time
	host    []byte
	who     identity
}

// lookup is the lease of an address; false: there is none, nor the memory of one.
func (l *leases) lookup(addr netip.Addr) (e entry, ok bool) {
	if addr.Is4() {
		var r lease.Entry
		b := addr.As4()
		if !l.v4.Lookup(lease.IP4From(b[:]), &r) {
			return e, false
		}
		return entry{r.Status, r.Expires, r.CLTT, r.Host, identity4(&r)}, true
	}
	var r lease6.Entry
	if l.v6 == nil || !l.v6.Lookup(prefixOf(addr), &r) || r.IA.Type != lease6.NA {
		return e, false
	}
	return entry{r.Status, r.Expires, r.CLTT, r.Host, identity{dhcidDUID, r.DUID}}, true
}

// each calls fn for every address and its host name until it says no.
func (l *leases) each(fn func(addr netip.Addr, host []byte) bool) {
	more := true
	l.v4.Each(func(e *lease.Entry) bool {
		more = fn(netip.AddrFrom4(e.Addr.As4()), e.Host)
		return more
	})
	if !more || l.v6 == nil {
		return
	}
	l.v6.Each(func(e *lease6.Entry) bool {
		return e.IA.Type != lease6.NA || fn(netip.AddrFrom16(e.Prefix.As16()), e.Host)
	})
}

func prefixOf(addr netip.Addr) lease6.Prefix {
	b := addr.As16()
	return lease6.AddrPrefix(lease6.IP6From(b[:]))
}

// news is a change of the journal.
type news struct {
	addr netip.Addr
	op   lease.Op
	host []byte
}

// parseNews reads a change of either family; false: it is about no address that may
// have a name.
func parseNews(rec []byte) (n news, ok bool) {
	if c, err := lease.ParseChange(rec); err == nil {
		return news{netip.AddrFrom4(c.Addr.As4()), c.Op, c.Host}, true
	}
	c, err := lease6.ParseChange(rec)
	if err != nil || c.Prefix.Len != 128 || c.IA.Type == lease6.TA {
		return n, false
	}
	return news{netip.AddrFrom16(c.Prefix.As16()), c.Op &^ lease.OpV6, c.Client.Host}, true
}

// addrSet is a set of addresses: 32 bytes for each /24 of IPv4 that has one, and each
// of IPv6 by itself.
type addrSet struct {
	mu sync.Mutex
	v4 map[uint32]*[4]uint64
	v6 map[[16]byte]struct{}
}

// place is where in v4 an address is: its /24, and the word and bit in that.
func place(a netip.Addr) (block uint32, word, bit uint8) {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:]) >> 8, b[3] >> 6, b[3] & 63
}

func (s *addrSet) add(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.v4 == nil {
		s.v4, s.v6 = map[uint32]*[4]uint64{}, map[[16]byte]struct{}{}
	}
	if !a.Is4() {
		s.v6[a.As16()] = struct{}{}
		return
	}
	block, word, bit := place(a)
	b := s.v4[block]
	if b == nil {
		b = new([4]uint64)
		s.v4[block] = b
	}
	b[word] |= 1 << bit
}

func (s *addrSet) has(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !a.Is4() {
		_, ok := s.v6[a.As16()]
		return ok
	}
	block, word, bit := place(a)
	b := s.v4[block]
	return b != nil && b[word]>>bit&1 != 0
}

func (s *addrSet) del(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !a.Is4() {
		delete(s.v6, a.As16())
		return
	}
	block, word, bit := place(a)
	b := s.v4[block]
	if b == nil {
		return
	}
	if b[word] &^= 1 << bit; *b == [4]uint64{} {
		delete(s.v4, block)
	}
}

// each calls fn with a copy of the members until it says no.
func (s *addrSet) each(fn func(netip.Addr) bool) {
	s.mu.Lock()
	var all []netip.Addr
	for block, b := range s.v4 {
		for i := range uint32(256) {
			if b[i>>6]>>(i&63)&1 != 0 {
				all = append(all, netip.AddrFrom4([4]byte{byte(block >> 16), byte(block >> 8), byte(block), byte(i)}))
			}
		}
	}
	for a := range s.v6 {
		all = append(all, netip.AddrFrom16(a))
	}
	s.mu.Unlock()
	for _, a := range all {
		if !fn(a) {
			return
		}
	}
}
