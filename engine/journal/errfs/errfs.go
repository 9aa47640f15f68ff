// SPDX-License-Identifier: Apache-2.0

// Package errfs is a file system in memory that fails on purpose.
//
// It keeps apart what a program sees and what a disk holds: a write reaches the
// disk's image when the file is synced, a name when its directory is. Every call
// that changes something has a number; Inject decides what becomes of each. After
// the power is cut (by Inject, or simply by calling Crash), Crash returns the file
// system that a reboot finds, with any choice of the sectors that were written but
// not synced: a disk may write them in any order, or not at all.
//
// A Sync that fails drops what it was to make durable, and later ones succeed
// without it, as Linux does; code that retries Sync loses data here. A write that is
// Late shows what a disk does that says that a write is safe before it is.
package errfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"xdhcp/engine/journal/vfs"
)

// Kind is what a changing call does.
type Kind uint8

const (
	Write Kind = iota
	Sync
	Create
	Rename
	Remove
	SyncDir
)

func (k Kind) String() string {
	return [...]string{"write", "sync", "create", "rename", "remove", "syncdir"}[k]
}

// Op is one changing call.
type Op struct {
	N    int // 1 for the first of this FS
	Kind Kind
	Name string
	Len  int // of a write
}

// Fault is what becomes of an Op.
type Fault uint8

const (
	None     Fault = iota
	Fail           // EIO, and nothing happens; a Sync loses what it was to save
	Short          // a write stops half way, in the middle of a sector, with EIO
	NoSpace        // ENOSPC, and nothing happens
	PowerCut       // the call begins (a write stays unsynced), and nothing works after it
	Late           // a write that no Sync waits for, though each says so: the disk puts it off
)

// ErrPower is what every call returns after the power was cut.
var ErrPower = errors.New("errfs: the power is off")

// Sector is the unit in which unsynced writes survive a crash.
const Sector = 512

type write struct {
	off  int64
	data []byte
	late bool
}

// sectors are what may survive of a write one by one.
func (w write) sectors() (all []write) {
	for o := 0; o < len(w.data); o += Sector {
		all = append(all, write{w.off + int64(o), w.data[o:min(o+Sector, len(w.data))], w.late})
	}
	return all
}

type inode struct {
	name    string  // the present one
	seen    []byte  // what reads return
	disk    []byte  // what a crash leaves
	pending []write // in seen, not in disk
}

// FS implements vfs.FS.
type FS struct {
	// Inject is asked before each changing call; nil means None for all.
	Inject func(Op) Fault

	mu     sync.Mutex
	n      int
	off    bool            // power
	dirs   map[string]bool // true: durable
	seen   map[string]*inode
	disk   map[string]*inode
	locked map[string]bool
}

var _ vfs.FS = (*FS)(nil)

// New is an empty, healthy file system.
func New() *FS {
	return &FS{dirs: map[string]bool{".": true}, seen: map[string]*inode{}, disk: map[string]*inode{}, locked: map[string]bool{}}
}

// Ops is the number of changing calls so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Crash is what a reboot finds. Unsynced sectors survive if keep says so (it is
// given a running number over all of them); unsynced names survive if names.
func (f *FS) Crash(names bool, keep func(sector int) bool) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := f.disk
	if names {
		from = f.seen
	}
	order := make([]string, 0, len(from))
	for name := range from {
		order = append(order, name)
	}
	slices.Sort(order)
	g := New()
	for d, durable := range f.dirs {
		if durable || names {
			g.dirs[d] = true
		}
	}
	i := 0
	for _, name := range order {
		if !g.dirs[path.Dir(name)] {
			continue
		}
		in := from[name]
		disk := slices.Clone(in.disk)
		for _, w := range in.pending {
			for o := 0; o < len(w.data); o += Sector {
				if keep != nil && keep(i) {
					disk = put(disk, w.off+int64(o), w.data[o:min(o+Sector, len(w.data))])
				}
				i++
			}
		}
		n := &inode{name: name, seen: slices.Clone(disk), disk: disk}
		g.seen[name], g.disk[name] = n, n
	}
	return g
}

// Corrupt flips the bits of mask in one byte of a file, on the disk and as seen.
func (f *FS) Corrupt(name string, off int64, mask byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	in := f.seen[name]
	if in == nil || off >= int64(len(in.seen)) {
		return fmt.Errorf("errfs: no byte %d in %s", off, name)
	}
	in.seen[off] ^= mask
	if off < int64(len(in.disk)) {
		in.disk[off] ^= mask
	}
	return nil
}

func put(b []byte, off int64, data []byte) []byte {
	if end := off + int64(len(data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[off:], data)
	return b
}

// begin counts a changing call and asks what becomes of it. f.mu is held.
func (f *FS) begin(k Kind, name string, n int) (Fault, error) {
	if f.off {
		return Fail, ErrPower
	}
	f.n++
	fault := None
	if f.Inject != nil {
		fault = f.Inject(Op{N: f.n, Kind: k, Name: name, Len: n})
	}
	if fault == Short && k != Write {
		fault = Fail
	}
	if fault == Late && k != Write {
		fault = None
	}
	switch fault {
	case Fail:
		return fault, &os.PathError{Op: k.String(), Path: name, Err: syscall.EIO}
	case NoSpace:
		return fault, &os.PathError{Op: k.String(), Path: name, Err: syscall.ENOSPC}
	case PowerCut:
		f.off = true
		return fault, ErrPower
	}
	return fault, nil
}

func notExist(op, name string) error {
	return &os.PathError{Op: op, Path: name, Err: os.ErrNotExist}
}

func (f *FS) Create(name string) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.begin(Create, name, 0); err != nil {
		return nil, err
	}
	if f.seen[name] != nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: os.ErrExist}
	}
	if _, ok := f.dirs[path.Dir(name)]; !ok {
		return nil, notExist("create", name)
	}
	in := &inode{name: name}
	f.seen[name] = in
	return &file{fs: f, in: in}, nil
}

func (f *FS) Open(name string) (vfs.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return nil, ErrPower
	}
	in := f.seen[name]
	if in == nil {
		return nil, notExist("open", name)
	}
	return &file{fs: f, in: in}, nil
}

func (f *FS) OpenRW(name string) (vfs.File, error) { return f.Open(name) }

func (f *FS) Rename(oldname, newname string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.begin(Rename, oldname, 0); err != nil {
		return err
	}
	in := f.seen[oldname]
	if in == nil {
		return notExist("rename", oldname)
	}
	delete(f.seen, oldname)
	f.seen[newname] = in
	in.name = newname
	return nil
}

func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.begin(Remove, name, 0); err != nil {
		return err
	}
	if f.seen[name] == nil {
		return notExist("remove", name)
	}
	delete(f.seen, name)
	return nil
}

func (f *FS) Mkdir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return ErrPower
	}
	if _, ok := f.dirs[name]; !ok {
		f.dirs[name] = false
	}
	return nil
}

func (f *FS) List(dir string) ([]vfs.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.off {
		return nil, ErrPower
	}
	var infos []vfs.Info
	for name, in := range f.seen {
		if path.Dir(name) == dir {
			infos = append(infos, vfs.Info{Name: path.Base(name), Size: int64(len(in.seen))})
		}
	}
	slices.SortFunc(infos, func(a, b vfs.Info) int { return strings.Compare(a.Name, b.Name) })
	return infos, nil
}

// SyncDir makes every name of the directory durable, and every removal.
func (f *FS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.begin(SyncDir, dir, 0); err != nil {
		return err
	}
	for d := range f.dirs {
		if path.Dir(d) == dir {
			f.dirs[d] = true
		}
	}
	for name := range f.disk {
		if path.Dir(name) == dir && f.seen[name] == nil {
			delete(f.disk, name)
		}
	}
	for name, in := range f.seen {
		if path.Dir(name) == dir {
			f.disk[name] = in
		}
	}
	return nil
}

type unlock func()

func (u unlock) Close() error { u(); return nil }

func (f *FS) Lock(name string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.locked[name] {
		return nil, &vfs.Locked{Pid: os.Getpid()}
	}
	f.locked[name] = true
	return unlock(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.locked, name)
	}), nil
}

type file struct {
	fs *FS
	in *inode
}

func (h *file) ReadAt(p []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if h.fs.off {
		return 0, ErrPower
	}
	if off >= int64(len(h.in.seen)) {
		return 0, io.EOF
	}
	n := copy(p, h.in.seen[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt panics on what direct writing on a real disk would refuse.
func (h *file) WriteAt(p []byte, off int64) (int, error) {
	if off%vfs.Align != 0 || len(p)%vfs.Align != 0 {
		panic(fmt.Sprintf("errfs: write of %d bytes at %d of %s is not aligned", len(p), off, h.in.name))
	}
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	fault, err := h.fs.begin(Write, h.in.name, len(p))
	switch fault {
	case None, PowerCut, Late:
		h.in.write(p, off, fault == Late)
		return len(p), err
	case Short:
		n := len(p)/2 + 1
		h.in.write(p[:n], off, false)
		return n, &os.PathError{Op: "write", Path: h.in.name, Err: syscall.EIO}
	}
	return 0, err
}

func (in *inode) write(p []byte, off int64, late bool) {
	data := slices.Clone(p)
	in.seen = put(in.seen, off, data)
	in.pending = append(in.pending, write{off, data, late})
}

func (h *file) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	fault, err := h.fs.begin(Sync, h.in.name, 0)
	switch {
	case err == nil:
		var late []write
		for _, w := range h.in.pending {
			if w.late {
				late = append(late, w.sectors()...)
				continue
			}
			h.in.disk = put(h.in.disk, w.off, w.data)
			// What was written later to the same place takes the place of what is late.
			late = slices.DeleteFunc(late, func(l write) bool {
				return l.off < w.off+int64(len(w.data)) && w.off < l.off+int64(len(l.data))
			})
		}
		h.in.pending = late
	case fault == Fail && !h.fs.off:
		h.in.pending = nil
	}
	return err
}

func (h *file) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return int64(len(h.in.seen)), nil
}

func (h *file) Close() error { return nil }
