// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"bytes"
	"testing"

	"xdhcp/engine/lease"
)

// Any bytes: what ParseChange takes is encoded again to the same bytes, a table applies it
// without harm, and what the table says of it for a snapshot makes the same record in
// another one.
func FuzzParseChange(f *testing.F) {
	full := Change{Op: OpGrant, Prefix: pfx("2001:db8:100::/56"), IA: IA{PD, 7}, Version: 3, At: 100, Expires: 200, Full: true,
		Start: 90, Preferred: 150, Scope: 1, Client: Client{DUID: unhex("00030001020000000001"), LinkLayer: unhex("0001020000000001"),
			Peer: unhex("fe800000000000000000000000000001"), InterfaceID: []byte("eth1"), RemoteID: []byte("remote"), SubscriberID: []byte("s"),
			RelayID: []byte("relay"), Host: []byte("host")}}
	f.Add(full.AppendTo(nil))
	full.Accepts = true
	f.Add(full.AppendTo(nil))
	for _, op := range []lease.Op{OpRelease, OpDecline, OpExpire} {
		c := Change{Op: op, Prefix: pfx("2001:db8::1"), Version: 1, At: 5, Expires: 50}
		f.Add(c.AppendTo(nil))
		c.Full = true
		f.Add(c.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		c, err := ParseChange(rec)
		if err != nil {
			return
		}
		if again := c.AppendTo(nil); !bytes.Equal(again, rec) {
			t.Fatalf("%x is encoded again as %x", rec, again)
		}
		tab, other := newTable(t, Options{Shards: 2, Seed: 1}), newTable(t, Options{Shards: 4, Seed: 2})
		for _, tab := range []*Table{tab, other} {
			if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "p", Len: 56, Ranges: []Range{RangeOf(pfx("2001:db8:100::/48"))}}}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := tab.Apply(rec); err != nil {
			t.Fatal(err)
		}
		var e, e2 Entry
		if !tab.Lookup(c.Prefix, &e) || e.Version != c.Version {
			t.Fatalf("%+v became %+v", c, e)
		}
		if err := other.Apply(e.AppendTo(nil)); err != nil {
			t.Fatal(err)
		}
		if !other.Lookup(c.Prefix, &e2) || describe(&e) != describe(&e2) {
			t.Fatalf("%s became %s", describe(&e), describe(&e2))
		}
		sound(t, tab)
		sound(t, other)
		tab.Expire(1<<31, 100, lease.NewBatch(1))
		sound(t, tab)
	})
}
