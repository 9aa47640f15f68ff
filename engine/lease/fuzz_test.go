// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seedChanges are well-formed records of every kind, for the fuzzers to spoil.
func seedChanges() (recs [][]byte) {
	for op := OpGrant; op <= OpExpire; op++ {
		short := Change{Op: op, Addr: 0x0a000001, Version: 2, At: 5, Expires: 10, Start: 5}
		full := Change{Op: op, Addr: 0x0a000002, Version: 1, At: 5, Expires: 10, Start: 5, Full: true,
			Scope: 1, Kind: KindHW, HType: 1, HW: hwA, ID: idA, ClientID: cidA, Relay: []byte("relay"), Host: []byte("host")}
		byID := full
		byID.Kind, byID.ID = KindClientID, cidA
		line := full
		line.Kind, line.ID = KindCircuit, []byte("line")
		nobody := Change{Op: op, Addr: 0x0a000003, Version: 1, Full: true}
		for _, c := range []Change{short, full, byID, line, nobody} {
			recs = append(recs, c.AppendTo(nil))
		}
	}
	return recs
}

func FuzzParseChange(f *testing.F) {
	for _, rec := range seedChanges() {
		f.Add(rec)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		if _, _, err := Next(rec); err != nil && err != ErrShort && err != ErrCorrupt {
			t.Fatal(err)
		}
		c, err := ParseChange(rec)
		if err != nil {
			if diff := cmp.Diff(Change{}, c); diff != "" {
				t.Fatalf("%v, but it says something:\n%s", err, diff)
			}
			return
		}
		// What was understood is written and read the same way.
		back, err := ParseChange(c.AppendTo(nil))
		if err != nil {
			t.Fatalf("own encoding of %+v: %v", c, err)
		}
		if diff := cmp.Diff(c, back, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	})
}

// A damaged log never makes the table contradict itself.
func FuzzApply(f *testing.F) {
	recs := seedChanges()
	f.Add(bytes.Join(recs, nil), uint32(20))
	for _, rec := range recs {
		f.Add(append(bytes.Clone(rec), recs[1]...), uint32(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, now uint32) {
		tab, err := New(Options{Shards: 2, PerShard: 1, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{0x0a000001, 0x0a000005}}}}}); err != nil {
			t.Fatal(err)
		}
		for len(data) > 0 {
			rec, rest, err := Next(data)
			if err != nil {
				break
			}
			data = rest
			if c, err := ParseChange(rec); err == nil && c.Version > maxVersion-100 {
				return // an address at the end of its versions is changed no more: see maxVersion
			}
			tab.ExpectChange(rec)
			if err := tab.Apply(rec); err != nil && err != ErrCorrupt && err != ErrShort && err != ErrOp && err != ErrNoBinding {
				t.Fatal(err)
			}
		}
		tab.Settle()
		sound(t, tab)
		b := NewBatch(1)
		r := &Request{Scope: 1, Pools: []PoolID{0}}
		for i := range uint32(6) {
			subscriber(r, i)
			if a, out := tab.Offer(r, 5, Time(now)); out == OK {
				tab.Commit(r, a, 10, Time(now), b)
			}
		}
		tab.Expire(Time(now)+5, 1000, b)
		sound(t, tab)
		var snap []byte
		tab.Each(func(e *Entry) bool { snap = e.AppendTo(snap); return true })
		replay(t, tab, snap)
	})
}
