// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newTable(t *testing.T, o Options, l Layout) *Table {
	t.Helper()
	tab, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.Reconfigure(l); err != nil {
		t.Fatal(err)
	}
	return tab
}

// Every address of odd ranges is served to some client, once; then the pool is
// full. A reload that adds addresses serves those, and after all leases have
// ended other clients get every address again.
func TestEveryAddressIsReachable(t *testing.T) {
	ranges := []Range{
		{ip("10.0.0.250"), ip("10.0.3.3")},
		{ip("10.1.0.0"), ip("10.1.7.255")}, // whole blocks
		{ip("10.15.255.255"), ip("10.16.0.0")},
		{ip("255.255.255.254"), ip("255.255.255.255")},
	}
	tab := newTable(t, Options{Shards: 64, PerShard: 1}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: ranges}}})
	b := NewBatch(1)
	has := map[IP4]uint32{}
	next := uint32(0)
	fill := func(want int) {
		t.Helper()
		r := &Request{Scope: 1, Pools: []PoolID{0}}
		for {
			subscriber(r, next)
			a, out := tab.Offer(r, 10, 1000)
			if out == Full {
				break
			}
			if other, taken := has[a]; taken {
				t.Fatalf("client %d is offered %v, which client %d has", next, a, other)
			}
			if out, _ := tab.Commit(r, a, 100, 1000, b); out != OK {
				t.Fatal(out)
			}
			has[a] = next
			next++
		}
		if len(has) != want {
			t.Errorf("%d addresses served, want %d", len(has), want)
		}
	}
	fill(6 + 2*256 + 4 + 8*256 + 2 + 2) // range by range: .250 to .255, two blocks, .0 to .3; …
	sound(t, tab)

	// Two thousand are in use when the pool grows by a block and a bit.
	ranges = append(ranges, Range{ip("10.3.0.0"), ip("10.3.1.9")})
	if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: ranges}}}); err != nil {
		t.Fatal(err)
	}
	fill(len(has) + 266)
	sound(t, tab)
	if st := tab.PoolStats()[0]; st.Size != uint64(len(has)) || st.Bound != st.Size || st.Free != 0 {
		t.Errorf("%+v, all of %d should be bound", st, len(has))
	}

	for tab.Expire(1100, 1000, b) == 1000 {
	}
	all := len(has)
	clear(has)
	fill(all)
	sound(t, tab)
	if st := tab.Stats(); st.Steals == 0 {
		t.Error("64 shards, and no address ever went from one to another")
	}
}

// What the table does not keep, and what it refuses.
func TestBounds(t *testing.T) {
	lay := Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.0.1"), ip("10.0.0.9")}}}}}
	long := bytes.Repeat([]byte{7}, 300)
	b := NewBatch(1)
	ok := Client{Kind: KindClientID, HType: 1, HW: long[:16], ID: long[:255], ClientID: long[:255], Relay: long[:255], Host: long[:64]}
	for _, tt := range []struct {
		name   string
		mutate func(*Client)
		out    Outcome
		want   Entry // lengths of what is kept
	}{
		{"as long as possible", func(c *Client) {}, OK, Entry{HW: long[:16], ID: long[:255], ClientID: long[:255], Relay: long[:255], Host: long[:63]}},
		{"client-id too long to keep", func(c *Client) { c.Kind, c.ClientID = KindCircuit, long[:256] }, OK,
			Entry{HW: long[:16], ID: long[:255], Relay: long[:255], Host: long[:63]}},
		{"relay information too long to keep", func(c *Client) { c.Relay = long[:256] }, OK,
			Entry{HW: long[:16], ID: long[:255], ClientID: long[:255], Host: long[:63]}},
		{"nothing but the id", func(c *Client) { *c = Client{Kind: KindRemote, ID: long[:1]} }, OK, Entry{ID: long[:1]}},
		{"no id", func(c *Client) { c.ID = nil }, BadClient, Entry{}},
		{"id too long", func(c *Client) { c.ID = long[:256] }, BadClient, Entry{}},
		{"hardware address too long", func(c *Client) { c.HW = long[:17] }, BadClient, Entry{}},
		{"no kind", func(c *Client) { c.Kind = 0 }, BadClient, Entry{}},
		{"unknown kind", func(c *Client) { c.Kind = KindCircuitRemote + 1 }, BadClient, Entry{}},
	} {
		tab := newTable(t, Options{Shards: 2}, lay)
		c := ok
		tt.mutate(&c)
		r := &Request{Scope: 1, Pools: []PoolID{0}, Client: c}
		a, out := tab.Offer(r, 10, 1000)
		if out != tt.out {
			t.Errorf("%s: offer: %v, want %v", tt.name, out, tt.out)
		}
		if out != OK {
			a = ip("10.0.0.9")
			if got, _ := tab.Commit(r, a, 10, 1000, b); got != out {
				t.Errorf("%s: commit: %v", tt.name, got)
			}
			if got := tab.Release(1, &c, a, 1000, b); got != out {
				t.Errorf("%s: release: %v", tt.name, got)
			}
			if got := tab.Decline(1, &c, a, 10, 1000, b); got != out {
				t.Errorf("%s: decline: %v", tt.name, got)
			}
			tab.Withdraw(1, &c, 1000)
			tab.Fetch(tab.Expect(1, &c, a))
			tab.Aim(1, &c).Expect()
			if _, ok := tab.Find(1, &c, 1000); ok {
				t.Errorf("%s: found", tt.name)
			}
			continue
		}
		tab.Fetch(tab.Expect(1, &c, 0))
		if h := tab.Aim(1, &c); h != tab.Expect(1, &c, 0) {
			t.Errorf("%s: Aim at %v", tt.name, h)
		} else {
			h.Expect()
			tab.Fetch(h)
		}
		if out, _ := tab.Commit(r, a, 1000, 1000, b); out != OK {
			t.Errorf("%s: commit: %v", tt.name, out)
		}
		var e Entry
		if !tab.Lookup(a, &e) {
			t.Errorf("%s: no record", tt.name)
		}
		e = Entry{HW: e.HW, ID: e.ID, ClientID: e.ClientID, Relay: e.Relay, Host: e.Host}
		if diff := cmp.Diff(tt.want, e, cmp.Comparer(bytes.Equal), cmp.AllowUnexported(Entry{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.name, diff)
		}
		if out := tab.Release(1, &c, a, 1000, b); out != OK {
			t.Errorf("%s: release: %v", tt.name, out)
		}
		sound(t, tab)
	}
	tab := newTable(t, Options{}, lay)
	var e Entry
	if tab.Lookup(ip("10.9.9.9"), &e) || tab.Lookup(ip("10.0.0.77"), &e) {
		t.Error("an address that was never touched has a record")
	}
}

// A retransmission is recognised whatever the client's data look like.
func TestRetransmissionOfAnyClient(t *testing.T) {
	tab := newTable(t, Options{Shards: 2}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{ip("10.0.0.1"), ip("10.0.0.200")}}}}})
	b := NewBatch(1)
	now := Time(1000)
	for n := range 9 {
		for variant := range 6 {
			r := &Request{Scope: 1, Pools: []PoolID{0}, Client: client(who{1, n}, variant)}
			a, out := tab.Offer(r, 10, now)
			if out != OK {
				t.Fatal(out)
			}
			b.Reset()
			for range 3 {
				if out, g := tab.Commit(r, a, 1000, now, b); out != OK || g.Ticket != b.Ticket() {
					t.Fatal(out, g)
				}
			}
			if b.Len() != 1 {
				t.Errorf("client %d, variant %d: %d changes for one REQUEST that came three times", n, variant, b.Len())
			}
			// A unicast renewal: no option 82, and as it happens no host name.
			c := r.Client
			r.Client.Relay, r.Client.Host = nil, nil
			now += 500
			tab.Commit(r, a, 1000, now, b)
			tab.Release(1, &c, a, now, b)
			var ops []Op
			b.Each(func(rec []byte) {
				c, err := ParseChange(rec)
				if err != nil {
					t.Fatal(err)
				}
				ops = append(ops, c.Op)
			})
			if diff := cmp.Diff([]Op{OpGrant, OpRenew, OpRelease}, ops); diff != "" {
				t.Errorf("client %d, variant %d: %s", n, variant, diff)
			}
			var e Entry
			if !tab.Lookup(a, &e) || len(c.Relay) > 0 && !bytes.Equal(e.Relay, c.Relay) || len(c.Host) > 0 && !bytes.Equal(e.Host, c.Host) {
				t.Errorf("client %d, variant %d: relay %q, host %q are remembered", n, variant, e.Relay, e.Host)
			}
		}
	}
}

func TestOptions(t *testing.T) {
	for _, n := range []int{-1, 3, 8192} {
		if _, err := New(Options{Shards: n}); err != ErrShards {
			t.Errorf("%d shards: %v", n, err)
		}
	}
	if _, err := New(Options{PerShard: -1}); err != ErrPerShard {
		t.Errorf("-1 addresses per shard: %v", err)
	}
	tab, err := New(Options{})
	if err != nil || tab.Shards() != 256 {
		t.Errorf("%d shards by default, %v", tab.Shards(), err)
	}
	if err := tab.Reconfigure(Layout{Pools: make([]Pool, MaxPools+1)}); err != ErrTooManyPools {
		t.Errorf("too many pools: %v", err)
	}
}

// A small scope lives in one shard, a large one in all.
func TestSpread(t *testing.T) {
	tab := newTable(t, Options{}, Layout{Pools: []Pool{
		{Scope: 1, Name: "small", Ranges: []Range{{ip("10.0.0.1"), ip("10.0.0.254")}}},
		{Scope: 2, Name: "some", Ranges: []Range{{ip("10.1.0.0"), ip("10.1.15.255")}}},
		{Scope: 3, Name: "large", Ranges: []Range{{ip("11.0.0.0"), ip("11.255.255.255")}}},
		{Scope: 4, Name: "none"},
	}, Reserved: []Reserved{{ip("10.9.0.1"), 5}}})
	for id, want := range map[ScopeID]uint16{1: 0, 2: 15, 3: 255, 4: 0, 5: 0} {
		sp, ok := tab.scopes.Load().get(id)
		if !ok || sp.mask != want {
			t.Errorf("scope %d uses %d shards, want %d", id, sp.mask+1, want+1)
		}
	}
	// A scope stays where it is, whatever its size becomes.
	if err := tab.Reconfigure(Layout{Pools: []Pool{{Scope: 1, Name: "small", Ranges: []Range{{ip("10.0.0.1"), ip("10.9.0.254")}}}}}); err != nil {
		t.Fatal(err)
	}
	if sp, ok := tab.scopes.Load().get(1); !ok || sp.mask != 0 {
		t.Errorf("scope 1 uses %d shards now", sp.mask+1)
	}
	// A scope that only the log knows uses all.
	c := Change{Op: OpGrant, Addr: 5, Version: 1, Expires: 10, Full: true, Scope: 77, Kind: KindHW, HType: 1, HW: hwA, ID: idA}
	replay(t, tab, c.AppendTo(nil))
	if sp, ok := tab.scopes.Load().get(77); !ok || sp.mask != 255 {
		t.Errorf("the log's scope uses %d shards", sp.mask+1)
	}
	sound(t, tab)
}

// After a replay in any order, what has been free for the longest goes out first.
func TestSettle(t *testing.T) {
	tab := newTable(t, Options{Shards: 2}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{1, 5}}}}})
	for i, freed := range []Time{400, 100, 500, 200, 300} {
		r := &Request{}
		subscriber(r, uint32(i))
		c := Change{Op: OpRelease, Addr: IP4(1 + i), Version: 7, At: freed, Expires: freed, Full: true,
			Scope: 1, Kind: KindHW, HType: 1, HW: r.Client.HW, ID: r.Client.ID}
		replay(t, tab, c.AppendTo(nil))
	}
	tab.Settle()
	sound(t, tab)
	var got []IP4
	for i := range uint32(5) {
		r := &Request{Scope: 1, Pools: []PoolID{0}}
		subscriber(r, 100+i)
		a, _ := tab.Offer(r, 10, 1000)
		got = append(got, a)
	}
	if diff := cmp.Diff([]IP4{2, 4, 5, 1, 3}, got); diff != "" {
		t.Error(diff)
	}
}

// A renewal without its grant changes nothing, and is reported.
func TestApplyRenewOfNothing(t *testing.T) {
	tab := newTable(t, Options{Shards: 2}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{1, 5}}}}})
	renew := Change{Op: OpRenew, Addr: 3, Version: 2, At: 20, Expires: 50, Start: 10}
	grant := Change{Op: OpGrant, Addr: 3, Version: 1, At: 10, Expires: 40, Start: 10, Scope: 1, Kind: KindHW, HType: 1, HW: hwA, ID: idA}
	other := grant
	other.Start = 11
	for _, tt := range []struct {
		name string
		recs []Change
		want error
	}{
		{"no record", []Change{renew}, ErrNoBinding},
		{"another binding", []Change{other, renew}, ErrNoBinding},
		{"outside of all pools", []Change{{Op: OpRenew, Addr: 99, Version: 1}}, ErrNoBinding},
		{"a record that is free", []Change{{Op: OpRelease, Addr: 3, Version: 1}, renew}, ErrNoBinding},
		{"its binding", []Change{grant, renew}, nil},
		{"old news", []Change{grant, renew, renew, grant}, nil},
	} {
		var err error
		tab := newTable(t, Options{Shards: 2}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{1, 5}}}}})
		for _, c := range tt.recs {
			err = tab.Apply(c.AppendTo(nil))
		}
		if err != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		sound(t, tab)
	}
	if err := tab.Apply([]byte("nonsense")); err != ErrShort {
		t.Errorf("nonsense: %v", err)
	}
}

// Each stops when it is told to.
func TestEachStops(t *testing.T) {
	tab := newTable(t, Options{Shards: 4, PerShard: 1}, Layout{Pools: []Pool{{Scope: 1, Name: "a", Ranges: []Range{{1, 300}}}}})
	r := &Request{Scope: 1, Pools: []PoolID{0}}
	for i := range uint32(300) {
		subscriber(r, i)
		if _, out := tab.Offer(r, 10, 1); out != OK {
			t.Fatal(out)
		}
	}
	for _, stop := range []int{1, 31, 32, 33, 299} {
		n := 0
		tab.Each(func(*Entry) bool { n++; return n < stop })
		if n != stop {
			t.Errorf("told to stop after %d, saw %d", stop, n)
		}
	}
	n := 0
	tab.Each(func(*Entry) bool { n++; return true })
	if n != 300 {
		t.Errorf("saw %d of 300", n)
	}
}

// Every name is a name of its own.
func TestNames(t *testing.T) {
	check := func(kind string, names ...string) {
		t.Helper()
		seen := map[string]bool{}
		for _, n := range names {
			if n == "" || seen[n] {
				t.Errorf("%s %q twice or empty in %s", kind, n, strings.Join(names, " "))
			}
			seen[n] = true
		}
	}
	check("kind", Kind(0).String(), KindHW.String(), KindClientID.String(), KindCircuit.String(), KindRemote.String(), KindCircuitRemote.String())
	check("op", Op(0).String(), OpGrant.String(), OpRenew.String(), OpRelease.String(), OpDecline.String(), OpExpire.String())
	check("status", Status(99).String(), None.String(), Offered.String(), Bound.String(), Expired.String(), Released.String(), Declined.String())
	check("outcome", Outcome(99).String(), OK.String(), Full.String(), NotYours.String(), Taken.String(), Unknown.String(), BadClient.String(), Busy.String())
	if a := IP4From([]byte{192, 0, 2, 1, 9}); a.String() != "192.0.2.1" || a.As4() != [4]byte{192, 0, 2, 1} {
		t.Errorf("192.0.2.1 is %v, %v", a, a.As4())
	}
}
