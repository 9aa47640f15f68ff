// SPDX-License-Identifier: Apache-2.0

package errfs

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"xdhcp/engine/journal/vfs"
)

func pageOf(c byte) []byte { return bytes.Repeat([]byte{c}, vfs.Align) }

func content(t *testing.T, f *FS, name string) []byte {
	t.Helper()
	h, err := f.Open(name)
	if err != nil {
		return nil
	}
	n, _ := h.Size()
	b := make([]byte, n)
	h.ReadAt(b, 0)
	return b
}

// What was not synced survives a crash only by choice; names likewise.
func TestCrashKeepsWhatWasSynced(t *testing.T) {
	f := New()
	h, _ := f.Create("a")
	h.WriteAt(pageOf('1'), 0)
	h.Sync()
	f.SyncDir(".")
	h.WriteAt(pageOf('2'), 0)
	f.Create("b")
	if got := content(t, f, "a"); got[0] != '2' {
		t.Error("a write is not seen")
	}
	g := f.Crash(false, nil)
	if got := content(t, g, "a"); !bytes.Equal(got, pageOf('1')) || content(t, g, "b") != nil {
		t.Errorf("after the crash: %.10q", got)
	}
	g = f.Crash(true, func(i int) bool { return i == 1 })
	got := content(t, g, "a")
	if got[0] != '1' || got[Sector] != '2' || got[2*Sector] != '1' || content(t, g, "b") == nil {
		t.Error("the chosen sector and name did not survive")
	}
}

// As on Linux: a sync that failed has lost the data, and the next one hides it.
func TestAFailedSyncLosesData(t *testing.T) {
	f := New()
	h, _ := f.Create("a")
	f.SyncDir(".")
	h.WriteAt(pageOf('1'), 0)
	f.Inject = func(op Op) Fault {
		if op.Kind == Sync {
			return Fail
		}
		return None
	}
	if err := h.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	f.Inject = nil
	if err := h.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, f, "a"); !bytes.Equal(got, pageOf('1')) {
		t.Error("the page cache forgot")
	}
	if got := content(t, f.Crash(true, func(int) bool { return true }), "a"); len(got) != 0 {
		t.Error("the second sync saved what the first had lost")
	}
}

// A late write outlives the sync that should have saved it, and what came after it
// may be on the disk without it.
func TestALateWriteIsPassedByItsSync(t *testing.T) {
	f := New()
	h, _ := f.Create("a")
	f.SyncDir(".")
	f.Inject = func(op Op) Fault {
		if op.Kind == Write && op.N == 3 {
			return Late
		}
		return None
	}
	h.WriteAt(pageOf('1'), 0)
	h.Sync()
	h.WriteAt(pageOf('2'), vfs.Align)
	h.Sync()
	if got := content(t, f, "a"); !bytes.Equal(got, append(pageOf('1'), pageOf('2')...)) {
		t.Error("a late write is not seen")
	}
	if got := content(t, f.Crash(false, nil), "a"); !bytes.Equal(got, append(pageOf(0), pageOf('2')...)) {
		t.Errorf("after the crash: %.10q", got)
	}
	if got := content(t, f.Crash(false, func(int) bool { return true }), "a"); !bytes.Equal(got, append(pageOf('1'), pageOf('2')...)) {
		t.Errorf("after a crash that came late: %.10q", got)
	}
}

func TestFaults(t *testing.T) {
	for fault, want := range map[Fault]error{Fail: syscall.EIO, Short: syscall.EIO, NoSpace: syscall.ENOSPC, PowerCut: ErrPower} {
		f := New()
		h, _ := f.Create("a")
		f.Inject = func(op Op) Fault { return fault }
		n, err := h.WriteAt(pageOf('1'), 0)
		if !errors.Is(err, want) {
			t.Errorf("fault %d: %v", fault, err)
		}
		if seen := len(h.(*file).in.seen); fault == Short && (n != seen || n == 0 || n == vfs.Align) || (fault == Fail || fault == NoSpace) && seen != 0 {
			t.Errorf("fault %d: %d bytes written, %d seen", fault, n, seen)
		}
		if _, err := f.Open("a"); (fault == PowerCut) != errors.Is(err, ErrPower) {
			t.Errorf("fault %d: open afterwards: %v", fault, err)
		}
	}
}

func TestAWriteMustBeAligned(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an unaligned write passed")
		}
	}()
	f := New()
	h, _ := f.Create("a")
	h.WriteAt(make([]byte, 100), 0)
}
