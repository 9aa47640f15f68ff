// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

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
