// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"math"
	"path"
	"sync"
	"time"

	"xdhcp/engine/journal/history"
	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// survey is what can be read of a state directory, damaged or not.
type survey struct {
	id    uint64
	snap  *snapshot
	holds []Hold
	logFiles
	seq    *sequencer
	losses []loss
}

// takeSurvey reads everything and gives each record that checks to each, with the number
// of its group (of the snapshot's last group for the snapshot's records); those of
// the log in their order. It changes nothing.
func takeSurvey(fs vfs.FS, each func(group uint64, rec []byte)) (*survey, error) {
	sv := &survey{}
	var err error
	if sv.logFiles, err = listLog(fs); err != nil {
		return nil, err
	}
	for _, l := range sv.segs {
		if l.header == nil {
			sv.id = l.log
			break
		}
	}
	if err := sv.readSnapshot(fs, each); err != nil {
		return nil, err
	}
	var covered uint64
	if sv.snap != nil {
		covered = sv.snap.covered
	}
	sv.seq = newSequencer(covered)
	sv.seq.lost = func(l loss) { sv.losses = append(sv.losses, l) }
	segs := skipCovered(fs, sv.segs, covered, sv.seq.first)
	headless := map[uint64]bool{}
	for i := range segs {
		l := &segs[i]
		if err := l.check(sv.id); err == nil {
			continue
		} else if d := (*DamageError)(nil); errors.As(err, &d) {
			// Its groups can still be found, since the other segments know the log's
			// identity; the loss, if there is one, is noted when they are missed.
			l.segment = segment{log: sv.id, index: l.index, size: l.size}
			headless[l.index] = true
			sv.losses = append(sv.losses, loss{DamageError: *d})
		}
	}
	err = readLog(fs, segs, func(s *scanned, release func()) error {
		defer release()
		groups, err := sv.seq.accept(s)
		if err != nil {
			return err
		}
		sv.seq.noteTail(s)
		for i := range groups {
			if groups[i].seq > covered && groups[i].kind == kindChanges {
				sv.records(segName(s.index), groups[i].seq, s.payload(&groups[i]), each)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range sv.losses {
		// A segment without a readable header at the end of the log, in which no
		// group is found: everything in it is lost, and nobody knows how much.
		l := &sv.losses[i]
		if index, ok := segIndex(path.Base(l.File)); ok && headless[index] && index > sv.seq.seg {
			l.last = math.MaxUint64
		}
	}
	return sv, sv.seq.end()
}

// readSnapshot reads the blocks that check of the newest snapshot.
func (sv *survey) readSnapshot(fs vfs.FS, each func(uint64, []byte)) error {
	s, err := newestSnapshot(fs)
	var damage *DamageError
	switch {
	case errors.As(err, &damage):
		covered, _ := snapSeq(damage.File[len(snapDir)+1:])
		sv.losses = append(sv.losses, loss{*damage, covered, 0})
		if s == nil { // no header: try with what the name and the log say
			f, err := fs.Open(damage.File)
			if err != nil {
				return err
			}
			size, err := f.Size()
			f.Close()
			if err != nil {
				return err
			}
			s = &snapshot{log: sv.id, covered: covered, size: size}
		}
	case err != nil:
		return err
	case s == nil:
		return nil
	}
	sv.snap = s
	if sv.id == 0 {
		sv.id = s.log
	}
	var mu sync.Mutex
	var n uint64
	err = s.each(fs, func(off int64, payload []byte, kind uint32, ok bool) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !ok:
			sv.losses = append(sv.losses, loss{DamageError{snapName(s.covered), off, "the block's checksum is wrong"}, s.covered, s.time})
		case kind == blockHolds || kind == blockHold6:
			sv.holds = appendHolds(sv.holds, kind, payload)
		default:
			n += sv.records(snapName(s.covered), s.covered, payload, each)
		}
		return nil
	})
	s.records = n
	return err
}

// records splits a payload that checks; a record in it that makes no sense is a
// loss as well.
func (sv *survey) records(file string, group uint64, payload []byte, each func(uint64, []byte)) (n uint64) {
	for len(payload) > 0 {
		rec, rest, err := nextRecord(payload)
		switch {
		case err != nil:
		case isV6(rec):
			_, err = lease6.ParseChange(rec)
		default:
			_, err = lease.ParseChange(rec)
		}
		if err != nil {
			d := DamageError{file, 0, fmt.Sprintf("group %d holds a broken record: %v", group, err)}
			sv.losses = append(sv.losses, loss{d, group, 0})
			return n
		}
		n++
		each(group, rec)
		payload = rest
	}
	return n
}

// orphanage is what it means when renewals have no binding: the log's groups are all
// there, and yet something is missing.
func orphanage(n int) DamageError {
	return DamageError{logDir, 0, fmt.Sprintf("%d renewals of bindings that are not there", n)}
}

// Report is what Verify found.
type Report struct {
	Recovery
	Damage  []DamageError // empty: a server would start
	History []error       // damage to the history, which does not keep a server from starting
}

// Verify reads a state directory from end to end, without a server, a lock or a
// table, and changes nothing. Beside a running server it may report as damage what
// the server is just tidying up; then run it again.
func Verify(dir string) (*Report, error) {
	fs, err := vfs.OpenOS(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return verifyFS(fs)
}

func verifyFS(fs vfs.FS) (*Report, error) {
	begin := time.Now()
	r := &Report{}
	var snapped uint64
	type binding struct {
		version uint32
		start   lease.Time // 0: not bound
	}
	bound := map[lease.IP4]binding{} // to find a renewal of nothing
	orphans := 0
	sv, err := takeSurvey(fs, func(group uint64, rec []byte) {
		r.Changes++
		r.LastTime = max(r.LastTime, recAt(rec))
		if isV6(rec) {
			return // each of its grants and renewals stands for itself
		}
		a, b := recAddr(rec), binding{version: recVersion(rec)}
		old := bound[a]
		if b.version <= old.version {
			return
		}
		switch recOp(rec) {
		case lease.OpRenew:
			if b.start = recStart(rec); b.start != old.start {
				orphans++
			}
		case lease.OpGrant:
			b.start = recStart(rec)
		}
		bound[a] = b
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if sv.snap != nil {
		snapped = sv.snap.records
		r.SnapshotSeq, r.LastTime = sv.snap.covered, max(r.LastTime, sv.snap.time)
	}
	r.Records, r.Changes = snapped, r.Changes-snapped
	r.Fresh = sv.snap == nil && len(sv.segs) == 0
	r.Segments, r.LastGroup, r.Starts = len(sv.segs), sv.seq.seq, sv.seq.epoch
	r.LastTime = max(r.LastTime, sv.seq.time)
	r.Cut, r.Ignored, r.Holds = sv.seq.cut, sv.seq.ignored, sv.holds
	for _, l := range sv.losses {
		r.Damage = append(r.Damage, l.DamageError)
	}
	if orphans > 0 {
		r.Damage = append(r.Damage, orphanage(orphans))
	}
	if r.History, err = history.Verify(fs); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	r.Took = time.Since(begin)
	return r, nil
}
