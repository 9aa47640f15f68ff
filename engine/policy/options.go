// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/bits"
)

// Option codes that a rule of this package is about (RFC 2132, and at the line).
const (
	optPad             = 0
	optSubnetMask      = 1
	optRouters         = 3
	optDNS             = 6
	optDomainName      = 15
	optV6OnlyPreferred = 108 // RFC 8925
	optAutoConfigure   = 116 // RFC 2563
	optSubnetSelection = 118 // RFC 3011
	optRoutes          = 121 // RFC 3442
	optMSRoutes        = 249 // [MS-DHCPE] §2.2.8
	optEnd             = 255
)

// A bitmap is a set of option codes.
type bitmap [4]uint64

func (b *bitmap) has(code uint8) bool { return b[code>>6]>>(code&63)&1 != 0 }
func (b *bitmap) add(code uint8)      { b[code>>6] |= 1 << (code & 63) }
func (b *bitmap) del(code uint8)      { b[code>>6] &^= 1 << (code & 63) }

// rank is how many members are smaller than code.
func (b *bitmap) rank(code uint8) int {
	n := bits.OnesCount64(b[code>>6] & (1<<(code&63) - 1))
	for i := range code >> 6 {
		n += bits.OnesCount64(b[i])
	}
	return n
}

// An OptionSet is the encoded options that a client may be sent, after all
// merging. A nil set is an empty one.
//
// The encodings of all options lie one behind the other in ascending order of
// code, a value of more than 255 bytes in several pieces (RFC 3396 §5):
//
//	| 1 | 4 | mask | 3 | 4 | router | 119 | 255 | … | 119 | 17 | … |
type OptionSet struct {
	// classes are those that change something about the set.
	classes *ClassSet
	id      uint32 // see ID
	words   uint8  // see Classes
	have    bitmap
	always  bitmap // sent also where the request list lacks it
	onAsk   bitmap // sent only where the request list has it
	blocks  []byte
	ends    []uint32 // where the i-th option's encoding ends in blocks
	values  []byte   // the values longer than 255 bytes, in one piece
	long    []span   // where in values, ascending by code
	from    *layers  // what the set was merged from
}

type span struct {
	code       uint8
	start, end uint32
}

// Len is the number of options in the set.
func (o *OptionSet) Len() int {
	if o == nil {
		return 0
	}
	return len(o.ends)
}

// Encoded is the option as it is sent, code and length included; nil if the set
// lacks it. The caller does not write to it.
func (o *OptionSet) Encoded(code uint8) []byte {
	if o == nil || !o.have.has(code) {
		return nil
	}
	i := o.have.rank(code)
	start := uint32(0)
	if i > 0 {
		start = o.ends[i-1]
	}
	return o.blocks[start:o.ends[i]:o.ends[i]]
}

// Get is the option's value. The caller does not write to it.
func (o *OptionSet) Get(code uint8) ([]byte, bool) {
	e := o.Encoded(code)
	if e == nil {
		return nil, false
	}
	if len(e) <= 2+255 {
		return e[2:], true
	}
	for _, s := range o.long {
		if s.code == code {
			return o.values[s.start:s.end:s.end], true
		}
	}
	return nil, false
}

// Codes is room for one of each option.
type Codes [256]uint8

// Codes are all codes of the set in ascending order.
func (o *OptionSet) Codes(room *Codes) []uint8 {
	n := 0
	if o != nil {
		for w, word := range o.have {
			for ; word != 0; word &= word - 1 {
				room[n] = uint8(w<<6 + bits.TrailingZeros64(word))
				n++
			}
		}
	}
	return room[:n]
}

// Select says which options of the set an OFFER or an ACK carries, in which
// order, for a client that sent the parameter request list prl (option 55; nil:
// it sent none). It writes into room and returns the part that it filled.
//
// The rules, in this order:
//   - What the client asked for and we have, in its order, each once (RFC 2131
//     §4.3.1, RFC 2132 §9.8).
//   - Then, in ascending order, what is always sent: subnet mask, routers, DNS
//     servers and domain name, as every other server does (a client that forgot
//     one of these is a client without a network), and what the configuration
//     marks so. A client without a list gets everything that is configured
//     (RFC 2131 §4.3.1: "parameters with non-default values on the client's
//     subnet").
//   - The subnet mask comes before the routers (RFC 2132 §3.3).
//   - Classless routes: 121 where it is asked for; 249 only where 121 is not
//     ([MS-DHCPE] §3.2.5).
//   - 108 and 116 only where they are asked for (RFC 8925 §3.2).
//
// A NAK carries none of these: exchange.Answer has no set for it.
func (o *OptionSet) Select(prl []byte, room *Codes) []uint8 {
	if o == nil {
		return room[:0]
	}
	n := 0
	var left bitmap // what may still be sent
	if len(prl) == 0 {
		for i := range left {
			left[i] = o.have[i] &^ o.onAsk[i]
		}
		n = appendCodes(room, n, &left)
		return room[:n]
	}
	left = o.have
	if o.have.has(optMSRoutes) {
		for _, c := range prl {
			if c == optRoutes && o.have.has(optRoutes) {
				left.del(optMSRoutes)
				break
			}
		}
	}
	for _, c := range prl {
		if !left.has(c) {
			continue
		}
		if c == optRouters && left.has(optSubnetMask) {
			room[n] = optSubnetMask
			n++
			left.del(optSubnetMask)
		}
		room[n] = c
		n++
		left.del(c)
	}
	for i := range left {
		left[i] &= o.always[i]
	}
	n = appendCodes(room, n, &left)
	return room[:n]
}

// appendCodes writes the members of set behind the first n of room.
func appendCodes(room *Codes, n int, set *bitmap) int {
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			room[n&255] = uint8(w<<6 + bits.TrailingZeros64(word))
			n++
		}
	}
	return n
}

// ID tells the sets of a policy apart, but for those that ForClasses makes: their ID is 0.
func (o *OptionSet) ID() uint32 { return o.id }

// Classes are those that change something about the set: as many words of a ClassSet as
// have any.
func (o *OptionSet) Classes() []uint64 { return o.classes[:o.words] }
