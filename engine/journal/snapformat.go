// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"xdhcp/engine/journal/vfs"
	"xdhcp/engine/lease"
)

const (
	snapDir    = "snap"
	snapTemp   = snapDir + "/new"
	snapMagic  = "xdhcpsnp"
	snapEnd    = "xdhcpend"
	snapBlock  = 256 << 10 // every block but the last is this long
	blockHead  = 16
	blockMagic = 0x626e7358 // "Xsnb"
)

// Offsets in a snapshot's first page.
const (
	offSnapVersion = 8
	offSnapLog     = 16
	offSnapCovered = 24
	offSnapTime    = 32
	offSnapCRC     = 40
)

// Offsets in a block's header, and in the last page.
const (
	offBlockMagic = 0
	offBlockCRC   = 4
	offBlockLen   = 8
	offBlockKind  = 12

	blockRecords = 1
	blockHolds   = 2

	offEndBlocks  = 8
	offEndRecords = 16
	offEndExpires = 24
	offEndCRC     = 28
	endLen        = 32

	holdLen = 12
)

// snapshot is what the first and last page of a snapshot say.
type snapshot struct {
	log     uint64
	covered uint64 // the groups up to here are in it
	time    lease.Time
	blocks  uint64
	records uint64
	expires lease.Time // latest finite expiry of a lease that may be known to a client
	size    int64
}

func snapName(covered uint64) string { return fmt.Sprintf("%s/%016d.snap", snapDir, covered) }

func snapSeq(base string) (uint64, bool) {
	digits, ok := strings.CutSuffix(base, ".snap")
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

func (s *snapshot) seed() uint32 {
	var b [16]byte
	le.PutUint64(b[0:], s.log)
	le.PutUint64(b[8:], s.covered)
	return crc32.Checksum(b[:], castagnoli)
}

func (s *snapshot) encodeHead(b []byte) {
	clear(b[:page])
	copy(b, snapMagic)
	le.PutUint16(b[offSnapVersion:], formatVersion)
	le.PutUint64(b[offSnapLog:], s.log)
	le.PutUint64(b[offSnapCovered:], s.covered)
	le.PutUint64(b[offSnapTime:], uint64(s.time))
	le.PutUint32(b[offSnapCRC:], crc32.Checksum(b[:offSnapCRC], castagnoli))
}

func (s *snapshot) encodeEnd(b []byte) {
	clear(b[:page])
	copy(b, snapEnd)
	le.PutUint64(b[offEndBlocks:], s.blocks)
	le.PutUint64(b[offEndRecords:], s.records)
	le.PutUint32(b[offEndExpires:], uint32(s.expires))
	le.PutUint32(b[offEndCRC:], crc32.Update(s.seed(), castagnoli, b[:offEndCRC]))
}

// sealBlock completes the block whose n payload bytes follow its header, and
// returns its length in the file.
func (s *snapshot) sealBlock(b []byte, n int, kind uint32) int {
	end := int(vfs.RoundUp(int64(blockHead + n)))
	le.PutUint32(b[offBlockMagic:], blockMagic)
	le.PutUint32(b[offBlockLen:], uint32(n))
	le.PutUint32(b[offBlockKind:], kind)
	clear(b[blockHead+n : end])
	le.PutUint32(b[offBlockCRC:], crc32.Update(s.seed(), castagnoli, b[offBlockLen:blockHead+n]))
	return end
}

// openBlock returns the payload of the block in b.
func (s *snapshot) openBlock(b []byte) (payload []byte, kind uint32, ok bool) {
	if len(b) < blockHead || le.Uint32(b[offBlockMagic:]) != blockMagic {
		return nil, 0, false
	}
	n := uint64(le.Uint32(b[offBlockLen:]))
	if n > uint64(len(b)-blockHead) ||
		le.Uint32(b[offBlockCRC:]) != crc32.Update(s.seed(), castagnoli, b[offBlockLen:blockHead+n]) {
		return nil, 0, false
	}
	return b[blockHead : blockHead+n], le.Uint32(b[offBlockKind:]), true
}

// newestSnapshot reads both ends of the newest snapshot; nil if there is none. A
// snapshot has its name only once it is complete and on disk.
func newestSnapshot(fs vfs.FS) (*snapshot, error) {
	infos, err := fs.List(snapDir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	for i := len(infos) - 1; i >= 0; i-- {
		if covered, ok := snapSeq(infos[i].Name); ok {
			return readSnapshotEnds(fs, covered, infos[i].Size)
		}
	}
	return nil, nil
}

func readSnapshotEnds(fs vfs.FS, covered uint64, size int64) (*snapshot, error) {
	name := snapName(covered)
	damaged := func(off int64, what string) (*snapshot, error) { return nil, &DamageError{name, off, what} }
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size < 2*page {
		return damaged(0, "the snapshot is cut off")
	}
	b := make([]byte, page)
	if _, err := f.ReadAt(b, 0); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if string(b[:len(snapMagic)]) != snapMagic || le.Uint32(b[offSnapCRC:]) != crc32.Checksum(b[:offSnapCRC], castagnoli) {
		return damaged(0, "the snapshot's header is damaged")
	}
	if v := le.Uint16(b[offSnapVersion:]); v != formatVersion {
		return nil, fmt.Errorf("%s: snapshot format version %d; this program reads version %d", name, v, formatVersion)
	}
	s := &snapshot{
		log:     le.Uint64(b[offSnapLog:]),
		covered: le.Uint64(b[offSnapCovered:]),
		time:    lease.Time(le.Uint64(b[offSnapTime:])),
		size:    size,
	}
	if s.covered != covered {
		return damaged(0, "the snapshot's name and header differ")
	}
	if n, err := f.ReadAt(b, size-page); err != nil && !(errors.Is(err, io.EOF) && n == page) {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if string(b[:len(snapEnd)]) != snapEnd || le.Uint32(b[offEndCRC:]) != crc32.Update(s.seed(), castagnoli, b[:offEndCRC]) {
		return s, &DamageError{name, size - page, "the snapshot's end is damaged"}
	}
	s.blocks = le.Uint64(b[offEndBlocks:])
	s.records = le.Uint64(b[offEndRecords:])
	s.expires = lease.Time(le.Uint32(b[offEndExpires:]))
	if want := (size - 2*page + snapBlock - 1) / snapBlock; s.blocks != uint64(want) {
		return s, &DamageError{name, size - page, fmt.Sprintf("the snapshot should have %d blocks, and has room for %d", s.blocks, want)}
	}
	return s, nil
}

// each calls fn with every block, from several goroutines; ok is false for one
// that does not check. The buffer is fn's until it returns.
func (s *snapshot) each(fs vfs.FS, fn func(off int64, payload []byte, kind uint32, ok bool) error) error {
	f, err := fs.Open(snapName(s.covered))
	if err != nil {
		return err
	}
	defer f.Close()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			b := vfs.Buffer(snapBlock)
			for failed.Load() == nil {
				off := page + (next.Add(1)-1)*snapBlock
				n := min(snapBlock, s.size-page-off)
				if n <= 0 {
					return
				}
				_, err := f.ReadAt(b[:n], off)
				if err == nil {
					payload, kind, ok := s.openBlock(b[:n])
					err = fn(off, payload, kind, ok)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
