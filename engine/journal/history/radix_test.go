// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// The oracle is the library's stable sort.
func TestSortKeyed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var spare []keyed
	for _, n := range []int{0, 1, 2, 3, 255, 256, 1000, 20000} {
		for _, mask := range []uint64{0, 1, 0xff, 0xff00, 0x8000000000000001, 0xf0f0f0f0f0f0f0f0, 1<<64 - 1} {
			a := make([]keyed, n)
			for i := range a {
				a[i] = keyed{r.Uint64() & mask, uint64(i)}
			}
			want := slices.Clone(a)
			slices.SortStableFunc(want, func(x, y keyed) int { return cmp.Compare(x.key, y.key) })
			var got []keyed
			if got, spare = sortKeyed(a, spare); !slices.Equal(got, want) {
				t.Fatalf("%d keys under %#x: not the order of a stable sort", n, mask)
			}
		}
	}
}

func BenchmarkSortKeyed(b *testing.B) {
	const n = 100_000
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]keyed, n)
	for i := range random {
		random[i] = keyed{r.Uint64() >> 8, uint64(i)}
	}
	a, spare := make([]keyed, n), make([]keyed, n)
	for b.Loop() {
		a = append(a[:0], random...)
		a, spare = sortKeyed(a, spare)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}
