// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/binary"
	"slices"

	"xdhcp/internal/hugepage"
)

// What is known about a client is a row of byte strings, in this order in a
// record's room and in an encoded change. The room is in the record if it fits
// there, else in the shard's annex.
const (
	partDUID = iota
	partLinkLayer
	partPeer
	partInterfaceID
	partRemoteID
	partSubscriberID
	partRelayID
	partHost
	numParts

	maxParts = MaxDUID + MaxLinkLayer + LenPath + 4*MaxOther + MaxHost
)

// parts are views of what is known about a client.
type parts [numParts][]byte

// of makes v what the table keeps of a client.
func (v *parts) of(c *Client) {
	v[partDUID], v[partLinkLayer], v[partPeer], v[partInterfaceID] = c.DUID, c.LinkLayer, c.Peer, c.InterfaceID
	v[partRemoteID], v[partSubscriberID], v[partRelayID], v[partHost] = c.RemoteID, c.SubscriberID, c.RelayID, c.Host
	v.bound()
}

// bound drops what is too long to be kept.
func (v *parts) bound() {
	for i := partInterfaceID; i <= partRelayID; i++ {
		if len(v[i]) > MaxOther {
			v[i] = nil
		}
	}
	if len(v[partLinkLayer]) > MaxLinkLayer {
		v[partLinkLayer] = nil
	}
	if !v.peerFits() {
		v[partPeer] = nil
	}
	v[partHost] = v[partHost][:min(len(v[partHost]), MaxHost)]
}

func (v *parts) peerFits() bool {
	n := len(v[partPeer])
	return n == 0 || n == lenPeer || n == LenPath
}

func (rec *record) roomLen() (n int) {
	for _, l := range rec.lens {
		n += int(l)
	}
	return n
}

// room is the record's room, as long as its content.
func (s *shard) room(rec *record) []byte {
	n := rec.roomLen()
	if rec.annex != 0 {
		return s.annex.at(rec.annex)[:n]
	}
	return rec.room[:n]
}

// parts reads what a record knows. The views end with the next store or drop.
func (s *shard) parts(rec *record) (v parts) {
	room := s.room(rec)
	for i, n := range rec.lens {
		v[i], room = room[:n:n], room[n:]
	}
	return v
}

// is reports whether the record is found under this identity.
func (s *shard) is(rec *record, k *key) bool {
	if rec.scope != k.scope || rec.iaid != k.ia.ID || rec.ia != k.ia.Type || int(rec.lens[partDUID]) != len(k.duid) {
		return false
	}
	if rec.annex == 0 {
		return string(rec.room[:len(k.duid)]) == string(k.duid)
	}
	return string(s.annex.at(rec.annex)[:len(k.duid)]) == string(k.duid)
}

// store writes what is known about a client into a record. The views must not be
// of this record.
func (s *shard) store(rec *record, v *parts) {
	s.drop(rec)
	n := 0
	for i, p := range v {
		rec.lens[i] = uint8(len(p))
		n += len(p)
	}
	room := rec.room[:]
	if n > roomLen {
		rec.annex = s.annex.take(n)
		room = s.annex.at(rec.annex)
	}
	for _, p := range v {
		room = room[copy(room, p):]
	}
}

// drop forgets what a record knows and frees its room. The index is not touched.
func (s *shard) drop(rec *record) {
	if rec.annex != 0 {
		s.annex.give(rec.annex, rec.roomLen())
		rec.annex = 0
	}
	rec.lens = [numParts]uint8{}
}

// knows reports whether the record has all that a message says about its client.
func (s *shard) knows(rec *record, v *parts) bool {
	room := rec.room[:]
	if rec.annex != 0 {
		room = s.annex.at(rec.annex)
	}
	for i := range v {
		p, n := v[i], int(rec.lens[i])
		if len(p) > 0 && (len(p) != n || string(p) != string(room[:n])) {
			return false
		}
		room = room[n:]
	}
	return true
}

// refresh brings what the record knows about its client up to date.
func (s *shard) refresh(rec *record, v *parts) {
	// What stays is a view of what store is about to free.
	s.scratch = slices.Grow(s.scratch[:0], maxParts)
	for i, had := range s.parts(rec) {
		if len(v[i]) == 0 && len(had) > 0 {
			s.scratch = append(s.scratch, had...)
			v[i] = s.scratch[len(s.scratch)-len(had):]
		}
	}
	s.store(rec, v)
}

// annex is memory for rooms that do not fit in the record: pages, in them units of
// 16 bytes, and a list of free rooms for each number of units.
type annex struct {
	pages [][]byte
	next  uint32 // unit of the last page that was never used
	free  [annexClasses]uint32
}

const (
	annexUnit    = 16
	annexPage    = 12 // bits of a place that count units
	annexClasses = (maxParts+annexUnit-1)/annexUnit + 1
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
		page := make([]byte, annexFirst<<min(last, 4))
		hugepage.AdviseSlice(page)
		x.pages = append(x.pages, page)
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
