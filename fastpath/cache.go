// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"xdhcp/engine/exchange"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/eth"
)

const (
	// ways entries share a hash value; one of them is replaced when another is
	// needed.
	ways    = 4
	buckets = 1024
	// lineSize holds a request list and the options that it selects. Typical
	// are 10 and 60 bytes; what is longer is put together anew each time.
	lineSize = 480
	// maxBlock bounds what is put together: an IP datagram of an Ethernet.
	maxBlock = 1500
)

// cache keeps the encoded options that a client is sent, by option set and
// parameter request list. Its memory is fixed, about 2 MB, of which lines that were
// never used take none: clients with random lists push each other out, and since a
// bucket's entries have a second chance (the clock algorithm), rarely those that are
// in use.
type cache struct {
	seed  uint64 // per handler, so that nobody can aim at a bucket
	tags  [buckets][ways]tag
	hands [buckets]uint8
	lines [buckets * ways][lineSize]byte // request list, then block
	codes policy.Codes
	spill [maxBlock]byte
	sum   uint32 // Internet checksum sum of the block that was last returned
}

// tag says what a line holds.
type tag struct {
	set    *policy.OptionSet // nil: the line is free
	hash   uint32            // of the request list
	sum    uint16            // Internet checksum sum of the block
	nBlock uint16
	nPRL   uint8
	used   bool // since the hand last passed
}

func (c *cache) init() { c.seed = maphash.Bytes(maphash.MakeSeed(), nil) }

// reset forgets everything.
func (c *cache) reset() { c.tags = [buckets][ways]tag{} }

// block is the encoded options that set gives to a client which sent prl. The
// bytes are valid until the next call. salt spreads the sets over the buckets.
// ok is false when they do not fit in a datagram.
func (c *cache) block(set *policy.OptionSet, salt uint32, prl []byte) (block []byte, ok bool) {
	hash := c.hash(uint64(salt), prl)
	bucket := int(hash >> 40 % buckets)
	tags := &c.tags[bucket]
	for i := range tags {
		t := &tags[i]
		if t.set == set && t.hash == uint32(hash) && int(t.nPRL) == len(prl) {
			line := &c.lines[bucket*ways+i]
			if bytes.Equal(line[:t.nPRL], prl) {
				t.used = true
				c.sum = uint32(t.sum)
				return line[t.nPRL : int(t.nPRL)+int(t.nBlock)], true
			}
		}
	}

	if block, ok = c.assemble(set, prl, nil); !ok {
		return nil, false
	}
	n := len(block)
	if set == nil || len(prl)+n > lineSize {
		return block, true
	}
	i := c.victim(bucket)
	line := &c.lines[bucket*ways+i]
	copy(line[copy(line[:], prl):], block)
	tags[i] = tag{set: set, hash: uint32(hash), sum: uint16(c.sum), nBlock: uint16(n), nPRL: uint8(len(prl))}
	return block, true
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

// hash mixes a request list and a salt in the manner of wyhash. Lists are short,
// and a hash that is better than their order is enough: a collision costs a
// comparison.
func (c *cache) hash(salt uint64, prl []byte) uint64 {
	h := c.seed ^ salt<<8 ^ uint64(len(prl))
	for ; len(prl) >= 8; prl = prl[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(prl))
	}
	var tail uint64
	if len(prl) >= 4 {
		tail = uint64(binary.LittleEndian.Uint32(prl))
		prl = prl[4:]
	}
	for _, b := range prl {
		tail = tail<<8 | uint64(b)
	}
	return mix(h ^ tail)
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
		if t := &tags[i]; t.set == nil || !t.used {
			return i
		}
		tags[i].used = false
	}
}
