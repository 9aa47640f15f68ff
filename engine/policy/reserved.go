// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"xdhcp/engine/lease"
)

// reserved is the reservations of all scopes, in one hash table by the scope and what
// they know their clients by, and by their addresses. A look waits for memory once
// where there is nothing, twice where there is a reservation; Expect begins to fetch
// it.
type reserved struct {
	all    []Reservation
	combos []combo
	slots  []uint64 // hash<<32 | place in all + 1; 0: free. The next one where it is taken.
}

// A combo is identifiers by which reservations know their clients: one, or several
// together.
type combo []Identifier

// byAddress is in the place of the number of a combo for the hash of an address.
const byAddress = 255

// unsought is the combo of a reservation with an identifier that is not looked for.
const unsought = 254

func (x *reserved) hash(scope lease.ScopeID, combo uint8, key []byte) uint64 {
	return hashOf(uint64(scope)<<8|uint64(combo), key)
}

func (x *reserved) hashAddr(a lease.IP4) uint64 {
	b := a.As4()
	return x.hash(0, byAddress, b[:])
}

// slot is where a hash is looked for first. Its upper half is what the slot has of it.
func (x *reserved) slot(hash uint64) uint32 { return uint32(hash) & uint32(len(x.slots)-1) }

// next is the next reservation with a hash from slot at on, and the slot behind it.
func (x *reserved) next(hash uint64, at uint32) (*Reservation, uint32) {
	for mask := uint32(len(x.slots) - 1); ; {
		e := x.slots[at&mask]
		if e == 0 {
			return nil, 0
		}
		at++
		if e>>32 == hash>>32 {
			return &x.all[uint32(e)-1], at
		}
	}
}

func (x *reserved) find(scope lease.ScopeID, combo uint8, key []byte) *Reservation {
	hash := x.hash(scope, combo, key)
	for r, at := x.next(hash, x.slot(hash)); r != nil; r, at = x.next(hash, at) {
		if r.scope == scope && r.combo == combo && r.knows(key) {
			return r
		}
	}
	return nil
}

// knows says whether key is what the reservation knows its client by.
func (r *Reservation) knows(key []byte) bool {
	if len(key) != int(r.keyLen) {
		return false
	}
	n := min(len(key), len(r.key))
	return string(key[:n]) == string(r.key[:n]) && string(key[n:]) == r.more
}

// key is the values of several identifiers as a client sent them, each behind its
// length; nil: it did not send all of them.
func (of combo) key(c *lease.Client, flex []byte, room *[int(numIdentifiers) * 256]byte) []byte {
	n := 0
	for _, id := range of {
		v := identifier(c, flex, id)
		if len(v) == 0 || len(v) > 255 {
			return nil
		}
		room[n] = uint8(len(v))
		n += 1 + copy(room[n+1:], v)
	}
	return room[:n]
}

// Reservation is the one that the scope of s has for the client, or nil. A
// client that matches several gets the first in the order of precedence.
func (s *Subnet) Reservation(c *lease.Client) *Reservation { return s.ReservationOf(c, nil) }

// ReservationOf is Reservation for a client whose message has the value flex of
// Spec.FlexID.
func (s *Subnet) ReservationOf(c *lease.Client, flex []byte) *Reservation {
	if s.combos == 0 {
		return nil
	}
	for i, of := range s.reserved.combos {
		if s.combos>>comboBit(i)&1 == 0 {
			continue
		}
		if r := s.by(uint8(i), of, c, flex); r != nil {
			return r
		}
	}
	return nil
}

func (s *Subnet) by(i uint8, of combo, c *lease.Client, flex []byte) *Reservation {
	if len(of) == 1 {
		if v := identifier(c, flex, of[0]); len(v) > 0 {
			return s.reserved.find(s.Scope, i, v)
		}
		return nil
	}
	var room [int(numIdentifiers) * 256]byte
	if key := of.key(c, flex, &room); key != nil {
		return s.reserved.find(s.Scope, i, key)
	}
	return nil
}

// comboBit is the bit of Subnet.combos for combo i; the last one is that of all that
// come behind it.
func comboBit(i int) int { return min(i, 63) }

// ReservedAt is the reservation that keeps address a in the scope of s, or nil.
func (s *Subnet) ReservedAt(a lease.IP4) *Reservation {
	if !s.keeps {
		return nil
	}
	x := s.reserved
	hash := x.hashAddr(a)
	for r, at := x.next(hash, x.slot(hash)); r != nil; r, at = x.next(hash, at) {
		if r.Addr == a && r.scope == s.Scope {
			return r
		}
	}
	return nil
}
