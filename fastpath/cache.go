// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"xdhcp/engine/exchange"
	"xdhcp/engine/policy"
	"xdhcp/internal/prefetch"
	"xdhcp/internal/wire/eth"
)

const (
	// ways entries share a bucket, whose tags are one cache line; one of them is
	// replaced when another is needed.
	ways    = 8
	buckets = 2048
	// lineSize holds a key and the options that it selects. Typical are 20 to 40 and 60
	// to 120 bytes; what is longer is put together anew each time.
	lineSize = 256
	lineRoom = lineSize - 16
	// maxBlock bounds what is put together: an IP datagram of an Ethernet.
	maxBlock = 1500
)

// cache keeps the encoded options that clients are sent: by option set, those of the
// client's classes that change it, and parameter request list. Its memory is fixed,
// about 4 MB, of which lines that were never used take none: clients with random lists
// push each other out, and since a bucket's entries have a second chance (the clock
// algorithm), rarely those that are in use.
//
// It has no pointers: sets are known by their ID.
type cache struct {
	seed  uint64                // per handler, so that nobody can aim at a bucket
	tags  [buckets][ways]uint64 // hash of the key, and tagUsed; 0: the line is free
	hands [buckets]uint8
	lines *[buckets * ways]line
	codes policy.Codes
	spill [maxBlock]byte
	sum   uint32 // Internet checksum sum of the block that was last returned
}

// line is one entry: a key and its block.
type line struct {
	head   uint64 // see ask.head
	nBlock uint16
	sum    uint16         // Internet checksum sum of the block
	b      [lineRoom]byte // words of classes and list of the key, then the block
	_      uint32
}

const (
	tagUsed  = 1 // since the hand last passed
	tagTaken = 2 // so that no tag is 0
)

func (c *cache) init() {
	c.seed = maphash.Bytes(maphash.MakeSeed(), nil)
	c.lines = new([buckets * ways]line) // by itself, so that a line begins where the processor's do
}

// reset forgets everything.
func (c *cache) reset() { c.tags = [buckets][ways]uint64{} }

// An ask is what a block is asked for by: what set gives to a client in classes (nil: in
// none) which sent prl.
type ask struct {
	set     *policy.OptionSet
	classes *policy.ClassSet
	prl     []byte
}

// mask are the words of classes that change the set.
func (a *ask) mask() []uint64 {
	if a.classes == nil {
		return nil
	}
	return a.set.Classes()
}

// head is the ID of the set, the length of the list, and the number of words of classes.
func (a *ask) head(words int) uint64 {
	return uint64(a.set.ID()) | uint64(uint8(len(a.prl)))<<32 | uint64(words)<<40
}

// block is the encoded options that are asked for. The bytes are valid until the next
// call. ok is false when they do not fit in a datagram.
func (c *cache) block(p *policy.Policy, a *ask, hash uint64) (block []byte, ok bool) {
	bucket := c.bucket(hash)
	tags := &c.tags[bucket]
	for i, t := range tags {
		if t|tagUsed == hash|tagUsed {
			if block = c.lines[bucket*ways+i].block(a); block != nil {
				if t&tagUsed == 0 {
					tags[i] = hash | tagUsed
				}
				c.sum = uint32(c.lines[bucket*ways+i].sum)
				return block, true
			}
		}
	}
	if block, ok = c.assemble(a.merged(p), a.prl, nil); !ok {
		return nil, false
	}
	mask := a.mask()
	if 8*len(mask)+len(a.prl)+len(block) > lineRoom || a.set.ID() == 0 {
		return block, true
	}
	i := c.victim(bucket)
	l := &c.lines[bucket*ways+i]
	n := 0
	for i, w := range mask {
		binary.LittleEndian.PutUint64(l.b[n:], w&a.classes[i])
		n += 8
	}
	n += copy(l.b[n:], a.prl)
	copy(l.b[n:], block)
	l.head, l.nBlock, l.sum = a.head(len(mask)), uint16(len(block)), uint16(c.sum)
	tags[i] = hash
	return block, true
}

// block is that of the line if it is the one that is asked for, or nil.
func (l *line) block(a *ask) []byte {
	mask := a.mask()
	if l.head != a.head(len(mask)) {
		return nil
	}
	b := l.b[:]
	for i, w := range mask {
		if binary.LittleEndian.Uint64(b) != w&a.classes[i] {
			return nil
		}
		b = b[8:]
	}
	n := len(a.prl)
	if string(b[:n]) != string(a.prl) {
		return nil
	}
	return b[n : n+int(l.nBlock)]
}

// hash is that of what is asked for, in the manner of wyhash. Lists are short, and a
// hash that is better than their order is enough: a collision costs a comparison.
func (c *cache) hash(a *ask) uint64 {
	le := binary.LittleEndian
	mask := a.mask()
	h := mix(c.seed ^ a.head(len(mask)))
	for i, w := range mask {
		h = mix(h ^ w&a.classes[i])
	}
	prl := a.prl
	for ; len(prl) >= 8; prl = prl[8:] {
		h = mix(h ^ le.Uint64(prl))
	}
	var tail uint64
	if len(prl) >= 4 {
		tail = uint64(le.Uint32(prl))
		prl = prl[4:]
	}
	for _, b := range prl {
		tail = tail<<8 | uint64(b)
	}
	return mix(h^tail)&^tagUsed | tagTaken
}

// merged is the set for a client in these classes.
func (a *ask) merged(p *policy.Policy) *policy.OptionSet {
	if a.classes == nil {
		return a.set
	}
	return p.ForClasses(a.set, a.classes)
}

// assemble puts the options together that set gives for prl, without those that
// the answer has of its own. The bytes are valid until the next call.
func (c *cache) assemble(set *policy.OptionSet, prl []byte, own *exchange.Own) (block []byte, ok bool) {
	n := 0
	for _, code := range set.Select(prl, &c.codes) {
		if own.Has(code) {
			continue
		}
		e := set.Encoded(code)
		if n+len(e) > maxBlock {
			return nil, false
		}
		n += copy(c.spill[n:], e)
	}
	c.sum = uint32(eth.Fold(eth.Sum(c.spill[:n], 0)))
	return c.spill[:n], true
}

func (c *cache) bucket(hash uint64) int { return int(hash >> 40 % buckets) }

// expect begins to fetch the tags of a hash, and fetch, when they are there, the line.
func (c *cache) expect(hash uint64) { prefetch.Line(&c.tags[c.bucket(hash)]) }

func (c *cache) fetch(hash uint64) {
	bucket := c.bucket(hash)
	for i, t := range &c.tags[bucket] {
		if t|tagUsed == hash|tagUsed {
			prefetch.Lines(&c.lines[bucket*ways+i], 3)
			return
		}
	}
}

func mix(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return hi ^ lo
}

// victim is the entry of a bucket to replace: a free one, or the first that was
// not used since the hand passed it.
func (c *cache) victim(bucket int) int {
	tags, hand := &c.tags[bucket], &c.hands[bucket]
	for {
		i := int(*hand) % ways
		*hand++
		if tags[i]&tagUsed == 0 {
			return i
		}
		tags[i] &^= tagUsed
	}
}
