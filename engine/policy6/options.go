// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"xdhcp/engine/policy"
)

// Option codes that a rule of this package is about (RFC 8415, and at the line).
const (
	optUserClass   = 15
	optVendorOpts  = 17
	optRefreshTime = 32
	optPDExclude   = 67 // RFC 6603
	optSolMaxRT    = 82
	optInfMaxRT    = 83

	// lowCodes is how many codes have a bit: all that are assigned.
	lowCodes = 256
)

// Bits is a set of option codes below 256.
type Bits [lowCodes / 64]uint64

func (b *Bits) has(code uint16) bool {
	return code < lowCodes && b[code>>6]>>(code&63)&1 != 0
}

func (b *Bits) add(code uint16) {
	if code < lowCodes {
		b[code>>6] |= 1 << (code & 63)
	}
}

// Asked is what a client's Option Request options ask for.
type Asked struct {
	// Low has a bit for each code below 256 (bit code&63 of word code>>6).
	Low Bits
	// ORO is the content of an option 6: it is read only for codes from 256 on.
	ORO []byte
}

// Has says whether an option is asked for.
func (a *Asked) Has(code uint16) bool {
	if code < lowCodes {
		return a.Low.has(code)
	}
	for o := a.ORO; len(o) >= 2; o = o[2:] {
		if binary.BigEndian.Uint16(o) == code {
			return true
		}
	}
	return false
}

// Only says whether nothing but this option is asked for.
func (a *Asked) Only(code uint16) bool {
	n := 0
	for _, w := range a.Low {
		n += bits.OnesCount64(w)
	}
	for o := a.ORO; len(o) >= 2; o = o[2:] {
		if binary.BigEndian.Uint16(o) >= lowCodes {
			n++
		}
	}
	return n == 1 && a.Has(code)
}

// An OptionSet is the encoded options that a client may be sent, after all
// merging. A nil set is an empty one. The encodings lie one behind the other in
// ascending order of code, vendor options (17) in that of their enterprise:
//
//	| code | length | value | code | length | value | …
type OptionSet struct {
	items        []item
	blocks       []byte
	have, always Bits
	from         *layers // what the set was merged from
	id           uint32  // tells the sets of a policy apart
	// classes are those that change something about the set.
	classes policy.ClassSet
	hot     atomic.Pointer[variant] // one of its variants, which is most often the one
	ready   [selections]atomic.Pointer[selection]
}

type item struct {
	code       uint16
	always     bool
	start, end uint32
}

// A selection is a prepared block: what is sent to a client that asks for some
// options. Few different requests are seen, as they depend on the make of the
// client; the first few of each set are kept and never replaced, so that nobody can
// make us build blocks all the time to any effect on others.
type selection struct {
	codes Bits
	block []byte
}

const selections = 8

// Len is the number of options in the set.
func (o *OptionSet) Len() int {
	if o == nil {
		return 0
	}
	return len(o.items)
}

// Has says whether an option is in the set.
func (o *OptionSet) Has(code uint16) bool {
	_, ok := o.Get(code)
	return ok
}

// Get is the value of the first option with this code. The caller does not write
// to it.
func (o *OptionSet) Get(code uint16) ([]byte, bool) {
	if o == nil || code < lowCodes && !o.have.has(code) {
		return nil, false
	}
	for i := range o.items {
		if it := &o.items[i]; it.code == code {
			return o.blocks[it.start+4 : it.end : it.end], true
		}
	}
	return nil, false
}

// Select is the encoded options of the set for a client that asks for some (RFC
// 8415 §21.7: "Other top-level option codes MUST appear in the Option Request
// option or they will not be sent by the server"), with those that the
// configuration sends always, and without the codes in skip. inform says that the
// answer is to an Information-request: only there is the refresh time sent (§21.23).
//
// What is often asked for lies ready; the rest is put together in room, which may
// grow. The caller does not write to what it gets, which is valid until room is
// used again.
func (o *OptionSet) Select(asked *Asked, skip []uint16, inform bool, room *[]byte) []byte {
	if o == nil {
		return nil
	}
	var codes Bits
	for i := range codes {
		codes[i] = o.have[i] & (asked.Low[i] | o.always[i])
	}
	if !inform {
		codes[optRefreshTime>>6] &^= 1 << (optRefreshTime & 63)
	}
	for _, c := range skip {
		if c < lowCodes {
			codes[c>>6] &^= 1 << (c & 63)
		}
	}
	if n := len(o.items); n == 0 || o.items[n-1].code < lowCodes {
		return o.block(&codes, room)
	}
	b := o.append((*room)[:0], &codes)
	for i := range o.items {
		it := &o.items[i]
		if it.code >= lowCodes && (it.always || asked.Has(it.code)) && !contains(skip, it.code) {
			b = append(b, o.blocks[it.start:it.end]...)
		}
	}
	*room = b
	return b
}

func contains(codes []uint16, code uint16) bool {
	for _, c := range codes {
		if c == code {
			return true
		}
	}
	return false
}

// block is the options of these codes.
func (o *OptionSet) block(codes *Bits, room *[]byte) []byte {
	if *codes == (Bits{}) {
		return nil
	}
	for i := range o.ready {
		s := o.ready[i].Load()
		if s == nil {
			s = &selection{*codes, o.append(nil, codes)}
			if o.ready[i].CompareAndSwap(nil, s) {
				return s.block
			}
			s = o.ready[i].Load()
		}
		if s.codes == *codes {
			return s.block
		}
	}
	*room = o.append((*room)[:0], codes)
	return *room
}

func (o *OptionSet) append(to []byte, codes *Bits) []byte {
	for i := range o.items {
		if it := &o.items[i]; codes.has(it.code) {
			to = append(to, o.blocks[it.start:it.end]...)
		}
	}
	return to
}
