// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"time"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// state is what a state directory holds, read, checked and replayed.
type state struct {
	Recovery
	id   uint64 // of the log; 0: there is none
	snap *snapshot
	logFiles
	seq     *sequencer
	expires lease.Time
}

// load reads a state directory into t, which may be nil. It changes nothing.
func load(fs vfs.FS, t Table) (_ *state, err error) {
	begin := time.Now()
	st := &state{}
	if st.logFiles, err = listLog(fs); err != nil {
		return nil, err
	}
	r := newReplayer(t)
	defer func() {
		err = errors.Join(err, r.finish())
		st.Changes = r.applied.Load() - st.Records
		st.expires, st.LastTime = r.expires, max(st.LastTime, r.newest)
		st.Took = time.Since(begin)
	}()
	if st.snap, st.Holds, err = loadSnapshot(fs, r); err != nil {
		return nil, err
	}
	var covered uint64
	if st.snap != nil {
		st.id, covered = st.snap.log, st.snap.covered
		st.SnapshotSeq, st.Records, st.LastTime = covered, st.snap.records, st.snap.time
		r.add(&tally{expires: st.snap.expires})
	}
	if st.seq, err = replayLog(fs, st.segs, st.id, covered, r); err != nil {
		return nil, err
	}
	for _, l := range st.segs {
		if l.header == nil {
			st.id = l.log
		}
	}
	st.Fresh = st.snap == nil && st.seq.seq == 0
	st.Segments = len(st.seq.first)
	st.LastGroup = st.seq.seq
	st.LastTime = max(st.LastTime, st.seq.time)
	st.Starts = st.seq.epoch
	st.Cut, st.Ignored = st.seq.cut, st.seq.ignored
	return st, nil
}

// last is where the clock of the next start begins.
func (st *state) last() last {
	l := last{time: st.LastTime, boot: st.seq.boot, bootID: st.seq.tail.bootID, expires: st.expires}
	if n := len(st.seq.epochs); n > 0 {
		l.bootID = st.seq.epochs[n-1].bootID
	}
	return l
}

// Read replays a state directory without a lock and without changing anything,
// for listings beside a running server and after one. If the server tidies up
// meanwhile, it begins again with a table from fresh. If that has no part for DHCPv6 (see
// Tables), leases of DHCPv6 are passed over.
func Read(dir string, fresh func() (Table, error)) (*Recovery, error) {
	fs, err := vfs.OpenOS(dir)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return readFS(fs, fresh)
}

const readTries = 5

func readFS(fs vfs.FS, fresh func() (Table, error)) (*Recovery, error) {
	for try := 1; ; try++ {
		t, err := fresh()
		if err != nil {
			return nil, err
		}
		if _, both := t.(Tables); !both {
			t = Tables{t, passOver{}}
		}
		st, err := load(fs, t)
		if err == nil {
			return &st.Recovery, nil
		}
		var damage *DamageError
		if !errors.As(err, &damage) && !isNotExist(err) || try == readTries {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
}
