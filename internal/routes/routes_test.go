// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/internal/nettest"
)

type fakeLeases map[lease6.Prefix]*lease6.Entry

func (f fakeLeases) Lookup(p lease6.Prefix, e *lease6.Entry) bool {
	if f[p] == nil {
		return false
	}
	*e = *f[p]
	return true
}

func (f fakeLeases) Each(fn func(*lease6.Entry) bool) bool {
	for _, e := range f {
		if !fn(e) {
			return false
		}
	}
	return true
}

func prefix(s string) lease6.Prefix {
	p := netip.MustParsePrefix(s)
	a := p.Addr().As16()
	return lease6.PrefixFrom(lease6.IP6From(a[:]), uint8(p.Bits()))
}

// give leases a prefix by a next hop; "" is nobody's.
func (f fakeLeases) give(p, via string) lease6.Prefix {
	q := prefix(p)
	e := &lease6.Entry{Prefix: q, Status: lease.Bound, IA: lease6.IA{Type: lease6.PD, ID: 1}, Scope: 7}
	if via != "" {
		e.Peer = netip.MustParseAddr(via).AsSlice()
	}
	f[q] = e
	return q
}

// shown is what another program sees: ip(8).
func shown(t *testing.T, end *nettest.End) []string {
	t.Helper()
	out, err := end.Command("ip", "-6", "route", "show", "proto", fmt.Sprint(Protocol)).CombinedOutput()
	if err != nil {
		t.Fatalf("ip route: %v\n%s", err, out)
	}
	var routes []string
	for l := range strings.Lines(string(out)) {
		routes = append(routes, strings.TrimSpace(strings.ReplaceAll(l, " pref medium", "")))
	}
	slices.Sort(routes)
	return routes
}

func TestRoutesFollowLeases(t *testing.T) {
	p := nettest.Veth(t, nettest.ServerAddr("2001:db8::1/64"), nettest.IPv6())
	end := p.Server
	leases := fakeLeases{}
	link := end.Index
	open := func(o Options) (k *Keeper) {
		t.Helper()
		var err error
		end.Do(func() { k, err = New(leases, o) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(k.Close)
		return k
	}
	o := Options{Metric: 2048, Link: func(s lease.ScopeID) (int, bool) { return link, s == 7 && link != 0 }}
	k := open(o)
	want := func(what string, routes ...string) {
		t.Helper()
		slices.Sort(routes)
		if got := shown(t, end); !slices.Equal(got, routes) {
			t.Errorf("%s:\n got %q\nwant %q", what, got, routes)
		}
		if k.Count() != len(routes) {
			t.Errorf("%s: %d are counted", what, k.Count())
		}
	}
	direct := "2001:db8:1000::/56 via fe80::9 dev " + end.Name + " metric 2048"
	relayed := "2001:db8:2000::/56 via 2001:db8::99 dev " + end.Name + " metric 2048"

	one := leases.give("2001:db8:1000::/56", "fe80::9")
	leases.give("2001:db8::5/128", "fe80::9") // an address: no route
	if err := k.Sync(); err != nil {
		t.Fatal(err)
	}
	want("what was leased before the start", direct)
	two := leases.give("2001:db8:2000::/56", "2001:db8::99")
	k.Changed(two)
	k.Changed(prefix("2001:db8::5/128"))
	want("a prefix by a relay agent", direct, relayed)
	leases.give("2001:db8:1000::/56", "fe80::8")
	k.Changed(one)
	want("a client that has moved", strings.Replace(direct, "fe80::9", "fe80::8", 1), relayed)
	leases[two].Status = lease.Released
	k.Changed(two)
	want("a prefix that was given back", strings.Replace(direct, "fe80::9", "fe80::8", 1))

	// What goes wrong is said, and tried again.
	link = 0
	three := leases.give("2001:db8:3000::/56", "fe80::7")
	k.Changed(three)
	k.Changed(leases.give("2001:db8:4000::/56", ""))
	if err := k.Err(); err == nil || !strings.Contains(err.Error(), "2001:db8:4000::/56") {
		t.Errorf("no way to the client: %v", err)
	}
	delete(leases, prefix("2001:db8:4000::/56"))
	link = end.Index
	k.Retry()
	if err := k.Err(); err != nil {
		t.Error(err)
	}
	delete(leases, three)
	k.Changed(three)

	// After a restart: one lease is over, one is new; another metric.
	delete(leases, one)
	leases.give("2001:db8:2000::/56", "2001:db8::99")
	k = open(o)
	if err := k.Sync(); err != nil {
		t.Fatal(err)
	}
	want("after a restart", relayed)
	o.Metric = 100
	k = open(o)
	if err := k.Sync(); err != nil {
		t.Fatal(err)
	}
	want("with another metric", strings.Replace(relayed, "2048", "100", 1))
	// Somebody else's routes are not ours.
	if out, err := end.Command("ip", "-6", "route", "add", "2001:db8:5000::/56", "via", "2001:db8::98").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	clear(leases)
	if err := k.Sync(); err != nil {
		t.Fatal(err)
	}
	want("with no lease")
	if out, _ := end.Command("ip", "-6", "route", "show", "2001:db8:5000::/56").CombinedOutput(); !strings.Contains(string(out), "via 2001:db8::98") {
		t.Errorf("another's route is now %q", out)
	}
}
