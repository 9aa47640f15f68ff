// SPDX-License-Identifier: Apache-2.0

// Package vfs is the little that the journal asks of a file system, as an
// interface, so that tests can put a failing disk in its place (package errfs).
//
// An FS is rooted at the state directory; names are relative to it and use "/".
// Files are written in whole pages of Align bytes at multiples of Align, from
// memory that Buffer made: then the operating system may write past its cache
// (O_DIRECT), and no write ever touches a page that holds older durable data
// unless the caller wants it replaced.
//
// What is promised, and what is not:
//   - data written is durable when a later Sync of the same file has returned nil;
//   - a name made, changed or removed is durable when a later SyncDir of its
//     directory has returned nil;
//   - after a Sync that failed, nothing is known about the writes before it, and
//     a second Sync that succeeds says nothing about them: Linux marks the pages
//     clean when it reports the error. Callers never retry Sync.
package vfs

import (
	"fmt"
	"io"
	"reflect"
)

// Align is the unit of writing: no smaller than the physical sector of any disk
// in use, so that a torn write damages only what was being written.
const Align = 4096

// File is an open file.
type File interface {
	io.ReaderAt
	// WriteAt writes whole pages at a multiple of Align.
	io.WriterAt
	// Sync makes what was written durable, and the size if it grew (fdatasync).
	Sync() error
	Size() (int64, error)
	io.Closer
}

// Info is one name in a directory.
type Info struct {
	Name string
	Size int64
}

// FS is a state directory.
type FS interface {
	// Create makes a new empty file for reading and writing; a file of that
	// name must not exist.
	Create(name string) (File, error)
	// Open opens for reading.
	Open(name string) (File, error)
	// OpenRW opens an existing file for reading and writing.
	OpenRW(name string) (File, error)
	// Rename replaces newname if it exists.
	Rename(oldname, newname string) error
	Remove(name string) error
	// Mkdir makes a directory and says nothing if it is there already.
	Mkdir(name string) error
	// List returns the plain files of a directory, sorted by name; none if the
	// directory does not exist.
	List(dir string) ([]Info, error)
	SyncDir(dir string) error
	// Lock takes the exclusive lock that name stands for, or returns *Locked.
	// The lock dies with the process.
	Lock(name string) (io.Closer, error)
}

// Locked is the error of a Lock that another process holds.
type Locked struct {
	Pid int // of the holder; 0 if the lock file does not say
}

func (e *Locked) Error() string {
	if e.Pid == 0 {
		return "in use by another process"
	}
	return fmt.Sprintf("in use by process %d", e.Pid)
}

// Buffer returns n zero bytes whose address is a multiple of Align, as direct
// writing needs it. The address is asked of reflect because package unsafe is
// not for this room; Go's heap does not move objects.
func Buffer(n int) []byte {
	b := make([]byte, n+Align)
	off := int(-reflect.ValueOf(b).Pointer() & (Align - 1))
	return b[off : off+n : off+n]
}

// RoundUp is the next multiple of Align at or above n.
func RoundUp(n int64) int64 { return (n + Align - 1) &^ (Align - 1) }
