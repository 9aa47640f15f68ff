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
	snapSpare  = snapDir + "/spare"
	snapMagic  = "xdhcpsnp"
	snapBlock  = 64 << 10 // every block but the last is this long
	blockHead  = 16
	blockMagic = 0x626e7358 // "Xsnb"
)

// Offsets in a snapshot's first page.
const (
	offSnapVersion = 8
	offSnapLog     = 16
	offSnapCovered = 24
	offSnapTime    = 32
	offSnapExpires = 36
	offSnapRecords = 40
	offSnapSize    = 48
	offSnapCRC     = 56
)

// Offsets in a block's header.
const (
	offBlockMagic = 0
	offBlockCRC   = 4
	offBlockLen   = 8
	offBlockKind  = 12

	blockRecords = 1
	blockHolds   = 2
	blockHold6   = 3

	holdLen = 12
)

// snapshot is what the first page of a snapshot says.
type snapshot struct {
	log     uint64
	covered uint64 // the groups up to here are in it
	time    lease.Time
	expires lease.Time // latest finite expiry of a lease in it
	records uint64
	size    int64 // the file may be longer: it had another use before
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

func (s *snapshot) encode(b []byte) {
	clear(b[:page])
	copy(b, snapMagic)
	le.PutUint16(b[offSnapVersion:], formatVersion)
	le.PutUint64(b[offSnapLog:], s.log)
	le.PutUint64(b[offSnapCovered:], s.covered)
	le.PutUint32(b[offSnapTime:], uint32(s.time))
	le.PutUint32(b[offSnapExpires:], uint32(s.expires))
	le.PutUint64(b[offSnapRecords:], s.records)
	le.PutUint64(b[offSnapSize:], uint64(s.size))
	le.PutUint32(b[offSnapCRC:], crc32.Checksum(b[:offSnapCRC], castagnoli))
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

// newestSnapshot reads the header of the newest snapshot; nil if there is none. A
// snapshot has its name only once it is complete and on disk.
func newestSnapshot(fs vfs.FS) (*snapshot, error) {
	infos, err := fs.List(snapDir)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	for i := len(infos) - 1; i >= 0; i-- {
		if covered, ok := snapSeq(infos[i].Name); ok {
			return readSnapshot(fs, covered, infos[i].Size)
		}
	}
	return nil, nil
}

func readSnapshot(fs vfs.FS, covered uint64, size int64) (*snapshot, error) {
	name := snapName(covered)
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, page)
	if n, err := f.ReadAt(b, 0); n < page {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, &DamageError{name, 0, "the snapshot is cut off"}
		}
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if string(b[:len(snapMagic)]) != snapMagic || le.Uint32(b[offSnapCRC:]) != crc32.Checksum(b[:offSnapCRC], castagnoli) {
		return nil, &DamageError{name, 0, "the snapshot's header is damaged"}
	}
	if v := le.Uint16(b[offSnapVersion:]); v != formatVersion {
		return nil, fmt.Errorf("%s: snapshot format version %d; this program reads version %d", name, v, formatVersion)
	}
	s := &snapshot{
		log:     le.Uint64(b[offSnapLog:]),
		covered: le.Uint64(b[offSnapCovered:]),
		time:    lease.Time(le.Uint32(b[offSnapTime:])),
		expires: lease.Time(le.Uint32(b[offSnapExpires:])),
		records: le.Uint64(b[offSnapRecords:]),
		size:    int64(le.Uint64(b[offSnapSize:])),
	}
	switch {
	case s.covered != covered:
		return nil, &DamageError{name, 0, "the snapshot's name and header differ"}
	case s.size > size:
		s.size = size &^ (page - 1) // for those who read what there is
		return s, &DamageError{name, size, "the snapshot is cut off"}
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
				n := min(snapBlock, s.size-off)
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
