// SPDX-License-Identifier: Apache-2.0

package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// OS is a directory of the machine's file system.
type OS struct {
	root   string
	direct bool
}

var _ FS = (*OS)(nil)

// NewOS makes the directory if needed and finds out by trying whether the file
// system under it takes O_DIRECT.
func NewOS(root string) (*OS, error) {
	if err := makeDurable(root); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	o := &OS{root: root}
	o.direct = o.probe()
	return o, nil
}

// makeDurable makes a directory and those above it, and syncs the directory that
// holds each name it has made.
func makeDurable(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDurable(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(above)
}

// OpenOS is NewOS for readers: it makes nothing and probes nothing.
func OpenOS(root string) (*OS, error) {
	st, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("state directory: %s is not a directory", root)
	}
	return &OS{root: root}, nil
}

// Root is the directory's path.
func (o *OS) Root() string { return o.root }

// Direct says whether writes go past the page cache.
func (o *OS) Direct() bool { return o.direct }

// probe tries one direct page, in a file that has no name and so needs no
// removal; a file system without O_TMPFILE gets plain writes as well.
func (o *OS) probe() bool {
	fd, err := unix.Open(o.root, unix.O_TMPFILE|unix.O_RDWR|unix.O_DIRECT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	n, err := unix.Pwrite(fd, Buffer(Align), 0)
	return err == nil && n == Align
}

func (o *OS) path(name string) string { return filepath.Join(o.root, filepath.FromSlash(name)) }

func (o *OS) open(name string, flags int) (File, error) {
	if o.direct && flags&(os.O_RDWR|os.O_WRONLY) != 0 {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(o.path(name), flags, 0o640)
	if err != nil {
		return nil, err
	}
	return &osFile{f}, nil
}

func (o *OS) Create(name string) (File, error) { return o.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL) }
func (o *OS) Open(name string) (File, error)   { return o.open(name, os.O_RDONLY) }
func (o *OS) OpenRW(name string) (File, error) { return o.open(name, os.O_RDWR) }
func (o *OS) Remove(name string) error         { return os.Remove(o.path(name)) }
func (o *OS) Rename(oldname, newname string) error {
	return os.Rename(o.path(oldname), o.path(newname))
}

func (o *OS) Mkdir(name string) error {
	if err := os.Mkdir(o.path(name), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

func (o *OS) List(dir string) ([]Info, error) {
	es, err := os.ReadDir(o.path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(es))
	for _, e := range es {
		if !e.Type().IsRegular() {
			continue
		}
		st, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // removed since ReadDir, by the server that owns the directory
		}
		if err != nil {
			return nil, err
		}
		infos = append(infos, Info{Name: e.Name(), Size: st.Size()})
	}
	return infos, nil
}

func (o *OS) SyncDir(dir string) error { return syncDir(o.path(dir)) }

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Lock is flock(2), which the kernel drops with the last descriptor; the pid
// in the file is only for the message.
func (o *OS) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(o.path(name), os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		b := make([]byte, 20)
		n, _ := f.ReadAt(b, 0)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
		return nil, &Locked{Pid: pid}
	}
	if err := errors.Join(f.Truncate(0), writePid(f)); err != nil {
		f.Close()
		return nil, fmt.Errorf("write pid to %s: %w", name, err)
	}
	return f, nil
}

func writePid(f *os.File) error {
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// osFile is *os.File with Sync narrowed to the data and what is needed to read
// it back: one journal commit of the file system less for each group.
type osFile struct{ *os.File }

func (f *osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

func (f *osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
