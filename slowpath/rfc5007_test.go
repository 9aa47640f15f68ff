// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// A leasequery about an address, from frame to frame with the real exchange, read by
// another library: RFC 5007 §4.1.1 and §4.4.
func TestRFC5007_4_4_OnTheWire(t *testing.T) {
	n := netip.MustParsePrefix
	p, err := policy6.Build(policy6.Spec{
		ServerID: serverID6,
		Ports:    []policy6.PortSpec{{Name: "eth1", MAC: [6]byte(portMAC), Addrs: []netip.Prefix{n("2001:db8::1/64"), n("fe80::aa:1/64")}}},
		Options:  []policy6.Option{{Code: 24, Data: []byte("\x07example\x03net\x00")}},
		Subnets: []policy6.SubnetSpec{{
			Prefix: n("2001:db8::/64"), Times: policy6.Times{Preferred: 3600, Valid: 7200},
			Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n("2001:db8:0:0:1::/80"))}}},
		}},
		LeaseQuery: policy6.LeaseQuerySpec{Allow: []netip.Prefix{n("2001:db8:7::/64")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	table, err := lease6.New(lease6.Options{Shards: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	c := NewCodec6(&exchange6.Server{Table: table})
	batch := lease.NewBatch(1)
	var r Reply
	send := func(e envelope, m []byte, at lease.Time) {
		c.Answer(p, e.wrap6(t, m), 0, at, batch, &r)
	}
	addr := "2001:db8::1:0:0:42"
	send(fromClient6(), msg6(3, opt6(1, clientID6...), opt6(2, serverID6...), iana(1, iaaddr(addr))), now)
	if r.Verdict != frame.Await {
		t.Fatalf("no lease: %v", r.Reason)
	}

	asker := fromClient6()
	asker.from, asker.to, asker.dst = net.ParseIP("2001:db8:7::1"), server6, portMAC
	query := func(typ byte, options ...[]byte) []byte {
		return msg6(14, opt6(1, []byte("requestor")...), opt6(44, cat([]byte{typ}, make([]byte, 16), cat(options...))...))
	}
	send(asker, query(1, iaaddr(addr), opt6(6, 0, 24)), now+60)
	if r.Verdict != frame.Await || r.Wait != batch.Ticket() {
		t.Fatalf("%v, %v", r.Verdict, r.Reason)
	}
	a := open6(t, r.Frame)
	m := a.msg
	if uint8(m.MessageType) != 15 || !bytes.Equal(m.Options.Get(dhcpv6.OptionServerID)[0].ToBytes(), serverID6) ||
		string(m.Options.Get(dhcpv6.OptionClientID)[0].ToBytes()) != "requestor" {
		t.Errorf("%s", m.Summary())
	}
	data := m.Options.Get(dhcpv6.OptionCode(45))
	if len(data) != 1 {
		t.Fatalf("%s", m.Summary())
	}
	var in dhcpv6.Options
	if err := in.FromBytes(data[0].ToBytes()); err != nil {
		t.Fatal(err)
	}
	got := dhcpv6.IdentityOptions{Options: in}.OneAddress()
	if got == nil || got.IPv6Addr.String() != net.ParseIP(addr).String() || got.PreferredLifetime.Seconds() != 3540 || got.ValidLifetime.Seconds() != 7140 {
		t.Errorf("%v", got)
	}
	if v := in.Get(dhcpv6.OptionCode(46)); len(v) != 1 || binary.BigEndian.Uint32(v[0].ToBytes()) != 60 {
		t.Errorf("option 46: %v", v)
	}
	if v := in.Get(dhcpv6.OptionDomainSearchList); len(v) != 1 {
		t.Errorf("option 24: %v", v)
	}

	send(asker, query(9), now)
	if r.Verdict != frame.Reply {
		t.Fatalf("%v, %v", r.Verdict, r.Reason)
	}
	if s := open6(t, r.Frame).msg.Options.Status(); s == nil || s.StatusCode != 7 {
		t.Errorf("status %v", s)
	}
	stranger := asker
	stranger.from = net.ParseIP("2001:db8:8::1")
	send(stranger, query(1, iaaddr(addr)), now)
	if r.Verdict != frame.Drop || r.Reason != frame.NotAllowed {
		t.Errorf("%v, %v", r.Verdict, r.Reason)
	}
}
