// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/binary"

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

func (v *parts) peerFits() bool {
	n := len(v[partPeer])
	return n == 0 || n == lenPeer || n == LenPath
}

// roomLen is the sum of the lengths: in pairs, and these by a multiplication.
func (rec *record) roomLen() int {
	const low = 0x00ff00ff00ff00ff
	l := binary.LittleEndian.Uint64(rec.lens[:])
	return int((l&low + l>>8&low) * 0x0001000100010001 >> 48)
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

// A record whose room is in the annex has its own for a digest and a copy of the DUID, so
// that the usual message, which says what is known already, is served without the annex:
// no third place in memory to wait for.
const (
	lenDigest  = 8
	maxOwnDUID = roomLen - lenDigest // a longer one is in the annex only
)

// digest is a hash of what is known of a client. That it is the same for two of them has a
// chance of 2⁻⁶⁴; the change of a relay agent's option would then not be noticed. Who a
// client is does not hang on it.
func (t *Table) digest(image []byte) uint64 { return t.hash(image) }

// duid is a record's DUID, of n bytes.
func (s *shard) duid(rec *record, n int) []byte {
	switch {
	case rec.annex == 0:
		return rec.room[:n]
	case n <= maxOwnDUID:
		return rec.room[lenDigest : lenDigest+n]
	}
	return s.annex.at(rec.annex)[:n]
}

// is reports whether the record is found under this identity.
func (s *shard) is(rec *record, k *key) bool {
	if rec.scope != k.scope || rec.iaid != k.ia.ID || rec.ia != k.ia.Type || int(rec.lens[partDUID]) != len(k.duid) {
		return false
	}
	return string(s.duid(rec, len(k.duid))) == string(k.duid)
}

// store writes what is known about a client into a record: its parts' lengths, and from
// image as many bytes.
func (s *shard) store(rec *record, lens *[numParts]uint8, image []byte) {
	s.drop(rec)
	rec.lens = *lens
	n := rec.roomLen()
	image = image[:n]
	if n <= roomLen {
		copy(rec.room[:], image)
		return
	}
	rec.annex = s.annex.take(n)
	copy(s.annex.at(rec.annex), image)
	binary.LittleEndian.PutUint64(rec.room[:], s.t.digest(image))
	copy(rec.room[lenDigest:], image[:lens[partDUID]])
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
func (s *shard) knows(rec *record, w *Who) bool {
	image := w.image()
	if rec.lens == w.lens { // as nearly always
		if rec.annex == 0 {
			return string(rec.room[:len(image)]) == string(image)
		}
		n := int(w.lens[partDUID])
		return binary.LittleEndian.Uint64(rec.room[:]) == w.digest && string(s.duid(rec, n)) == string(image[:n])
	}
	room := s.room(rec)
	for i, n := range w.lens {
		had := rec.lens[i]
		if n > 0 && (n != had || string(image[:n]) != string(room[:had])) {
			return false
		}
		room, image = room[had:], image[n:]
	}
	return true
}

// refresh brings what the record knows about its client up to date.
func (s *shard) refresh(rec *record, w *Who) {
	// Not in place: store frees the room that it is in.
	merged := s.scratch[:0]
	var lens [numParts]uint8
	room, image := s.room(rec), w.image()
	for i := range lens {
		had, p := room[:rec.lens[i]], image[:w.lens[i]]
		room, image = room[len(had):], image[len(p):]
		if len(p) == 0 {
			p = had
		}
		lens[i] = uint8(len(p))
		merged = append(merged, p...)
	}
	s.store(rec, &lens, merged)
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
