// SPDX-License-Identifier: Apache-2.0

package lease

import "encoding/binary"

// The room of a record is where its bytes of variable length are, in this order:
//
//	| htype, hw (only if longer than 6) | id (only if idOwn) | client-id | relay | host |
//
// It lies in the cold slab if it fits, else in the shard's annex.

const inlineHW = 6

// longHW is the part of the room that the hardware address takes.
func (rec *record) longHW() int {
	if n := rec.hwlen(); n > inlineHW {
		return 1 + n
	}
	return 0
}

func (rec *record) roomLen() int {
	return rec.longHW() + int(rec.idLen) + int(rec.cidLen) + int(rec.relLen) + int(rec.hostLen)
}

// room is the record's room, as long as its content.
func (s *shard) room(r ref, rec *record) []byte {
	n := rec.roomLen()
	if rec.annex != 0 {
		return s.annex.at(rec.annex)[:n]
	}
	if n == 0 {
		return nil
	}
	return s.t.slab(r).room(r)[:n]
}

// ident are views of what a record knows about its client.
type ident struct {
	hw, id, clientID, relay, host []byte
}

// ident reads a record's identity. The views end with the next store or drop.
func (s *shard) ident(r ref, rec *record) (v ident) {
	room := s.room(r, rec)
	hwid := rec.hwid[:1+min(rec.hwlen(), inlineHW)]
	if n := rec.longHW(); n > 0 {
		hwid = room[:n]
		room = room[n:]
	}
	v.hw = hwid[1:]
	v.id, room = room[:rec.idLen], room[rec.idLen:]
	v.clientID, room = room[:rec.cidLen], room[rec.cidLen:]
	v.relay, v.host = room[:rec.relLen], room[rec.relLen:]
	switch rec.where() {
	case idHW:
		v.id = hwid
	case idClientID:
		v.id = v.clientID
	}
	return v
}

// is reports whether the record is found under this identity.
func (s *shard) is(r ref, rec *record, scope ScopeID, c *Client) bool {
	if rec.scope != scope || rec.flags&(fNamed|fKind) != fNamed|uint8(c.Kind) {
		return false
	}
	n := rec.longHW()
	switch rec.where() {
	case idHW:
		if n == 0 { // the usual one, without touching the room
			return sameHW(c.ID, rec.hwid[:1+rec.hwlen()])
		}
		return string(c.ID) == string(s.space(r, rec)[:n])
	case idClientID:
		n += int(rec.idLen)
		return len(c.ID) == int(rec.cidLen) && string(c.ID) == string(s.space(r, rec)[n:n+len(c.ID)])
	}
	return len(c.ID) == int(rec.idLen) && string(c.ID) == string(s.space(r, rec)[n:n+len(c.ID)])
}

// sameHW is a comparison without a call for what nearly every client has: an
// Ethernet address with its type.
func sameHW(x, y []byte) bool {
	if len(x) == 7 && len(y) == 7 {
		le := binary.LittleEndian
		return le.Uint32(x) == le.Uint32(y) && le.Uint32(x[3:]) == le.Uint32(y[3:])
	}
	return string(x) == string(y)
}

// space is the memory that the room of a record, which has one, begins with.
func (s *shard) space(r ref, rec *record) []byte {
	if rec.annex != 0 {
		return s.annex.at(rec.annex)
	}
	return s.t.slab(r).room(r)
}

// keptOther is what the table keeps of a client-id or relay information.
func keptOther(b []byte) []byte {
	if len(b) > MaxOther {
		return nil
	}
	return b
}

// keptHost is what the table keeps of a host name.
func keptHost(b []byte) []byte { return b[:min(len(b), MaxHost)] }

// bounded is what the table keeps of a client.
func bounded(c *Client) ident {
	return ident{hw: c.HW, id: c.ID, clientID: keptOther(c.ClientID), relay: keptOther(c.Relay), host: keptHost(c.Host)}
}

// store writes an identity into a record. The views must not be of this record.
func (s *shard) store(r ref, rec *record, scope ScopeID, kind Kind, htype uint8, v *ident) {
	s.drop(rec)
	where := idWhere(htype, v.hw, v.id, v.clientID)
	rec.scope = scope
	rec.flags = rec.flags&^(fKind|fWhere) | uint8(kind) | where<<whereShift
	rec.hw |= uint8(len(v.hw))
	rec.hwid[0] = htype
	if where == idOwn {
		rec.idLen = uint8(len(v.id))
	}
	rec.cidLen = uint8(len(v.clientID))
	rec.relLen = uint8(len(v.relay))
	rec.hostLen = uint8(len(v.host))
	n := rec.roomLen()
	var room []byte
	switch {
	case n > coldSize:
		rec.annex = s.annex.take(n)
		room = s.annex.at(rec.annex)
	case n > 0:
		sl := s.t.slab(r)
		if sl.cold.Load() == nil {
			sl.cold.CompareAndSwap(nil, newColdSlab())
		}
		room = sl.room(r)
	}
	if rec.longHW() > 0 {
		room[0] = htype
		room = room[1+copy(room[1:], v.hw):]
	} else {
		copy(rec.hwid[1:], v.hw)
	}
	if rec.idLen > 0 {
		room = room[copy(room, v.id):]
	}
	room = room[copy(room, v.clientID):]
	room = room[copy(room, v.relay):]
	copy(room, v.host)
}

// drop forgets the identity that a record holds and frees its room. The index
// is not touched.
func (s *shard) drop(rec *record) {
	if rec.annex != 0 {
		s.annex.give(rec.annex, rec.roomLen())
		rec.annex = 0
	}
	rec.flags &^= fKind | fWhere
	rec.hw &= fTwin
	rec.idLen, rec.cidLen, rec.relLen, rec.hostLen = 0, 0, 0, 0
	rec.hwid[0] = 0
}

// knows reports whether the record has all that a message says about its
// client. What a message lacks (a unicast renewal has no option 82) is no news.
func (s *shard) knows(r ref, rec *record, c *Client) bool {
	hw := rec.hwlen()
	if rec.hwid[0] != c.HType || len(c.HW) != hw {
		return false
	}
	room := s.room(r, rec)
	switch {
	case hw == 6:
		le, mine := binary.LittleEndian, rec.hwid[1:7]
		if le.Uint32(c.HW) != le.Uint32(mine) || le.Uint16(c.HW[4:]) != le.Uint16(mine[4:]) {
			return false
		}
	case hw < 6:
		if string(c.HW) != string(rec.hwid[1:1+hw]) {
			return false
		}
	default:
		if string(c.HW) != string(room[1:1+hw]) {
			return false
		}
		room = room[1+hw:]
	}
	if len(room) == 0 {
		return len(keptOther(c.ClientID)) == 0 && len(keptOther(c.Relay)) == 0 && len(c.Host) == 0
	}
	room = room[rec.idLen:]
	clientID, room := room[:rec.cidLen], room[rec.cidLen:]
	if string(keptOther(c.ClientID)) != string(clientID) {
		return false
	}
	relay, host := room[:rec.relLen], room[rec.relLen:]
	if v := keptOther(c.Relay); len(v) > 0 && string(v) != string(relay) {
		return false
	}
	v := keptHost(c.Host)
	return len(v) == 0 || string(v) == string(host)
}

// refresh brings what the record knows about its client up to date.
func (s *shard) refresh(r ref, rec *record, c *Client) {
	had := s.ident(r, rec)
	now := bounded(c)
	if len(now.relay) == 0 {
		now.relay = had.relay
	}
	if len(now.host) == 0 {
		now.host = had.host
	}
	// relay and host may be views of what store is about to free.
	s.scratch = append(append(s.scratch[:0], now.relay...), now.host...)
	now.host = s.scratch[len(now.relay):]
	now.relay = s.scratch[:len(now.relay)]
	s.store(r, rec, rec.scope, rec.kind(), c.HType, &now)
}

// annex is memory for rooms that do not fit in the cold slab: pages, in them
// units of 16 bytes, and a list of free rooms for each number of units.
type annex struct {
	pages [][]byte
	next  uint32 // unit of the last page that was never used
	free  [annexClasses]uint32
}

const (
	annexUnit    = 16
	annexPage    = 12 // bits of a place that count units
	annexClasses = (1+MaxHW+MaxID+2*MaxOther+MaxHost+annexUnit-1)/annexUnit + 1
	annexFirst   = 4096 // bytes of the first page; the next ones are twice as long, up to 4096 units
)

// at is the memory from a place on.
func (x *annex) at(place uint32) []byte {
	return x.pages[place>>annexPage][place&(1<<annexPage-1)*annexUnit:]
}

// take finds room for n bytes.
func (x *annex) take(n int) uint32 {
	units := uint32(n+annexUnit-1) / annexUnit
	if place := x.free[units]; place != 0 {
		x.free[units] = binary.LittleEndian.Uint32(x.at(place))
		return place
	}
	last := len(x.pages) - 1
	if last < 0 || (x.next+units)*annexUnit > uint32(len(x.pages[last])) {
		last++
		x.pages = append(x.pages, make([]byte, annexFirst<<min(last, 4)))
		x.next = 0
		if last == 0 {
			x.next = 1 // place 0 is none
		}
	}
	place := uint32(last)<<annexPage | x.next
	x.next += units
	return place
}

// give takes room for n bytes back.
func (x *annex) give(place uint32, n int) {
	units := (n + annexUnit - 1) / annexUnit
	binary.LittleEndian.PutUint32(x.at(place), x.free[units])
	x.free[units] = place
}
