// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"xdhcp/engine/journal/vfs"
)

// writeTree writes keys of eight bytes, in ascending order, each with value, and walks
// through them.
func writeTree(t *testing.T, fs vfs.FS, name string, keys []uint64, value byte) *walker {
	t.Helper()
	pace := func(int) error { return nil }
	f, err := fs.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	o := newOut(f, pace)
	w := newTree(o, 8)
	for _, k := range keys {
		if err := w.add(binary.BigEndian.AppendUint64(nil, k), []byte{value}); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.flush(); err != nil {
		t.Fatal(err)
	}
	return (&blocks{f, name}).walk(&tr, pace)
}

// All entries come, by key, and of equal keys that of the earlier tree first.
func TestMergerKeepsTheOrderOfTrees(t *testing.T) {
	fs, err := vfs.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	type entry struct {
		key   uint64
		value byte
	}
	var ws []*walker
	var want []entry
	for i, n := range []int{3000, 0, 1, 5000, 3000} {
		var keys []uint64
		for range n {
			keys = append(keys, r.Uint64N(8000)) // so that many are in several trees
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		for _, k := range keys {
			want = append(want, entry{k, byte(i)})
		}
		ws = append(ws, writeTree(t, fs, "tree"+string(rune('a'+i)), keys, byte(i)))
	}
	slices.SortStableFunc(want, func(a, b entry) int {
		if a.key != b.key {
			return int(a.key) - int(b.key)
		}
		return int(a.value) - int(b.value)
	})
	m, err := newMerger(ws)
	if err != nil {
		t.Fatal(err)
	}
	var got []entry
	for m.top != nil {
		got = append(got, entry{binary.BigEndian.Uint64(m.top.key()), m.top.value()[0]})
		if err := m.step(); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d entries, want %d, in the order of keys and trees", len(got), len(want))
	}
}
