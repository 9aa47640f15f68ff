// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"fmt"
	"time"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

// A snapshot lets segments go. It is taken while the server works:
//
//  1. covered is the newest durable group. Every change up to it was in the table
//     before it was in the log, so whatever is read of the table from now on
//     contains it.
//  2. The shards are copied one after the other into snap/new, in blocks, no
//     faster than Options.SnapshotRate. A record that changes meanwhile is copied
//     before or after; its change is also in the log behind covered, and its
//     version says that it is the same one.
//  3. The file is synced, gets its name, and the directory is synced. Only then is
//     it a snapshot.
//  4. Older snapshots are removed, and segments that end at or before covered are
//     taken back, unless the history still needs them.
//
// The order of 3 and 4 is what makes a crash at any point harmless: there is always
// a complete snapshot, and the log from its covered on.
//
// An address that moves from one shard to another while the snapshot is between
// the two can be missed by both. Only free addresses move; what is missed is who
// had it last, and the next change of it is in the log behind covered.

// snapshotter writes one snapshot.
type snapshotter struct {
	fs    vfs.FS
	pace  *pacer
	head  snapshot
	block []byte
	n     int // payload bytes in block
	f     vfs.File
	off   int64
}

// Snapshot takes a snapshot now, unless nothing has happened since the last, and lets
// go of the log that it makes superfluous. Run takes them by itself.
func (j *Journal) Snapshot(ctx context.Context) (err error) {
	j.snapping.Lock()
	defer j.snapping.Unlock()
	if err := j.Err(); err != nil {
		return err // the table is ahead of what is durable, and stays so
	}
	begin := time.Now()
	at := j.tail.Load()
	if s := j.snap.Load(); s != nil && s.Seq == at.seq {
		return nil
	}
	j.snapRunning.Store(true)
	defer j.snapRunning.Store(false)
	now, _ := j.clock.stamp()
	w := &snapshotter{fs: j.fs, pace: j.pacer(j.opt.SnapshotRate), head: snapshot{log: j.id, covered: at.seq, time: now}}
	if err := w.write(ctx, j.table, j.currentHolds(now)); err != nil {
		if rerr := j.fs.Remove(snapTemp); rerr != nil && !isNotExist(rerr) {
			j.log.Warn("journal: an unfinished snapshot stays behind", "err", rerr)
		}
		return fmt.Errorf("snapshot: %w", err)
	}
	j.warn(nil)
	j.snap.Store(&SnapshotStats{Seq: at.seq, Records: w.head.records, Bytes: w.head.size, Took: time.Since(begin)})
	if err := removeSnapshots(j.fs, at.seq); err != nil {
		return fmt.Errorf("remove older snapshot: %w", err)
	}
	return j.release()
}

// write takes the snapshot of a table.
func (w *snapshotter) write(ctx context.Context, t Table, holds []Hold) error {
	return w.writeAll(ctx, holds, func(emit func([]byte) error) error { return emitAll(t, emit) })
}

// writeAll makes a snapshot of the records that each emits.
func (w *snapshotter) writeAll(ctx context.Context, holds []Hold, each func(emit func(rec []byte) error) error) (err error) {
	if w.f, err = w.file(); err != nil {
		return err
	}
	defer w.f.Close()
	w.block = vfs.Buffer(snapBlock)
	w.off = page // the header comes last
	if err := w.holds(ctx, holds); err != nil {
		return err
	}
	if err := each(func(rec []byte) error { return w.record(ctx, rec) }); err != nil {
		return err
	}
	return w.finish(ctx)
}

// file is that of the snapshot before the last, to be written over, or a new one. To
// remove a file of a gigabyte and allocate another costs the file system time that the
// syncs of the log would have to wait for.
func (w *snapshotter) file() (vfs.File, error) {
	if err := w.fs.Rename(snapSpare, snapTemp); err == nil {
		return w.fs.OpenRW(snapTemp)
	} else if !isNotExist(err) {
		return nil, err
	}
	if err := w.fs.Remove(snapTemp); err != nil && !isNotExist(err) {
		return nil, err
	}
	return w.fs.Create(snapTemp)
}

// record adds an encoded change; an empty one is an address without a past.
func (w *snapshotter) record(ctx context.Context, rec []byte) error {
	if len(rec) == 0 {
		return nil
	}
	if blockHead+w.n+len(rec) > snapBlock {
		if err := w.flush(ctx, blockRecords, true); err != nil {
			return err
		}
	}
	w.n += copy(w.block[blockHead+w.n:], rec)
	w.head.records++
	if e := recExpires(rec); e != lease.Never {
		w.head.expires = max(w.head.expires, e)
	}
	return nil
}

// holds come before the records, in blocks of their own, those of DHCPv6 in one of
// another kind.
func (w *snapshotter) holds(ctx context.Context, holds []Hold) error {
	if until := (&Recovery{Holds: holds}).Hold6(); until != 0 {
		le.PutUint32(w.block[blockHead:], uint32(until))
		w.n = 4
		if err := w.flush(ctx, blockHold6, true); err != nil {
			return err
		}
	}
	for _, h := range holds {
		if h.V6 {
			continue
		}
		if blockHead+w.n+holdLen > snapBlock {
			if err := w.flush(ctx, blockHolds, true); err != nil {
				return err
			}
		}
		b := w.block[blockHead+w.n:]
		le.PutUint32(b[0:], uint32(h.First))
		le.PutUint32(b[4:], uint32(h.Last))
		le.PutUint32(b[8:], uint32(h.Until))
		w.n += holdLen
	}
	return w.flush(ctx, blockHolds, true)
}

// flush writes the block; whole fills it up, as all but the last one must be.
func (w *snapshotter) flush(ctx context.Context, kind uint32, whole bool) error {
	if w.n == 0 {
		return nil
	}
	end := w.head.sealBlock(w.block, w.n, kind)
	if whole {
		clear(w.block[end:])
		end = snapBlock
	}
	w.n = 0
	return w.put(ctx, end)
}

func (w *snapshotter) put(ctx context.Context, n int) error {
	if _, err := w.f.WriteAt(w.block[:n], w.off); err != nil {
		return err
	}
	w.off += int64(n)
	return w.pace.wait(ctx, n)
}

// finish makes the file a snapshot.
func (w *snapshotter) finish(ctx context.Context) error {
	if err := w.flush(ctx, blockRecords, false); err != nil {
		return err
	}
	w.head.size = w.off
	w.head.encode(w.block)
	if _, err := w.f.WriteAt(w.block[:page], 0); err != nil {
		return err
	}
	if err := w.f.Sync(); err != nil {
		return err
	}
	if err := w.fs.Rename(snapTemp, snapName(w.head.covered)); err != nil {
		return err
	}
	return w.fs.SyncDir(snapDir)
}

// removeSnapshots removes all but the one that covers the log up to keep, which is
// durable. One file is kept for the next snapshot: if a crash brings back its old
// name with the wrong content, that is older than keep and is removed.
func removeSnapshots(fs vfs.FS, keep uint64) error {
	infos, err := fs.List(snapDir)
	if err != nil {
		return err
	}
	for _, info := range infos {
		if seq, ok := snapSeq(info.Name); ok && seq != keep {
			if err := fs.Rename(snapDir+"/"+info.Name, snapSpare); err != nil {
				return err
			}
		}
	}
	return nil
}

// release takes back the segments that neither a recovery nor the history needs.
func (j *Journal) release() error {
	s := j.snap.Load()
	if s == nil {
		return nil
	}
	return j.keeper.release(min(s.Seq, j.historian.through.Load()))
}

// currentHolds are those that are not over.
func (j *Journal) currentHolds(now lease.Time) []Hold {
	var hs []Hold
	for _, h := range j.holds {
		if h.Until > now {
			hs = append(hs, h)
		}
	}
	return hs
}

// snapshots takes a snapshot whenever enough log has gathered, until ctx ends.
func (j *Journal) snapshots(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-j.snapWanted:
		}
		if err := j.Snapshot(ctx); err != nil && ctx.Err() == nil {
			j.log.Warn("journal: no snapshot this time", "err", err)
			j.warn(err)
		}
	}
}

// wantSnapshot is called by the committer when it begins a segment.
func (j *Journal) wantSnapshot() {
	every, covered := j.opt.SnapshotEvery, uint64(0)
	if s := j.snap.Load(); s != nil {
		every, covered = max(every, s.Bytes/2), s.Seq
	}
	if j.keeper.beyond(covered) < every {
		return
	}
	signal(j.snapWanted)
}

// loadSnapshot applies the newest snapshot, if there is one.
func loadSnapshot(fs vfs.FS, r *replayer) (*snapshot, []Hold, error) {
	s, err := newestSnapshot(fs)
	if s == nil || err != nil {
		return nil, nil, err
	}
	var holds []Hold
	err = s.each(fs, func(off int64, payload []byte, kind uint32, ok bool) error {
		switch {
		case !ok:
			return &DamageError{snapName(s.covered), off, "the block's checksum is wrong"}
		case kind == blockHolds || kind == blockHold6:
			r.mu.Lock()
			defer r.mu.Unlock()
			holds = appendHolds(holds, kind, payload)
			return nil
		}
		return r.direct(snapName(s.covered), payload)
	})
	if err != nil {
		return nil, nil, err
	}
	if n := r.applied.Load(); n != s.records {
		return nil, nil, &DamageError{snapName(s.covered), 0, fmt.Sprintf("the snapshot holds %d records, and should hold %d", n, s.records)}
	}
	return s, holds, nil
}

// appendHolds reads a block of holds.
func appendHolds(holds []Hold, kind uint32, b []byte) []Hold {
	if kind == blockHold6 {
		if len(b) < 4 {
			return holds
		}
		return append(holds, Hold{Until: lease.Time(le.Uint32(b)), V6: true})
	}
	for ; len(b) >= holdLen; b = b[holdLen:] {
		holds = append(holds, Hold{First: lease.IP4(le.Uint32(b)), Last: lease.IP4(le.Uint32(b[4:])), Until: lease.Time(le.Uint32(b[8:]))})
	}
	return holds
}
