// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"hash/maphash"
	"slices"
	"sync"

	"xdhcp/engine/lease"
)

// Clients finds the addresses that a hardware address or a client identifier has
// leased, in whatever scope and by whatever identity the leases are kept. It is
// made of hints: an entry says where to look in the lease table, and the table
// says what is there now. So only grants are noted; nothing is taken out but when
// a part of it is full, where all that the table no longer confirms goes.
//
// A part is an array of entries tag<<32 | address, an open hash with linear
// probing. An entry costs 8 bytes at a load of at most 3/4; a lease has two.
type Clients struct {
	table *lease.Table
	seed  maphash.Seed
	parts [clientParts]clientPart
}

type clientPart struct {
	mu    sync.Mutex
	e     []uint64
	n     int
	entry lease.Entry // room
	_     [64]byte
}

const (
	clientParts    = 256
	leastClientRun = 16
)

// NewClients is an empty index of a table.
func NewClients(t *lease.Table) *Clients { return &Clients{table: t, seed: maphash.MakeSeed()} }

// tags are those of a hardware address and of a client identifier; 0: none.
func (x *Clients) tags(htype uint8, hw, clientID []byte) (byHW, byID uint64) {
	var h maphash.Hash
	if len(hw) > 0 {
		h.SetSeed(x.seed)
		h.WriteByte(htype)
		h.Write(hw)
		byHW = h.Sum64() | 1
	}
	if len(clientID) > 0 {
		h.SetSeed(x.seed)
		h.WriteString("client-id") // so that it is no hardware address
		h.Write(clientID)
		byID = h.Sum64() | 1
	}
	return byHW, byID
}

// Note takes down that a client has been granted an address.
func (x *Clients) Note(addr lease.IP4, htype uint8, hw, clientID []byte) {
	byHW, byID := x.tags(htype, hw, clientID)
	for _, tag := range [...]uint64{byHW, byID} {
		if tag != 0 {
			x.add(tag, addr)
		}
	}
}

// NoteAll takes down what the table holds.
func (x *Clients) NoteAll() {
	x.table.Each(func(e *lease.Entry) bool {
		if e.Status == lease.Bound {
			x.Note(e.Addr, e.HType, e.HW, e.ClientID)
		}
		return true
	})
}

// part is where a tag belongs; its upper half goes into the entry.
func (x *Clients) part(tag uint64) *clientPart { return &x.parts[tag>>1%clientParts] }

func entryOf(tag uint64, addr lease.IP4) uint64 { return tag&^(1<<32-1) | uint64(addr) }

func (p *clientPart) home(e uint64) int { return int(e >> 32 & uint64(len(p.e)-1)) }

func (x *Clients) add(tag uint64, addr lease.IP4) {
	p, e := x.part(tag), entryOf(tag, addr)
	p.mu.Lock()
	defer p.mu.Unlock()
	if 4*(p.n+1) > 3*len(p.e) {
		x.rebuild(p)
	}
	p.insert(e)
}

// insert adds an entry unless it is there; p has room.
func (p *clientPart) insert(e uint64) {
	for i := p.home(e); ; i = (i + 1) & (len(p.e) - 1) {
		switch p.e[i] {
		case 0:
			p.e[i] = e
			p.n++
			return
		case e:
			return
		}
	}
}

// rebuild leaves out what is no lease of that client any more, and makes room for
// twice what is left.
func (x *Clients) rebuild(p *clientPart) {
	kept := make([]uint64, 0, p.n)
	for _, e := range p.e {
		if e == 0 || !x.table.Lookup(lease.IP4(e), &p.entry) || p.entry.Status != lease.Bound {
			continue
		}
		byHW, byID := x.tags(p.entry.HType, p.entry.HW, p.entry.ClientID)
		if byHW>>32 == e>>32 || byID>>32 == e>>32 {
			kept = append(kept, e)
		}
	}
	size := leastClientRun
	for size < 2*len(kept)+2 {
		size *= 2
	}
	p.e, p.n = make([]uint64, size), 0
	for _, e := range kept {
		p.insert(e)
	}
}

// find appends the addresses that the client of a query may have, ascending. Nil
// finds nothing.
func (x *Clients) find(q *Query, to []lease.IP4) []lease.IP4 {
	if x == nil {
		return to
	}
	tag, byID := x.tags(q.HType, q.Client.HW, q.Client.ClientID)
	if byID != 0 {
		tag = byID
	}
	if tag == 0 {
		return to
	}
	p := x.part(tag)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.e) == 0 {
		return to
	}
	for i := p.home(entryOf(tag, 0)); p.e[i] != 0; i = (i + 1) & (len(p.e) - 1) {
		if p.e[i]>>32 == tag>>32 {
			to = append(to, lease.IP4(p.e[i]))
		}
	}
	slices.Sort(to)
	return to
}
