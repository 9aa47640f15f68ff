// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"cmp"
	"slices"
	"testing"

	"xdhcp/engine/lease"
)

// oracle works out the records of an address from the plain list of its changes.
func oracle(all []lease.Change, addr lease.IP4) []Record {
	var mine []lease.Change
	for _, c := range all {
		if c.Addr == addr {
			mine = append(mine, c)
		}
	}
	slices.SortFunc(mine, func(a, b lease.Change) int { return cmp.Compare(a.Version, b.Version) })
	var rs []Record
	open := false
	for _, c := range mine {
		last := len(rs) - 1
		switch c.Op {
		case lease.OpGrant:
			client := Client{Scope: c.Scope, Kind: c.Kind, HType: c.HType, HW: c.HW, ClientID: c.ClientID, Relay: c.Relay, Host: c.Host}
			if open && rs[last].Start == c.Start && equal(rs[last].Client, client) {
				rs[last].To, rs[last].Last = c.Expires, c.At
				continue
			}
			if open {
				rs[last].To, rs[last].Ended = min(rs[last].To, c.At), lease.OpGrant
			}
			rs = append(rs, Record{Addr: addr, From: c.At, To: c.Expires, Last: c.At, Start: c.Start, Known: true, Client: client})
			open = true
		case lease.OpRenew:
			rs[last].To, rs[last].Last = c.Expires, c.At
		default:
			if !open {
				continue
			}
			rs[last].Ended = c.Op
			if c.Op == lease.OpExpire {
				rs[last].To = min(rs[last].To, c.At)
			} else {
				rs[last].To = c.At
			}
			open = false
		}
	}
	return rs
}

func equal(a, b Client) bool {
	return a.Scope == b.Scope && a.Kind == b.Kind && a.HType == b.HType && bytes.Equal(a.HW, b.HW) &&
		bytes.Equal(a.ClientID, b.ClientID) && bytes.Equal(a.Relay, b.Relay) && bytes.Equal(a.Host, b.Host)
}

func sameRecord(a, b Record) bool {
	return a.Addr == b.Addr && a.From == b.From && a.To == b.To && a.Ended == b.Ended && a.Last == b.Last &&
		a.Start == b.Start && a.Known == b.Known && equal(a.Client, b.Client)
}

func encode(cs ...lease.Change) (b []byte) {
	for i := range cs {
		b = cs[i].AppendTo(b)
	}
	return b
}

// compare asks a view everything and compares with the oracle.
func compare(t *testing.T, v *View, all []lease.Change) {
	t.Helper()
	every := compareAddresses(t, v, all)
	for _, q := range queries() {
		var want []Record
		for _, r := range every {
			if q.matches(&r.Client) {
				want = append(want, r)
			}
		}
		slices.SortStableFunc(want, func(a, b Record) int { return cmp.Compare(a.From, b.From) })
		got, err := v.ByClient(q, 0, lease.Never)
		if err != nil {
			t.Fatal(err)
		}
		got = slices.DeleteFunc(got, func(r Record) bool { return !r.Prefix.IsNone() }) // the same hardware address in DHCPv6
		if !slices.EqualFunc(got, want, sameRecord) {
			t.Fatalf("%+v:\n got %+v\nwant %+v", q, got, want)
		}
	}
}

// compareAddresses returns all records that there should be.
func compareAddresses(t *testing.T, v *View, all []lease.Change) (every []Record) {
	t.Helper()
	for a := lease.IP4(0x0a000000); a < 0x0a000000+21; a++ {
		want := oracle(all, a)
		every = append(every, want...)
		got, err := v.ByAddress(a, 0, lease.Never)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, sameRecord) {
			t.Fatalf("%v:\n got %+v\nwant %+v", a, got, want)
		}
		for i, w := range want {
			if w.From == w.To || i+1 < len(want) && want[i+1].From == w.From {
				continue // over in the second in which it began
			}
			for _, at := range []lease.Time{w.From, w.From + (w.To-w.From)/2, w.To - 1} {
				if at < w.From {
					continue
				}
				r, ok, err := v.At(a, at)
				if err != nil || !ok || !sameRecord(r, w) {
					t.Fatalf("%v at %d: %+v, %v, %v, want %+v", a, at, r, ok, err, w)
				}
			}
		}
	}
	return every
}

func queries() (qs []Query) {
	for i := range byte(13) {
		hw := []byte{2, 0, 0, 0, 0, i}
		qs = append(qs, Query{HW: hw}, Query{ClientID: append([]byte{1}, hw...)}, Query{ClientID: []byte{0xff, 9, 9, i}})
	}
	for line := byte('a'); line < 'g'; line++ {
		qs = append(qs, Query{Circuit: []byte{'p', '/', line}}, Query{HW: []byte{2, 0, 0, 0, 0, 1}, Circuit: []byte{'p', '/', line}})
	}
	return append(qs, Query{Remote: []byte{'d', '1'}})
}
