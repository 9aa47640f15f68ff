// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"io"

	"xdhcp/engine/journal/history"
	"xdhcp/engine/journal/vfs"
)

// tailReader reads the groups behind a position, one after the other.
type tailReader struct {
	fs     vfs.FS
	id     uint64
	at     history.Position
	missed uint64 // groups that could not be read, in a log that was repaired

	f     vfs.File
	fSeg  uint64
	seed  uint32
	buf   []byte
	begin int64 // of buf in the file
	have  int   // bytes of buf
}

func (r *tailReader) close() {
	if r.f != nil {
		r.f.Close()
		r.f = nil
	}
}

const readAhead = 1 << 20

// fill has n bytes at off in buf, or as many as the file has.
func (r *tailReader) fill(off int64, n int) ([]byte, error) {
	if off >= r.begin && off+int64(n) <= r.begin+int64(r.have) {
		return r.buf[off-r.begin : off-r.begin+int64(n)], nil
	}
	if want := max(n, readAhead); len(r.buf) < want {
		r.buf = make([]byte, want)
	}
	k, err := r.f.ReadAt(r.buf, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r.begin, r.have = off, k
	return r.buf[:min(n, k)], nil
}

// open stands at the present position's segment.
func (r *tailReader) open() error {
	if r.f != nil && r.fSeg == r.at.Segment {
		return nil
	}
	r.close()
	f, err := r.fs.Open(segName(r.at.Segment))
	if err != nil {
		return err
	}
	r.f, r.fSeg, r.begin, r.have = f, r.at.Segment, 0, 0
	seg := segment{log: r.id, index: r.at.Segment}
	r.seed = seg.seed()
	return nil
}

// next returns the group behind the position and moves behind it; a nil payload at
// the end of the log. last is the newest segment. The payload is valid until the next
// call. The position never leaves a segment whose successor has no groups.
func (r *tailReader) next(last uint64) (group, []byte, error) {
	for {
		if err := r.open(); err != nil {
			return group{}, nil, err
		}
		g, b, err := r.group()
		if err != nil {
			return group{}, nil, err
		}
		switch {
		case b != nil && g.seq > r.at.Seq:
			r.missed += g.seq - r.at.Seq - 1
			r.at.Seq, r.at.Offset = g.seq, r.at.Offset+g.span()
			return g, b, nil
		case b != nil: // a position at the beginning of a segment: find the place
			r.at.Offset += g.span()
		case r.at.Segment >= last:
			return group{}, nil, nil
		default:
			r.at.Segment, r.at.Offset = r.at.Segment+1, page
		}
	}
}

// group reads what begins at the position; nil if nothing does.
func (r *tailReader) group() (group, []byte, error) {
	b, err := r.fill(r.at.Offset, groupHead)
	if err != nil || len(b) < groupHead || le.Uint32(b[offMagic:]) != groupMagic {
		return group{}, nil, err
	}
	n := int(min(le.Uint32(b[offLen:]), maxGroup)) + groupHead
	if b, err = r.fill(r.at.Offset, n); err != nil {
		return group{}, nil, err
	}
	g, ok := parseGroup(b, r.seed)
	if !ok {
		return group{}, nil, nil
	}
	return g, b[groupHead:n], nil
}

// History opens the history of a running journal, up to what is durable now.
func (j *Journal) History() (*history.View, error) { return openHistory(j.fs) }

// OpenHistory opens the history of a state directory, whether or not a server uses
// it. Close the View.
func OpenHistory(dir string) (*history.View, error) {
	fs, err := vfs.OpenOS(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return openHistory(fs)
}

func openHistory(fs vfs.FS) (*history.View, error) {
	for try := 1; ; try++ {
		v, err := history.OpenView(fs)
		if err != nil {
			return nil, err
		}
		if err = addTail(fs, v); err == nil {
			return v, nil
		}
		v.Close()
		// A server has let go of a segment since the position was read: begin again.
		if !isNotExist(err) || try == readTries {
			return nil, fmt.Errorf("journal: history: read log: %w", err)
		}
	}
}

// addTail adds what is in the log and not yet in a run.
func addTail(fs vfs.FS, v *history.View) error {
	l, err := listLog(fs)
	if err != nil || len(l.segs) == 0 {
		return err
	}
	segs := l.segs
	r := tailReader{fs: fs, at: v.Position()}
	defer r.close()
	if first := segs[0].index; r.at.Segment < first {
		r.at.Segment, r.at.Offset = first, page
	}
	for _, l := range segs {
		if l.header == nil {
			r.id = l.log
		}
	}
	newest := segs[len(segs)-1].index
	for {
		g, payload, err := r.next(newest)
		if err != nil || payload == nil {
			return err
		}
		if g.kind == kindChanges {
			v.AddTail(append([]byte(nil), payload...))
		}
	}
}
