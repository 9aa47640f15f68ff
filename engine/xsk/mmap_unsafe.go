// SPDX-License-Identifier: Apache-2.0

package xsk

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is the only one with unsafe: the structures of linux/if_xdp.h that
// package unix has no calls for, and the rings' view of mapped memory.

// registerUMEM makes mem, in chunks of the given size, the socket's memory.
func registerUMEM(fd int, mem []byte, chunk int) error {
	reg := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem)))),
		Len:  uint64(len(mem)),
		Size: uint32(chunk),
	}
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, unix.XDP_UMEM_REG,
		uintptr(unsafe.Pointer(&reg)), unsafe.Sizeof(reg), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// getXDPOption reads an option of level SOL_XDP. The kernel must know all of
// the structure: an older and shorter one is an error.
func getXDPOption[T unix.XDPMmapOffsets | unix.XDPStatistics | uint32](fd, option int, v *T) error {
	size := uint32(unsafe.Sizeof(*v))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(unsafe.Pointer(v)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	if uintptr(size) != unsafe.Sizeof(*v) {
		return fmt.Errorf("option %d has %d bytes, want %d: the kernel is older than 5.4", option, size, unsafe.Sizeof(*v))
	}
	return nil
}

// mapRing maps a ring of n slots. The ring lives as long as the mapping.
//
//	mem:  | … producer … | … consumer … | … flags … | slot 0 | slot 1 | … | slot n-1 |
//	        off.Producer   off.Consumer   off.Flags   off.Desc
func mapRing[T slot](fd int, pgoff int64, off unix.XDPRingOffset, n int) (mem []byte, slots []T, prod, cons, flags *atomic.Uint32, err error) {
	var zero T
	size := off.Desc + uint64(n)*uint64(unsafe.Sizeof(zero))
	mem, err = unix.Mmap(fd, pgoff, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, nil, nil, nil, nil, err
	}
	for _, o := range []uint64{off.Producer, off.Consumer, off.Flags} {
		if o%4 != 0 || o+4 > off.Desc {
			_ = unix.Munmap(mem)
			return nil, nil, nil, nil, nil, fmt.Errorf("offsets %+v make no ring", off)
		}
	}
	at := unsafe.Pointer(unsafe.SliceData(mem))
	slots = unsafe.Slice((*T)(unsafe.Add(at, off.Desc)), n)
	prod = (*atomic.Uint32)(unsafe.Add(at, off.Producer))
	cons = (*atomic.Uint32)(unsafe.Add(at, off.Consumer))
	flags = (*atomic.Uint32)(unsafe.Add(at, off.Flags))
	return mem, slots, prod, cons, flags, nil
}
