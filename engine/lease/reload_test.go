// SPDX-License-Identifier: Apache-2.0

package lease

import "testing"

// A request that was made by the policy before a reload, and comes to the table
// after it, is served from what has become of its pool.
func TestARequestFromBeforeTheReloadIsServed(t *testing.T) {
	before := []Pool{
		{Scope: 1, Name: "a", Ranges: []Range{{10, 19}}},
		{Scope: 1, Name: "b", Ranges: []Range{{30, 39}}},
		{Scope: 2, Name: "c", Ranges: []Range{{50, 59}}},
	}
	for _, tt := range []struct {
		what  string
		after []Pool
		want  [3]PoolID // what the pools before are now
	}{
		{"the same names in another order", []Pool{before[1], before[0], before[2]}, [3]PoolID{1, 0, 2}},
		{"another name for some of the addresses", []Pool{
			{Scope: 1, Name: "x", Ranges: []Range{{5, 9}}},
			{Scope: 1, Name: "y", Ranges: []Range{{15, 25}}},
			before[2],
		}, [3]PoolID{1, noPool, 2}},
		{"other addresses, the only pool of the scope", []Pool{
			{Scope: 1, Name: "x", Ranges: []Range{{100, 109}}},
			{Scope: 3, Name: "y", Ranges: []Range{{50, 59}}},
		}, [3]PoolID{0, 0, noPool}},
	} {
		table, err := New(Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := table.Reconfigure(Layout{Generation: 7, Pools: before}); err != nil {
			t.Fatal(err)
		}
		if err := table.Reconfigure(Layout{Generation: 8, Pools: tt.after}); err != nil {
			t.Fatal(err)
		}
		for old, now := range tt.want {
			r := &Request{
				Client: Client{Kind: KindHW, HType: 1, HW: []byte{2, 0, 0, 0, 0, byte(old)}, ID: []byte{1, 2, 0, 0, 0, 0, byte(old)}},
				Scope:  before[old].Scope, Layout: 7, Pools: []PoolID{PoolID(old)},
			}
			addr, out := table.Offer(r, 60, 1000)
			if now == noPool {
				if out != Full {
					t.Errorf("%s: pool %d is gone, and gave %v, %v", tt.what, old, addr, out)
				}
				continue
			}
			in := false
			for _, rg := range tt.after[now].Ranges {
				in = in || rg.First <= addr && addr <= rg.Last
			}
			if out != OK || !in {
				t.Errorf("%s: pool %d gave %v, %v; want an address of %v", tt.what, old, addr, out, tt.after[now].Ranges)
			}
		}
	}
}
