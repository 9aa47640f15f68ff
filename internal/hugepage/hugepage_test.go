// SPDX-License-Identifier: Apache-2.0

package hugepage

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestAroundIsWholeLargePages(t *testing.T) {
	for _, tt := range []struct{ addr, n, first, length uintptr }{
		{0, 0, 0, 0},
		{size, 1, size, size},
		{size, size, size, size},
		{size + 1, size, size, 2 * size},
		{3*size - 1, 2, 2 * size, 2 * size},
		{size + 4096, 4096, size, size},
	} {
		first, length := around(tt.addr, tt.n)
		if first != tt.first || length != tt.length {
			t.Errorf("around(%#x, %#x) = %#x, %#x, want %#x, %#x", tt.addr, tt.n, first, length, tt.first, tt.length)
		}
	}
}

// The kernel's own list of mappings says which were advised: VmFlags has "hg".
func TestAdviseReachesTheKernel(t *testing.T) {
	table := new([4 << 20]byte)
	slice := make([]uint64, 1<<19)
	for _, tt := range []struct {
		name string
		addr uintptr
		do   func()
	}{
		{"Advise", reflect.ValueOf(table).Pointer(), func() { Advise(table) }},
		{"AdviseSlice", reflect.ValueOf(slice).Pointer(), func() { AdviseSlice(slice) }},
	} {
		tt.do()
		flags, ok := vmFlags(t, tt.addr)
		if !ok {
			t.Fatalf("%s: %#x is not mapped", tt.name, tt.addr)
		}
		if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
			t.Skip("a kernel without large pages")
		}
		if !strings.Contains(flags, " hg") {
			t.Errorf("%s: VmFlags:%s", tt.name, flags)
		}
	}
	AdviseSlice([]uint64{}) // nothing to advise, nothing happens
	table[0], slice[0] = 1, 1
}

// vmFlags are those of the mapping that holds addr.
func vmFlags(t *testing.T, addr uintptr) (flags string, ok bool) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(sc.Text(), "%x-%x ", &from, &to); n == 2 {
			in = from <= addr && addr < to
		}
		if rest, found := strings.CutPrefix(sc.Text(), "VmFlags:"); found && in {
			return rest, true
		}
	}
	return "", false
}
