// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"io"
	"os"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// DamageError says where the state directory contradicts itself, so that the
// server does not start: what is lost there may be leases that clients hold.
type DamageError struct {
	File   string // relative to the state directory
	Offset int64
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s; nothing was changed; "+
		"«xdhcpd state repair» keeps what can be read and holds back the addresses in doubt", e.File, e.Offset, e.What)
}

// found is a group that checks.
type found struct {
	group
	off int64
}

func (f *found) end() int64 { return f.off + f.span() }

// scanned is a segment in memory with all groups in it that check, in the order
// of their place.
type scanned struct {
	segment
	b      []byte
	groups []found
}

func (s *scanned) payload(f *found) []byte {
	return s.b[f.off+groupHead : f.off+groupHead+int64(f.len)]
}

// scan finds the groups of the segment whose bytes are b. Where no group begins
// it looks at the next page, and so on to the end.
func scan(seg segment, b []byte) *scanned {
	s := &scanned{segment: seg, b: b}
	seed := seg.seed()
	for off := int64(page); off < int64(len(b)); {
		g, ok := parseGroup(b[off:], seed)
		if !ok {
			off += page
			continue
		}
		s.groups = append(s.groups, found{g, off})
		off += g.span()
	}
	return s
}

// readAll fills b, grown if need be, with a file.
func readAll(fs vfs.FS, name string, b []byte) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if int64(cap(b)) < size {
		b = vfs.Buffer(int(size))
	}
	b = b[:size]
	if n, err := f.ReadAt(b, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(b)) {
		return nil, err
	}
	return b, nil
}

func isNotExist(err error) bool { return errors.Is(err, os.ErrNotExist) }

// listed is a log file by its name, with its header if that can be read.
type listed struct {
	segment
	size   int64 // of the file
	header error
}

// logFiles is what lies in the log directory.
type logFiles struct {
	segs   []listed // whose numbers follow each other, up to the newest
	spares []string
	old    []string // beyond a gap: left from a release that a crash cut short, or by a repair
}

func listLog(fs vfs.FS) (l logFiles, err error) {
	infos, err := fs.List(logDir)
	if err != nil {
		return l, fmt.Errorf("list log: %w", err)
	}
	head := vfs.Buffer(page)
	for _, info := range infos {
		if isSpare(info.Name) {
			l.spares = append(l.spares, logDir+"/"+info.Name)
		}
		index, ok := segIndex(info.Name)
		if !ok {
			continue
		}
		if n := len(l.segs); n > 0 && l.segs[n-1].index+1 != index {
			for _, s := range l.segs {
				l.old = append(l.old, segName(s.index))
			}
			l.segs = nil
		}
		s := listed{size: info.Size}
		if s.segment, s.header = readHeader(fs, segName(index), head); s.header == nil && s.index != index {
			s.header = errNotSegment
		}
		if s.header != nil {
			s.segment = segment{index: index, size: info.Size}
		}
		l.segs = append(l.segs, s)
	}
	return l, nil
}

func readHeader(fs vfs.FS, name string, b []byte) (segment, error) {
	f, err := fs.Open(name)
	if err != nil {
		return segment{}, err
	}
	defer f.Close()
	if n, err := f.ReadAt(b, 0); n < segHead {
		if err == nil || errors.Is(err, io.EOF) {
			err = errNotSegment
		}
		return segment{}, err
	}
	return parseSegment(b)
}

// position is a place in the log: where the group after number seq goes.
type position struct {
	seg  uint64
	off  int64
	seq  uint64
	time lease.Time
}

// sequencer walks through the scanned segments in their order and accepts the
// groups that follow each other. covered is what a snapshot makes superfluous.
type sequencer struct {
	covered uint64
	position
	epoch   uint32
	epochs  []epoch
	lastOff int64 // where the newest group begins
	boot    uint32
	begun   bool
	lost    func(loss)        // what to do about missing groups; nil: refuse
	first   map[uint64]uint64 // of each segment with groups, the number of the first
	tail    segment           // the one that holds the newest group
	ignored uint64            // groups missing that the snapshot covers
	cut     *Cut
}

func newSequencer(covered uint64) *sequencer {
	return &sequencer{covered: covered, first: map[uint64]uint64{}}
}

// loss is a run of groups that cannot be read.
type loss struct {
	DamageError
	last   uint64     // number of the newest group that is lost; all after it is there
	before lease.Time // a time at which it had been written; 0: not known
}

// lose refuses, or notes that the groups before g are missing.
func (q *sequencer) lose(s *scanned, off int64, g *found) error {
	d := DamageError{segName(s.index), off, fmt.Sprintf("group %d is missing, though group %d is there", q.seq+1, g.seq)}
	if !q.begun {
		d.What = fmt.Sprintf("the log begins with group %d, but group %d is needed", g.seq, q.covered+1)
	}
	if q.lost == nil {
		return &d
	}
	q.lost(loss{d, g.seq - 1, g.time})
	return nil
}

// end checks that the log reaches as far as the snapshot.
func (q *sequencer) end() error {
	if q.seq >= q.covered {
		return nil
	}
	d := DamageError{logDir, 0, fmt.Sprintf("the log ends with group %d, but the snapshot goes up to group %d", q.seq, q.covered)}
	if q.lost == nil {
		return &d
	}
	q.lost(loss{d, q.covered, 0})
	return nil
}

// accept returns the groups of s that continue the log, and an error if a group
// that was durable is missing before one of s.
func (q *sequencer) accept(s *scanned) ([]found, error) {
	hole := int64(page) // where the next group was expected
	if q.seg == s.index {
		hole = q.off
	}
	keep := s.groups[:0]
	for _, g := range s.groups {
		switch {
		case !q.begun && g.seq <= q.covered+1:
		case q.begun && (g.epoch < q.epoch || g.seq <= q.seq):
			continue // left from before a cut
		case q.begun && g.seq == q.seq+1 && (g.epoch == q.epoch || g.kind == kindEpoch):
		case g.seq > q.covered+1:
			if err := q.lose(s, hole, &g); err != nil {
				return nil, err
			}
		default:
			q.ignored += g.seq - q.seq - 1
		}
		if g.kind == kindEpoch {
			e, err := parseEpoch(s.payload(&g))
			if err != nil {
				return nil, &DamageError{segName(s.index), g.off, err.Error()}
			}
			q.epochs = append(q.epochs, e)
		}
		if _, ok := q.first[s.index]; !ok {
			q.first[s.index] = g.seq
		}
		q.begun = true
		q.epoch, q.lastOff, q.boot, q.tail = g.epoch, g.off, g.boot, s.segment
		q.position = position{seg: s.index, off: g.end(), seq: g.seq, time: max(q.time, g.time)}
		hole = q.off
		keep = append(keep, g)
	}
	return keep, nil
}

// noteTail looks whether an unfinished group follows the last good one. It may
// not see it: what a torn write left of it is up to the disk.
func (q *sequencer) noteTail(s *scanned) {
	off := int64(page)
	if q.seg == s.index {
		q.cut, off = nil, q.off
	}
	if b := s.b[min(off, int64(len(s.b))):]; q.cut == nil && len(b) >= groupHead &&
		le.Uint32(b[offMagic:]) == groupMagic && le.Uint64(b[offSeq:]) == q.seq+1 {
		q.cut = &Cut{segName(s.index), off}
	}
}

// epoch is the record that a server writes when it starts.
type epoch struct {
	bootID [16]byte
	wall   uint64 // seconds since 1970 by the machine's clock, whatever the lease clock makes of it
	pid    uint32
}

const epochLen = 28

func (e *epoch) encode(b []byte) int {
	copy(b, e.bootID[:])
	le.PutUint64(b[16:], e.wall)
	le.PutUint32(b[24:], e.pid)
	return epochLen
}

func parseEpoch(b []byte) (e epoch, err error) {
	if len(b) < epochLen {
		return e, errors.New("an epoch record is too short")
	}
	copy(e.bootID[:], b)
	e.wall = le.Uint64(b[16:])
	e.pid = le.Uint32(b[24:])
	return e, nil
}
