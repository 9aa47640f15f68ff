// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"xdhcp/engine/journal/errfs"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/internal/invariants"
)

// life6 makes the changes of a few prefixes and clients, as a table would.
type life6 struct {
	rng  *rand.Rand
	now  lease.Time
	last map[lease6.Prefix]lease6.Change
	all  []lease6.Change
}

var firstHi = uint64(0x20010db8_00000000)

func (l *life6) change() lease6.Change {
	l.now += lease.Time(l.rng.IntN(30))
	p := lease6.AddrPrefix(lease6.IP6{Hi: firstHi, Lo: uint64(l.rng.IntN(10))})
	if l.rng.IntN(2) == 0 {
		n := uint8(55 + l.rng.IntN(3))
		p = lease6.PrefixFrom(lease6.IP6{Hi: firstHi | uint64(l.rng.IntN(12))<<7}, n)
	}
	old, have := l.last[p]
	leased := have && (old.Op == lease6.OpGrant || old.Op == lease6.OpRenew)
	c := old
	c.Version, c.At = old.Version+1, l.now
	switch n := l.rng.IntN(10); {
	case leased && old.Expires <= l.now:
		c.Op, c.Full = lease6.OpExpire, false
	case !leased || n == 9:
		c = l.grant(p, old.Version+1)
	case n < 6:
		c.Op, c.Expires = lease6.OpRenew, l.now+600
	case n == 6: // heard on another interface within its lease
		c.Op, c.Expires = lease6.OpGrant, l.now+600
		c.Client.InterfaceID = []byte{'i', byte('a' + l.rng.IntN(4))}
	case n == 7:
		c.Op, c.Full = lease6.OpRelease, false
	default:
		c.Op, c.Full, c.Expires = lease6.OpDecline, false, l.now+100
	}
	if c.Op == lease6.OpGrant && c.Start == old.Start && have && !bytes.Equal(c.Client.DUID, old.Client.DUID) {
		c.Start++ // two bindings never begin in the same second
		c.At++
	}
	l.last[p] = c
	l.all = append(l.all, c)
	return c
}

func (l *life6) grant(p lease6.Prefix, version uint32) lease6.Change {
	n := byte(l.rng.IntN(9))
	c := lease6.Change{Op: lease6.OpGrant, Full: true, Prefix: p, IA: lease6.IA{Type: lease6.NA, ID: uint32(n)}, Version: version,
		At: l.now, Start: l.now, Expires: l.now + 600, Preferred: l.now + 300, Scope: 3,
		Client: lease6.Client{DUID: []byte{0, 3, 0, 1, 2, n}, InterfaceID: []byte{'i', byte('a' + l.rng.IntN(4))}, Host: []byte("six")}}
	if n%2 == 0 {
		c.Client.LinkLayer = []byte{0, 1, 2, 0, 0, 0, 0, n}
		c.Client.RemoteID = []byte{0, 0, 0, 9, 'r', n % 4}
	}
	if n%3 == 0 {
		c.Client.SubscriberID = []byte{'s', n}
	}
	return c
}

// oracle6 works out the records of a prefix from the plain list of its changes.
func oracle6(all []lease6.Change, p lease6.Prefix) (rs []Record) {
	open := false
	for _, c := range all { // in the order of their versions
		if c.Prefix != p {
			continue
		}
		last := len(rs) - 1
		switch c.Op {
		case lease6.OpGrant:
			cl := Client{Scope: c.Scope, IA: c.IA, DUID: c.Client.DUID, InterfaceID: c.Client.InterfaceID, RemoteID: c.Client.RemoteID,
				SubscriberID: c.Client.SubscriberID, Host: c.Client.Host}
			if ll := c.Client.LinkLayer; len(ll) > 2 {
				cl.HType, cl.HW = ll[1], ll[2:]
			}
			if open && rs[last].Start == c.Start && equal6(rs[last].Client, cl) {
				rs[last].To, rs[last].Last = c.Expires, c.At
				continue
			}
			if open {
				rs[last].To, rs[last].Ended = min(rs[last].To, c.At), lease.OpGrant
			}
			rs = append(rs, Record{Prefix: p, From: c.At, To: c.Expires, Last: c.At, Start: c.Start, Known: true, Client: cl})
			open = true
		case lease6.OpRenew:
			rs[last].To, rs[last].Last = c.Expires, c.At
		default:
			if !open {
				continue
			}
			rs[last].Ended, rs[last].To = c.Op&^lease.OpV6, c.At
			if c.Op == lease6.OpExpire {
				rs[last].To = min(c.Expires, c.At)
			}
			open = false
		}
	}
	return rs
}

func equal6(a, b Client) bool {
	return equal(a, b) && a.IA == b.IA && bytes.Equal(a.DUID, b.DUID) && bytes.Equal(a.InterfaceID, b.InterfaceID) &&
		bytes.Equal(a.RemoteID, b.RemoteID) && bytes.Equal(a.SubscriberID, b.SubscriberID)
}

func sameRecord6(a, b Record) bool {
	return sameRecord(a, b) && a.Prefix == b.Prefix && equal6(a.Client, b.Client)
}

// byTime is the order of answers; equal times are in that of the prefixes.
func byTime(rs []Record) []Record {
	slices.SortStableFunc(rs, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.From, b.From), a.Prefix.IP6.Compare(b.Prefix.IP6), cmp.Compare(a.Prefix.Len, b.Prefix.Len), cmp.Compare(a.Start, b.Start))
	})
	return rs
}

// compare6 asks a view everything about DHCPv6 and compares with the oracle.
func compare6(t *testing.T, v *View, all []lease6.Change) {
	t.Helper()
	known := map[lease6.Prefix][]Record{}
	for _, c := range all {
		if known[c.Prefix] == nil {
			known[c.Prefix] = oracle6(all, c.Prefix)
		}
	}
	questions := []lease6.Prefix{
		{IP6: lease6.IP6{Hi: firstHi}, Len: 54}, {IP6: lease6.IP6{Hi: firstHi}, Len: 53}, {IP6: lease6.IP6{Hi: firstHi}, Len: 32},
		{IP6: lease6.IP6{Hi: firstHi | 1<<8}, Len: 64}, {IP6: lease6.IP6{Hi: firstHi | 0x180, Lo: 5}, Len: 128}, {},
		{IP6: lease6.IP6{Hi: firstHi, Lo: 4}, Len: 126}, {IP6: lease6.IP6{Hi: 1}, Len: 128},
	}
	for p := range known {
		questions = append(questions, p)
	}
	for _, q := range questions {
		var want []Record
		for p, rs := range known {
			if p.Overlaps(q) {
				want = append(want, rs...)
			}
		}
		got, err := v.ByPrefix(q, 0, lease.Never)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := byTime(got), byTime(want); !slices.EqualFunc(got, want, sameRecord6) {
			t.Fatalf("%v:\n got %+v\nwant %+v", q, got, want)
		}
	}
	for n := range byte(10) {
		for _, q := range []Query{{DUID: []byte{0, 3, 0, 1, 2, n}}, {HW: []byte{2, 0, 0, 0, 0, n}}, {RemoteID: []byte{0, 0, 0, 9, 'r', n}},
			{SubscriberID: []byte{'s', n}}, {InterfaceID: []byte{'i', 'a' + n}}, {DUID: []byte{0, 3, 0, 1, 2, n}, InterfaceID: []byte("ia")}} {
			var want []Record
			for _, rs := range known {
				for _, r := range rs {
					if q.matches(&r.Client) {
						want = append(want, r)
					}
				}
			}
			got, err := v.ByClient(q, 0, lease.Never)
			if err != nil {
				t.Fatal(err)
			}
			got = slices.DeleteFunc(got, func(r Record) bool { return r.Prefix.IsNone() }) // the same hardware address in IPv4
			if got, want := byTime(got), byTime(want); !slices.EqualFunc(got, want, sameRecord6) {
				t.Fatalf("%+v:\n got %+v\nwant %+v", q, got, want)
			}
		}
	}
}

// Both families in the same runs, merged or not or still in the log: the answers are those
// of the plain lists.
func TestBothFamilies(t *testing.T) {
	seeds := uint64(4)
	if invariants.Enabled {
		seeds = 1 // the race detector makes it slow
	}
	for seed := range seeds {
		fs := errfs.New()
		s, err := Open(fs, Options{MaxBytes: 1 << 30})
		if err != nil {
			t.Fatal(err)
		}
		l := newLife(seed)
		six := &life6{rng: rand.New(rand.NewPCG(seed, 3)), now: begin, last: map[lease6.Prefix]lease6.Change{}}
		stretch := func() (recs [][]byte) {
			if seed%2 == 1 || l.rng.IntN(3) > 0 { // some runs have only one family
				for _, c := range l.stretch(1 + l.rng.IntN(20)) {
					recs = append(recs, encode(c))
				}
			}
			if l.rng.IntN(4) > 0 {
				for range 1 + l.rng.IntN(30) {
					c := six.change()
					recs = append(recs, c.AppendTo(nil))
				}
			}
			for i := 1; i < len(recs); i++ {
				if l.rng.IntN(6) == 0 {
					recs[i-1], recs[i] = recs[i], recs[i-1]
				}
			}
			return recs
		}
		for seq := uint64(1); seq <= 40; seq++ {
			var b Builder
			for _, rec := range stretch() {
				b.Add(rec)
			}
			if err := s.Add(&b, Position{Seq: seq}); err != nil {
				t.Fatal(err)
			}
			if seq%9 == 0 {
				if err := s.Maintain(context.Background(), begin); err != nil {
					t.Fatal(err)
				}
			}
			if seq%20 == 0 {
				v := openView(t, fs)
				compare(t, v, l.all)
				compare6(t, v, six.all)
				v.Close()
			}
		}
		if problems, err := Verify(fs); err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
		v := openView(t, fs)
		for range 3 {
			v.AddTail(bytes.Join(stretch(), nil))
		}
		compare(t, v, l.all)
		compare6(t, v, six.all)
		v.Close()
	}
}
