// SPDX-License-Identifier: Apache-2.0

package prefetch

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A hint may be about any memory, also such as is not there: the bytes behind the
// mapping would end the process if they were read.
func TestHintsReadNothing(t *testing.T) {
	page := unix.Getpagesize()
	mem, err := unix.Mmap(-1, 0, 2*page, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mem) }()
	for _, n := range []int{0, 1, LineSize - 1, LineSize, LineSize + 1, len(mem)} {
		Bytes(mem[:n])
		Bytes(mem[page-1 : page-1+n/2])
	}
	Bytes(nil)
	Line[uint64](nil)
	Lines(&mem[page], 5*page/LineSize)
}

// BenchmarkBytes is what a hint costs about a frame of a DISCOVER.
func BenchmarkBytes(b *testing.B) {
	frame := make([]byte, 350)
	for b.Loop() {
		Bytes(frame)
	}
}
