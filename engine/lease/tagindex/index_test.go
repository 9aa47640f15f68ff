// SPDX-License-Identifier: Apache-2.0

package tagindex

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The index against a set, with tags that crowd together, at the upper end too.
func TestIndexModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var x Index
		x.Init(16, 8)
		set := map[uint64]bool{}
		base := rapid.SampledFrom([]uint32{1, 1 << 31, 1<<32 - 40}).Draw(rt, "base")
		step := rapid.SampledFrom([]uint32{1, 1 << 20}).Draw(rt, "step")
		draw := func() (uint32, uint32) {
			n := rapid.Uint32Range(0, 39).Draw(rt, "tag")
			tag := base + n*step
			return max(tag, 1), rapid.Uint32Range(1, 4).Draw(rt, "ref")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"insert": func(*rapid.T) {
				tag, r := draw()
				if e := uint64(tag)<<32 | uint64(r); !set[e] {
					x.Insert(tag, r)
					set[e] = true
				}
			},
			"remove": func(*rapid.T) {
				tag, r := draw()
				if e := uint64(tag)<<32 | uint64(r); set[e] {
					x.Remove(tag, r)
					delete(set, e)
				}
			},
			"": func(rt *rapid.T) {
				if x.N != len(set) || x.E[len(x.E)-1] != 0 {
					rt.Fatalf("%d entries, want %d", x.N, len(set))
				}
				var all []uint64
				for e := range set {
					all = append(all, e)
				}
				slices.Sort(all)
				at := 0
				for _, e := range x.E {
					if e == 0 {
						continue
					}
					if e != all[at] {
						rt.Fatalf("entry %d is %x, want %x", at, e, all[at])
					}
					at++
				}
				for i, e := range all {
					tag := uint32(e >> 32)
					if i > 0 && uint32(all[i-1]>>32) == tag {
						continue
					}
					if got := x.E[x.First(tag)]; got != e {
						rt.Fatalf("the first of tag %x is %x, want %x", tag, got, e)
					}
				}
			},
		})
	})
}

// All entries at one place of the array: it grows until they fit.
func TestIndexOfOneTag(t *testing.T) {
	var x Index
	x.Init(16, 8)
	for r := uint32(1); r <= 500; r++ {
		x.Insert(1<<32-1, r)
	}
	n := 0
	for i := x.First(1<<32 - 1); x.E[i] != 0; i++ {
		n++
	}
	if n != 500 {
		t.Errorf("%d entries of 500", n)
	}
}
