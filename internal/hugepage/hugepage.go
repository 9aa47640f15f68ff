// SPDX-License-Identifier: Apache-2.0

// Package hugepage asks the kernel for large pages under tables that are read
// at random.
//
// With a million leases hardly a look-up finds its page in the processor's
// translation caches: a fifth of the time that a message took was spent in page
// tables. Go's heap has pages of 4 KiB wherever the system's setting is
// "madvise", which is most distributions' default.
//
// The memory stays Go's: it is allocated, scanned and freed as ever. Nothing is
// dereferenced here, an address is only a number for the kernel.
package hugepage

import (
	"reflect"

	"golang.org/x/sys/unix"
)

// size is that of a large page on amd64, and on arm64 with pages of 4 KiB. Where
// it is another, the kernel uses those that fit.
const size = 2 << 20

// Advise tells the kernel to use large pages where the value that ptr points to
// lies. Call it before the memory is used for the first time, or the kernel
// comes to it late. It is a hint: where it cannot be followed nothing happens.
//
// The whole of the first and the last large page is meant, whoever else uses
// them: tables that lie one behind the other would otherwise never have the
// pages that they share.
func Advise[T any](ptr *T) {
	v := reflect.ValueOf(ptr)
	first, n := around(v.Pointer(), v.Type().Elem().Size())
	advise(first, n)
}

// AdviseSlice is Advise for the elements of a slice.
func AdviseSlice[T any](s []T) {
	v := reflect.ValueOf(s)
	first, n := around(v.Pointer(), uintptr(len(s))*v.Type().Elem().Size())
	advise(first, n)
}

// around are the large pages that hold n bytes at addr.
func around(addr, n uintptr) (first, length uintptr) {
	first = addr &^ (size - 1)
	return first, (addr+n+size-1)&^(size-1) - first
}

// advise ignores errors: EINVAL is a kernel without large pages, ENOMEM a
// neighbourhood of which a part is not mapped, and the rest has been advised.
func advise(addr, n uintptr) {
	if n > 0 {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, addr, n, unix.MADV_HUGEPAGE)
	}
}
