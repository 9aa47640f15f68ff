// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The index against a set, with tags that crowd together, at the upper end too.
func TestIndexModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var x index
		x.init(16, 8)
		set := map[uint64]bool{}
		base := rapid.SampledFrom([]uint32{1, 1 << 31, 1<<32 - 40}).Draw(rt, "base")
		step := rapid.SampledFrom([]uint32{1, 1 << 20}).Draw(rt, "step")
		draw := func() (uint32, ref) {
			n := rapid.Uint32Range(0, 39).Draw(rt, "tag")
			tag := base + n*step
			return max(tag, 1), ref(rapid.Uint32Range(1, 4).Draw(rt, "ref"))
		}
		rt.Repeat(map[string]func(*rapid.T){
			"insert": func(*rapid.T) {
				tag, r := draw()
				if e := uint64(tag)<<32 | uint64(r); !set[e] {
					x.insert(tag, r)
					set[e] = true
				}
			},
			"remove": func(*rapid.T) {
				tag, r := draw()
				if e := uint64(tag)<<32 | uint64(r); set[e] {
					x.remove(tag, r)
					delete(set, e)
				}
			},
			"": func(rt *rapid.T) {
				if x.n != len(set) || x.e[len(x.e)-1] != 0 {
					rt.Fatalf("%d entries, want %d", x.n, len(set))
				}
				var all []uint64
				for e := range set {
					all = append(all, e)
				}
				slices.Sort(all)
				at := 0
				for _, e := range x.e {
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
					if got := x.e[x.first(tag)]; got != e {
						rt.Fatalf("the first of tag %x is %x, want %x", tag, got, e)
					}
				}
			},
		})
	})
}

// All entries at one place of the array: it grows until they fit.
func TestIndexOfOneTag(t *testing.T) {
	var x index
	x.init(16, 8)
	for r := ref(1); r <= 500; r++ {
		x.insert(1<<32-1, r)
	}
	n := 0
	for i := x.first(1<<32 - 1); x.e[i] != 0; i++ {
		n++
	}
	if n != 500 {
		t.Errorf("%d entries of 500", n)
	}
}

// Rooms of the annex do not overlap, and are used again.
func TestAnnexModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var x annex
		type room struct {
			place uint32
			n     int
			mark  byte
		}
		var rooms []room
		mark := byte(0)
		rt.Repeat(map[string]func(*rapid.T){
			"take": func(rt *rapid.T) {
				mark++
				n := rapid.IntRange(coldSize+1, (annexClasses-1)*annexUnit).Draw(rt, "n")
				r := room{x.take(n), n, mark}
				if r.place == 0 {
					rt.Fatal("place 0 is none")
				}
				for i := range x.at(r.place)[:n] {
					x.at(r.place)[i] = mark
				}
				rooms = append(rooms, r)
			},
			"give": func(rt *rapid.T) {
				if len(rooms) == 0 {
					return
				}
				i := rapid.IntRange(0, len(rooms)-1).Draw(rt, "room")
				x.give(rooms[i].place, rooms[i].n)
				rooms = slices.Delete(rooms, i, i+1)
			},
			"": func(rt *rapid.T) {
				for _, r := range rooms {
					for _, b := range x.at(r.place)[:r.n] {
						if b != r.mark {
							rt.Fatalf("room %d is overwritten with %d", r.mark, b)
						}
					}
				}
			},
		})
	})
}

func TestAnnexIsUsedAgain(t *testing.T) {
	var x annex
	for range 100_000 {
		x.give(x.take(100), 100)
	}
	if len(x.pages) != 1 {
		t.Errorf("%d pages for one room at a time", len(x.pages))
	}
}
