// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"math/bits"
	"slices"

	"xdhcp/engine/lease"
)

// prefixes finds the longest of a set of prefixes that holds an address: by a hash table,
// once for each length that occurs. These are few, and of a thousand subnets mostly one;
// a search through the thousand would wait ten times for the processor to see which way
// to go.
type prefixes struct {
	lengths []prefixLength // that occur, the longest first
	// slots are a prefix (prefixLength.key) << 26 | its place + 1; 0: free. The next one where it
	// is taken. At most half are in use.
	slots []uint64
	shift uint8
	// few are all of them, the longest first, where there are no more than maxFew.
	few []onePrefix
}

type onePrefix struct {
	base, mask lease.IP4
	place      int32
}

const maxFew = 8

const placeBits = 26

type prefixLength struct {
	mask lease.IP4
	bits uint8
}

// key is the prefix of this length that holds a.
func (l prefixLength) key(a lease.IP4) uint64 { return uint64(a&l.mask)<<6 | uint64(l.bits) }

func newPrefixes(subnets []Subnet) (p prefixes) {
	size := bits.Len(uint(2*len(subnets) + 1))
	p.slots, p.shift = make([]uint64, 1<<size), uint8(64-size)
	for i := range subnets {
		s := &subnets[i]
		l := prefixLength{s.Mask, s.Bits}
		if !slices.Contains(p.lengths, l) {
			p.lengths = append(p.lengths, l)
		}
		key := l.key(s.Base)
		at := p.home(key)
		for p.slots[at] != 0 {
			at = (at + 1) & uint64(len(p.slots)-1)
		}
		p.slots[at] = key<<placeBits | uint64(i+1)
	}
	if len(subnets) <= maxFew {
		for i := range subnets {
			p.few = append(p.few, onePrefix{subnets[i].Base, subnets[i].Mask, int32(i)})
		}
		slices.SortFunc(p.few, func(x, y onePrefix) int { return cmp.Compare(y.mask, x.mask) })
	}
	slices.SortFunc(p.lengths, func(x, y prefixLength) int { return cmp.Compare(y.bits, x.bits) })
	return p
}

func (p *prefixes) home(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> (p.shift & 63) }

// find is the place of the longest prefix that holds a, or -1.
func (p *prefixes) find(a lease.IP4) int32 {
	if len(p.few) > 0 {
		for i := range p.few {
			if x := &p.few[i]; a&x.mask == x.base {
				return x.place
			}
		}
		return -1
	}
	for _, l := range p.lengths {
		key := l.key(a)
		for at := p.home(key); ; at++ {
			e := p.slots[at&uint64(len(p.slots)-1)]
			if e == 0 {
				break
			}
			if e>>placeBits == key {
				return int32(e&(1<<placeBits-1)) - 1
			}
		}
	}
	return -1
}
