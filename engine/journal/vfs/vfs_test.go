// SPDX-License-Identifier: Apache-2.0

package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"reflect"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/journal/vfs"
)

// Both file systems do what FS promises.
func TestFS(t *testing.T) {
	disk, err := vfs.NewOS(t.TempDir() + "/deep/state")
	if err != nil {
		t.Fatal(err)
	}
	for name, fs := range map[string]vfs.FS{"the machine's": disk, "the test's": errfs.New()} {
		t.Run(name, func(t *testing.T) { conform(t, fs) })
	}
}

func conform(t *testing.T, fs vfs.FS) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if infos, err := fs.List("none"); err != nil || len(infos) != 0 {
		t.Errorf("a directory that is not there lists %v, %v", infos, err)
	}
	must(fs.Mkdir("d"))
	must(fs.Mkdir("d"))
	if _, err := fs.Open("d/a"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("open of nothing: %v", err)
	}
	f, err := fs.Create("d/a")
	must(err)
	defer f.Close()
	if _, err := fs.Create("d/a"); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second create: %v", err)
	}
	b := vfs.Buffer(2 * vfs.Align)
	for i := range b {
		b[i] = byte(i / 7)
	}
	_, err = f.WriteAt(b, vfs.Align)
	must(err)
	must(f.Sync())
	if size, err := f.Size(); err != nil || size != 3*vfs.Align {
		t.Errorf("size %d, %v", size, err)
	}
	must(fs.Rename("d/a", "d/b"))
	must(fs.SyncDir("d"))
	r, err := fs.Open("d/b")
	must(err)
	defer r.Close()
	got := make([]byte, 100) // neither length nor place is a multiple of a page
	if _, err := r.ReadAt(got, vfs.Align+33); err != nil || !bytes.Equal(got, b[33:133]) {
		t.Errorf("read back: %v", err)
	}
	if n, err := r.ReadAt(got, 3*vfs.Align-10); n != 10 || err != io.EOF {
		t.Errorf("read over the end: %d, %v", n, err)
	}
	w, err := fs.OpenRW("d/b")
	must(err)
	defer w.Close()
	if n, err := w.ReadAt(b, 0); n != len(b) || err != nil {
		t.Errorf("aligned read of a file that is written: %d, %v", n, err)
	}
	infos, err := fs.List("d")
	must(err)
	if want := []vfs.Info{{Name: "b", Size: 3 * vfs.Align}}; !reflect.DeepEqual(infos, want) {
		t.Errorf("list %v, want %v", infos, want)
	}
	must(fs.Remove("d/b"))
	if err := fs.Remove("d/b"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a second remove: %v", err)
	}
	l, err := fs.Lock("lock")
	must(err)
	_, err = fs.Lock("lock")
	var locked *vfs.Locked
	if !errors.As(err, &locked) || locked.Pid != os.Getpid() {
		t.Errorf("a second lock: %v", err)
	}
	must(l.Close())
	l, err = fs.Lock("lock")
	must(err)
	must(l.Close())
}

func TestBufferIsAligned(t *testing.T) {
	for _, n := range []int{1, vfs.Align, 1 << 20} {
		b := vfs.Buffer(n)
		if len(b) != n || cap(b) != n || reflect.ValueOf(b).Pointer()%vfs.Align != 0 {
			t.Errorf("Buffer(%d): len %d, cap %d, at %x", n, len(b), cap(b), reflect.ValueOf(b).Pointer())
		}
	}
}

func TestOpenOSMakesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := vfs.OpenOS(dir + "/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vfs.OpenOS(dir + "/file"); err == nil {
		t.Error("a file passes for a directory")
	}
}
