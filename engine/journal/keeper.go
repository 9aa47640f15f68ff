// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"xdhcp/engine/journal/vfs"
)

// keeper has the next segment ready before the committer needs it, and takes
// back those that nobody needs any more. Files go round in a circle, since a file
// that has been written to once is synced in half the time of one that grows:
//
//	new file, zeroed ─► spare ─► header, sync, rename, sync directory ─► NNN.log ─► spare …
//
// A name NNN.log therefore always stands for a file whose header is on disk.
type keeper struct {
	j *Journal

	starting bool              // the reserve may be used
	used     chan struct{}     // the present segment is, to a part; one place
	made     chan *openSegment // one segment ahead of the committer
	failed   chan error        // why there is none, for a committer that waits
	waiting  atomic.Bool       // the committer does: do not spare the disk

	releasing sync.Mutex // one release at a time
	mu        sync.Mutex
	live      []liveSegment // with groups, oldest first; the last is the committer's
	following uint64        // index of the segment to be prepared next
	spares    []string      // paths of files of the usual size that nobody needs
	last      error         // of the last attempt, for the status
}

type openSegment struct {
	segment
	file vfs.File
}

type liveSegment struct {
	index uint64
	first uint64 // sequence of its first group
	size  int64
}

const (
	reserveName = logDir + "/reserve"
	tempName    = logDir + "/new"
	zeroChunk   = 1 << 20
	spareRetry  = 2 * time.Second
)

func spareName(index uint64) string { return fmt.Sprintf("%s/%012d.spare", logDir, index) }

func isSpare(base string) bool { return strings.HasSuffix(base, ".spare") }

// next is the segment after the present one. The committer calls it when it can
// write no more without, so a failure to prepare it is final by then.
func (k *keeper) next() (*openSegment, error) {
	if !k.j.running.Load() {
		return k.prepare(context.Background())
	}
	signal(k.used)
	k.waiting.Store(true)
	defer k.waiting.Store(false)
	begin := k.j.clock.mono()
	defer func() { k.j.stats.wait.add(k.j.clock.mono() - begin) }()
	select {
	case s := <-k.made:
		return s, nil
	case err := <-k.failed:
		return nil, err
	}
}

// run has a segment ready, from the time that a part of the present one is used (a
// server that is only looked at writes no zeros), until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-k.used:
		case <-ctx.Done():
			return
		}
		if !k.provide(ctx) {
			return
		}
	}
}

// provide prepares one segment and hands it to the committer; false if there is
// nothing more to do.
func (k *keeper) provide(ctx context.Context) bool {
	for {
		s, err := k.prepare(ctx)
		if ctx.Err() != nil {
			if s != nil {
				s.file.Close()
			}
			return false
		}
		news := k.note(err)
		if err == nil {
			select {
			case k.made <- s:
				return true
			case <-ctx.Done():
				s.file.Close()
				return false
			}
		}
		if errors.Is(err, syscall.ENOSPC) {
			signal(k.j.historian.full) // leases come before history
		}
		if news {
			k.j.log.Warn("journal: no room for the next log segment; trying again", "err", err)
		}
		t := time.NewTimer(spareRetry)
		select {
		case k.failed <- err:
			t.Stop()
			return false // the committer has given up: fail-stop
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// note keeps the result of the last attempt for the status, and says whether it
// is a new trouble.
func (k *keeper) note(err error) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	news := err != nil && (k.last == nil || k.last.Error() != err.Error())
	k.last = err
	return news
}

func (k *keeper) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// prepare makes the next segment of a spare file, or of a new one.
func (k *keeper) prepare(ctx context.Context) (*openSegment, error) {
	k.mu.Lock()
	index := k.following
	var from string
	if n := len(k.spares); n > 0 {
		from = k.spares[n-1]
		k.spares = k.spares[:n-1]
	}
	k.mu.Unlock()

	var f vfs.File
	var err error
	if from != "" {
		f, err = k.j.fs.OpenRW(from)
	} else {
		from = tempName
		f, err = k.create(ctx, from, k.j.opt.SegmentSize)
		if errors.Is(err, syscall.ENOSPC) && k.starting {
			// Recovery must be able to begin a segment on a full disk.
			if r, rerr := k.j.fs.OpenRW(reserveName); rerr == nil {
				from, f, err = reserveName, r, nil
				k.j.log.Warn("journal: the disk is full; the log goes on in the reserve")
			}
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := k.name(f, from, index)
	if err != nil {
		f.Close()
		return nil, err
	}
	k.mu.Lock()
	k.following = index + 1
	k.mu.Unlock()
	return s, nil
}

// name makes f, whose blocks are written, the segment index.
func (k *keeper) name(f vfs.File, from string, index uint64) (*openSegment, error) {
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", from, err)
	}
	now, _ := k.j.clock.stamp()
	s := &openSegment{segment{log: k.j.id, index: index, size: size &^ (page - 1), created: now}, f}
	head := vfs.Buffer(page)
	s.encode(head)
	if _, err := f.WriteAt(head, 0); err != nil {
		return nil, fmt.Errorf("write header of segment %d: %w", index, err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("sync header of segment %d: %w", index, err)
	}
	if err := k.j.fs.Rename(from, segName(index)); err != nil {
		return nil, fmt.Errorf("name segment %d: %w", index, err)
	}
	if err := k.j.fs.SyncDir(logDir); err != nil {
		return nil, fmt.Errorf("sync directory of segment %d: %w", index, err)
	}
	return s, nil
}

// create makes a file of zeros. They are written, not only allocated: a first
// write to allocated blocks costs the file system a transaction at each sync.
func (k *keeper) create(ctx context.Context, name string, size int64) (_ vfs.File, err error) {
	if err := k.j.fs.Remove(name); err != nil && !isNotExist(err) {
		return nil, fmt.Errorf("remove unfinished segment: %w", err)
	}
	f, err := k.j.fs.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			k.j.fs.Remove(name) // on a full disk its blocks are wanted back
		}
	}()
	zero := vfs.Buffer(int(min(zeroChunk, size)))
	p := k.j.pacer(zeroRate)
	for off := int64(0); off < size; off += int64(len(zero)) {
		if off+int64(len(zero)) > size {
			zero = zero[:size-off]
		}
		if _, err := f.WriteAt(zero, off); err != nil {
			return nil, fmt.Errorf("allocate segment: %w", err)
		}
		if k.waiting.Load() {
			p.rate = 0
		}
		if err := p.wait(ctx, len(zero)); err != nil {
			return nil, err
		}
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("sync new segment: %w", err)
	}
	return f, nil
}

// reserve makes the file that a recovery on a full disk goes on in.
func (k *keeper) reserve(ctx context.Context) error {
	have, err := k.j.fs.List(logDir)
	if err != nil {
		return err
	}
	for _, i := range have {
		if logDir+"/"+i.Name == reserveName {
			return nil
		}
	}
	const temp = reserveName + ".new"
	f, err := k.create(ctx, temp, max(vfs.RoundUp(k.j.opt.SegmentSize/8), 4*page))
	if err != nil {
		return err
	}
	f.Close()
	if err := k.j.fs.Rename(temp, reserveName); err != nil {
		return err
	}
	return k.j.fs.SyncDir(logDir)
}

// entered notes that the committer's next group, number first, goes to a segment.
func (k *keeper) entered(s *openSegment, first uint64) {
	k.mu.Lock()
	k.live = append(k.live, liveSegment{s.index, first, s.size})
	k.mu.Unlock()
	k.j.wantSnapshot()
}

// release takes back the segments whose groups all have numbers up to through. The
// disk is not touched under mu, which the committer takes.
func (k *keeper) release(through uint64) error {
	k.releasing.Lock()
	defer k.releasing.Unlock()
	var spares []string
	for {
		s, ok := k.oldest(through)
		if !ok {
			break
		}
		spare, err := k.takeBack(s.index, s.size, len(spares))
		if err != nil {
			return err
		}
		if spare != "" {
			spares = append(spares, spare)
		}
		k.mu.Lock()
		k.live = k.live[1:]
		k.mu.Unlock()
	}
	if len(spares) == 0 {
		return nil
	}
	// Before a spare file gets a new header, its old name must be gone for good:
	// else a crash could bring back the name with the wrong content.
	if err := k.j.fs.SyncDir(logDir); err != nil {
		return fmt.Errorf("sync log directory: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spares = append(k.spares, spares...)
	return nil
}

// oldest is the first segment, if all its groups have numbers up to through.
func (k *keeper) oldest(through uint64) (liveSegment, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.live) < 2 || k.live[1].first > through+1 {
		return liveSegment{}, false
	}
	return k.live[0], true
}

// takeBack makes a segment a spare file, or removes it if it is of another size
// or one too many. It is usable once the directory is synced.
func (k *keeper) takeBack(index uint64, size int64, more int) (spare string, err error) {
	k.mu.Lock()
	have := len(k.spares) + more
	k.mu.Unlock()
	name := segName(index)
	if size != k.j.opt.SegmentSize || have >= k.maxSpares() {
		if err := k.j.fs.Remove(name); err != nil {
			return "", fmt.Errorf("remove segment: %w", err)
		}
		return "", nil
	}
	spare = spareName(index)
	if err := k.j.fs.Rename(name, spare); err != nil {
		return "", fmt.Errorf("take segment back: %w", err)
	}
	return spare, nil
}

// maxSpares is what is used up between two snapshots.
func (k *keeper) maxSpares() int { return int(k.j.opt.SnapshotEvery/k.j.opt.SegmentSize) + 1 }

// beyond is how much log there is behind the segment that holds group covered+1.
func (k *keeper) beyond(covered uint64) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for i := len(k.live) - 1; i > 0 && k.live[i].first > covered+1; i-- {
		n++
	}
	return int64(n) * k.j.opt.SegmentSize
}

// usage is the number of segments with groups, and the disk space of all files.
func (k *keeper) usage() (segments int, bytes int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.live), int64(len(k.live)+len(k.spares)+1) * k.j.opt.SegmentSize
}
