// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

const zone6 = "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"

func ip6(s string) lease6.Prefix { return prefixOf(netip.MustParseAddr(s)) }

func pointer6(s string) string {
	name, err := dns.ReverseAddr(s)
	if err != nil {
		panic(err)
	}
	return name
}

func duid6(n byte) []byte { return []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, n} }

// grant6 binds a lease of the pools to a client under a name.
func (r *rig) grant6(duid []byte, ia lease6.IA, addr, host string) {
	r.t.Helper()
	p, pool := ip6(addr), lease.PoolID(0)
	if ia.Type == lease6.PD {
		p, pool = lease6.PrefixFrom(p.IP6, 56), 1
	}
	q := &lease6.Request{Client: lease6.Client{DUID: duid, Host: []byte(host)}, IA: ia, Scope: 1, Pools: []lease.PoolID{pool}}
	if _, out := r.six.Commit(q, p, hour/2, hour, r.clock(), r.batch); out != lease.OK {
		r.t.Fatalf("grant %s to %x: %v", addr, duid, out)
	}
	r.flush()
}

func (r *rig) release6(duid []byte, ia lease6.IA, addr string) {
	r.t.Helper()
	if out := r.six.Release(1, duid, ia, ip6(addr), r.clock(), r.batch); out != lease.OK {
		r.t.Fatalf("release %s: %v", addr, out)
	}
	r.flush()
}

var na1 = lease6.IA{Type: lease6.NA, ID: 1}

// RFC 4703 §5.3.1 with AAAA, §5.4 in ip6.arpa, §5.5 on a release and when a lease runs out.
func TestRFC4703_DHCPv6GrantAndEnd(t *testing.T) {
	r := newRig(t)
	for _, end := range []func(){
		func() { r.release6(duid6(1), na1, "2001:db8::10") },
		func() {
			r.wait(hour)
			r.six.Expire(r.clock(), 1000, r.batch)
			r.flush()
		},
		func() {
			if out := r.six.Decline(1, duid6(1), na1, ip6("2001:db8::10"), 60, r.clock(), r.batch); out != lease.OK {
				t.Fatal(out)
			}
			r.flush()
		},
	} {
		r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net.")
		r.want("pc.example.net.", "AAAA 2001:db8::10", "DHCID")
		r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
		r.idle()
		end()
		r.want("pc.example.net.")
		r.want(pointer6("2001:db8::10"))
		r.idle()
	}
	if st := r.u.Stats(); st.Added != 3 || st.Removed != 3 || st.Failures != 0 || st.Conflicts != 0 {
		t.Errorf("%+v", st)
	}
}

// RFC 4703 §5.3.2: "Adds of the AAAA RRs that match the DHCP bindings". A client's addresses, of one IA or of
// several, are under its name together, and each leaves it by itself.
func TestRFC4703_5_3_2_SeveralAddresses(t *testing.T) {
	r := newRig(t)
	r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net.")
	r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
	r.grant6(duid6(1), na1, "2001:db8::11", "pc.example.net.")
	r.want("pc.example.net.", "AAAA 2001:db8::10", "AAAA 2001:db8::11", "DHCID")
	r.grant6(duid6(1), lease6.IA{Type: lease6.NA, ID: 2}, "2001:db8::12", "pc.example.net.")
	r.want(pointer6("2001:db8::12"), "DHCID", "PTR pc.example.net.")
	r.release6(duid6(1), na1, "2001:db8::11")
	r.want(pointer6("2001:db8::11"))
	r.want("pc.example.net.", "AAAA 2001:db8::10", "AAAA 2001:db8::12", "DHCID")
	r.release6(duid6(1), na1, "2001:db8::10")
	r.release6(duid6(1), lease6.IA{Type: lease6.NA, ID: 2}, "2001:db8::12")
	r.want("pc.example.net.")
}

// RFC 4703 §5.3.3: a name that another client has stays that one's, whatever the family of either.
func TestRFC4703_5_3_3_InUseByAnotherFamily(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "four.example.net.")
	r.grant6(duid6(1), na1, "2001:db8::10", "six.example.net.")
	r.want(pointer10, "DHCID", "PTR four.example.net.")
	r.want(pointer6("2001:db8::10"), "DHCID", "PTR six.example.net.")
	r.grant6(duid6(2), na1, "2001:db8::11", "six.example.net.")
	r.grant6(duid6(3), na1, "2001:db8::12", "four.example.net.")
	r.grant(2, "192.0.2.11", "six.example.net.")
	eventually(t, "three conflicts", func() bool { return r.u.Stats().Conflicts == 3 })
	r.idle()
	r.want("six.example.net.", "AAAA 2001:db8::10", "DHCID")
	r.want("four.example.net.", "A 192.0.2.10", "DHCID")
	r.want(pointer6("2001:db8::11"))
}

// RFC 4703 §5.2, RFC 4361: a client that is known by its DUID in both families has its A and its AAAA under one
// name. RFC 4703 §5.5: the name is removed with the last of them.
func TestRFC4703_5_2_OneClientInBothFamilies(t *testing.T) {
	for _, first := range []string{"A", "AAAA"} {
		r := newRig(t)
		hw := []byte{2, 0, 0, 0, 0, 9}
		c := lease.Client{Kind: lease.KindClientID, HType: 1, HW: hw, ClientID: slices.Concat([]byte{255, 0, 0, 0, 1}, duid6(1)), Host: []byte("pc.example.net.")}
		c.ID = c.ClientID
		four := func() {
			out, _ := r.table.Commit(&lease.Request{Client: c, Scope: 1, Pools: []lease.PoolID{0}}, ip("192.0.2.10"), hour, r.clock(), r.batch)
			if out != lease.OK {
				t.Fatal(out)
			}
			r.flush()
			r.want(pointer10, "DHCID", "PTR pc.example.net.")
		}
		six := func() {
			r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net.")
			r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
		}
		if first == "A" {
			four()
			six()
		} else {
			six()
			four()
		}
		r.want("pc.example.net.", "A 192.0.2.10", "AAAA 2001:db8::10", "DHCID")
		if first == "A" {
			r.release6(duid6(1), na1, "2001:db8::10")
			r.want("pc.example.net.", "A 192.0.2.10", "DHCID")
		} else {
			if out := r.table.Release(1, &c, ip("192.0.2.10"), r.clock(), r.batch); out != lease.OK {
				t.Fatal(out)
			}
			r.flush()
			r.want("pc.example.net.", "AAAA 2001:db8::10", "DHCID")
		}
		r.stop()
	}
}

// RFC 4704 §6.1: where the client does the AAAA record's update, the server does the pointer's alone.
func TestRFC4704_6_1_OnlyThePointer(t *testing.T) {
	r := newRig(t)
	r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net")
	r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
	r.want("pc.example.net.")
	r.release6(duid6(1), na1, "2001:db8::10")
	r.want(pointer6("2001:db8::10"))
}

// Delegated prefixes and temporary addresses have no names.
func TestOnlyAddressesHaveNames(t *testing.T) {
	r := newRig(t)
	ta := lease6.IA{Type: lease6.TA, ID: 1}
	r.grant6(duid6(1), lease6.IA{Type: lease6.PD, ID: 1}, "2001:db8:1::", "pc.example.net.")
	r.grant6(duid6(1), ta, "2001:db8::10", "pc.example.net.")
	r.release6(duid6(1), ta, "2001:db8::10")
	r.feed <- nil // and the walk finds none
	eventually(t, "a walk", func() bool { return r.u.Stats().Walks == 2 })
	r.idle()
	if updates, queries := r.dns.counts(); updates != 0 || queries != 0 {
		t.Errorf("%d updates, %d queries", updates, queries)
	}
}

// A restart asks once for each name of IPv6 as well, and finishes what was left.
func TestRestartWithDHCPv6(t *testing.T) {
	r := newRig(t)
	r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net.")
	r.grant6(duid6(2), na1, "2001:db8::11", "two.example.net.")
	r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
	r.want(pointer6("2001:db8::11"), "DHCID", "PTR two.example.net.")
	r.idle()
	r.stop()
	r.release6(duid6(1), na1, "2001:db8::10") // nobody follows
	r.grant6(duid6(3), na1, "2001:db8::12", "three.example.net.")
	updates, _ := r.dns.counts()
	r.start()
	r.want(pointer6("2001:db8::10"))
	r.want("pc.example.net.")
	r.want(pointer6("2001:db8::12"), "DHCID", "PTR three.example.net.")
	r.idle()
	if u, _ := r.dns.counts(); u-updates != 5 {
		t.Errorf("%d updates", u-updates)
	}
}

// RFC 2136 §2.1: "An update transaction may be carried in a UDP datagram, if the request fits, or in a TCP
// connection". What has long names does not fit.
func TestRFC2136_2_1_LongNamesGoOverTCP(t *testing.T) {
	r := newRig(t)
	r.grant6(duid6(1), na1, "2001:db8::10", "pc.example.net.")
	r.want(pointer6("2001:db8::10"), "DHCID", "PTR pc.example.net.")
	r.idle()
	if n := r.dns.tcpMessages(); n != 0 {
		t.Errorf("%d messages over TCP for a short name", n)
	}
	r.dns.overTCP()
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 48) + ".example.net."
	r.grant6(duid6(2), na1, "2001:db8::11", long)
	r.want(long, "AAAA 2001:db8::11", "DHCID")
	r.want(pointer6("2001:db8::11"), "DHCID", "PTR "+long)
	r.release6(duid6(2), na1, "2001:db8::11")
	r.want(long)
	r.idle()
	if n := r.dns.tcpMessages(); n == 0 || r.u.Stats().Failures != 0 {
		t.Errorf("%d messages over TCP, %+v", n, r.u.Stats())
	}
}

// The set of addresses, of both families.
func TestAddrSet(t *testing.T) {
	var s addrSet
	var in []netip.Addr
	for _, a := range []string{"192.0.2.0", "192.0.2.63", "192.0.2.64", "192.0.2.255", "192.0.3.0", "0.0.0.0", "255.255.255.255", "2001:db8::", "2001:db8::1", "::ffff:192.0.2.0"} {
		in = append(in, netip.MustParseAddr(a))
	}
	for i, a := range in {
		if s.has(a) {
			t.Errorf("%v is there", a)
		}
		s.add(a)
		for k, b := range in {
			if s.has(b) != (k <= i) {
				t.Errorf("after %v: %v is there: %v", a, b, s.has(b))
			}
		}
	}
	var out []netip.Addr
	s.each(func(a netip.Addr) bool { out = append(out, a); return true })
	slices.SortFunc(out, netip.Addr.Compare)
	slices.SortFunc(in, netip.Addr.Compare)
	if !slices.Equal(in, out) {
		t.Errorf("%v, want %v", out, in)
	}
	for _, a := range in {
		if s.del(a); s.has(a) {
			t.Errorf("%v is there still", a)
		}
	}
	if len(s.v4)+len(s.v6) != 0 {
		t.Errorf("%d and %d are left", len(s.v4), len(s.v6))
	}
}
