// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// The byte pictures are in the package doc.
const (
	page = vfs.Align

	formatVersion = 1

	segMagic = "xdhcplog"
	segHead  = 68 // bytes of the segment's first page in use

	groupMagic = 0x70726758 // "Xgrp"
)

// Offsets in a segment's first page.
const (
	offSegVersion = 8
	offSegLog     = 16
	offSegIndex   = 24
	offSegSize    = 32
	offSegTime    = 40
	offSegBoot    = 48
	offSegCRC     = 64
)

// Offsets in a group's header.
const (
	offMagic  = 0
	offCRC    = 4
	offSeq    = 8
	offLen    = 16
	offEpoch  = 20
	offTime   = 24
	offBoot   = 28
	offKind   = 32
	offSpare  = 33 // 7 bytes, zero
	groupHead = 40

	maxGroup = 1 << 20 // bytes of a group, header and padding included

	kindChanges = 1 // payload: changes
	kindEpoch   = 2 // payload: an epoch record
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
var le = binary.LittleEndian

// segment is what the first page of a log file says.
type segment struct {
	log     uint64 // identity of the log, random, the same in all its segments
	index   uint64 // 1, 2, 3 …: the segment's place in the log and its name
	size    int64  // of the file, first page included
	created lease.Time
	bootID  [16]byte // of the machine's start on which it was created
}

const logDir = "log"

func segName(index uint64) string { return fmt.Sprintf("%s/%012d.log", logDir, index) }

// segIndex reads a base name that segName made.
func segIndex(base string) (uint64, bool) {
	digits, ok := strings.CutSuffix(base, ".log")
	if !ok || len(digits) != 12 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

func (s *segment) encode(b []byte) {
	clear(b[:page])
	copy(b, segMagic)
	le.PutUint16(b[offSegVersion:], formatVersion)
	le.PutUint64(b[offSegLog:], s.log)
	le.PutUint64(b[offSegIndex:], s.index)
	le.PutUint64(b[offSegSize:], uint64(s.size))
	le.PutUint64(b[offSegTime:], uint64(s.created))
	copy(b[offSegBoot:], s.bootID[:])
	le.PutUint32(b[offSegCRC:], crc32.Checksum(b[:offSegCRC], castagnoli))
}

var errNotSegment = errors.New("the segment's header is damaged")

func parseSegment(b []byte) (segment, error) {
	if len(b) < segHead || string(b[:len(segMagic)]) != segMagic ||
		le.Uint32(b[offSegCRC:]) != crc32.Checksum(b[:offSegCRC], castagnoli) {
		return segment{}, errNotSegment
	}
	if v := le.Uint16(b[offSegVersion:]); v != formatVersion {
		return segment{}, fmt.Errorf("log format version %d; this program reads version %d", v, formatVersion)
	}
	return segment{
		log:     le.Uint64(b[offSegLog:]),
		index:   le.Uint64(b[offSegIndex:]),
		size:    int64(le.Uint64(b[offSegSize:])),
		created: lease.Time(le.Uint64(b[offSegTime:])),
		bootID:  [16]byte(b[offSegBoot:]),
	}, nil
}

// seed starts the checksum of every group of the segment. It makes groups that a
// recycled file still holds from its earlier life wrong, and keeps bytes that a
// client chose (its identifier, say) from passing for a group: the log's
// identity is random and never leaves the machine.
func (s *segment) seed() uint32 {
	var b [16]byte
	le.PutUint64(b[0:], s.log)
	le.PutUint64(b[8:], s.index)
	return crc32.Checksum(b[:], castagnoli)
}

// group is the header of what one write put into the log.
type group struct {
	seq   uint64
	len   int        // of the payload
	epoch uint32     // which start of the server wrote it
	time  lease.Time // when written, by the lease clock
	boot  uint32     // seconds since the machine booted, when written
	kind  uint8
}

// span is the number of bytes that the group takes in the file.
func (g *group) span() int64 { return vfs.RoundUp(int64(groupHead + g.len)) }

// seal writes the header before a payload that is in place and clears the rest
// of its last page. b is the whole span.
func (g *group) seal(b []byte, seed uint32) {
	le.PutUint32(b[offMagic:], groupMagic)
	le.PutUint64(b[offSeq:], g.seq)
	le.PutUint32(b[offLen:], uint32(g.len))
	le.PutUint32(b[offEpoch:], g.epoch)
	le.PutUint32(b[offTime:], uint32(g.time))
	le.PutUint32(b[offBoot:], g.boot)
	b[offKind] = g.kind
	clear(b[offSpare:groupHead])
	clear(b[groupHead+g.len:])
	le.PutUint32(b[offCRC:], crc32.Update(seed, castagnoli, b[offSeq:groupHead+g.len]))
}

// parseGroup reads the group that begins at b[0]; false if none does that checks.
func parseGroup(b []byte, seed uint32) (group, bool) {
	if len(b) < groupHead || le.Uint32(b[offMagic:]) != groupMagic {
		return group{}, false
	}
	n := uint64(le.Uint32(b[offLen:]))
	if n > uint64(len(b)-groupHead) {
		return group{}, false
	}
	if le.Uint32(b[offCRC:]) != crc32.Update(seed, castagnoli, b[offSeq:groupHead+n]) {
		return group{}, false
	}
	return group{
		seq:   le.Uint64(b[offSeq:]),
		len:   int(n),
		epoch: le.Uint32(b[offEpoch:]),
		time:  lease.Time(le.Uint32(b[offTime:])),
		boot:  le.Uint32(b[offBoot:]),
		kind:  b[offKind],
	}, true
}
