// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// FuzzBulk6 gives the codec of bulk leasequery for DHCPv6 arbitrary messages, with leases in the table. Whatever it
// answers is framed, parses with another library, and is a LEASEQUERY-REPLY, then LEASEQUERY-DATAs and one
// LEASEQUERY-DONE if that one has data.
func FuzzBulk6(f *testing.F) {
	n := netip.MustParsePrefix
	p, err := policy6.Build(policy6.Spec{
		ServerID: serverID6,
		Ports:    []policy6.PortSpec{{Name: "eth1", Addrs: []netip.Prefix{n("2001:db8::1/64")}}},
		Subnets: []policy6.SubnetSpec{{
			Prefix: n("2001:db8::/64"), Times: policy6.Times{Preferred: 3600, Valid: 7200},
			Pools: []policy6.PoolSpec{{Ranges: []policy6.Range{policy6.RangeOf(n("2001:db8:0:0:1::/80"))}}},
		}},
	})
	if err != nil {
		f.Fatal(err)
	}
	table, err := lease6.New(lease6.Options{Shards: 2, Seed: 1})
	if err != nil {
		f.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		f.Fatal(err)
	}
	for i := range byte(5) {
		q := lease6.Request{Client: lease6.Client{DUID: []byte{0, 3, 0, 1, i}, RelayID: []byte("agent"), RemoteID: []byte("\x00\x00\x00\x09line")},
			IA: lease6.IA{Type: lease6.NA, ID: 1}, Scope: p.Subnets[0].Scope, Pools: []lease.PoolID{0}}
		addr, out := table.Offer(&q, 60, now)
		if out == lease.OK {
			_, out = table.Commit(&q, addr, 3600, 7200, now, lease.NewBatch(1))
		}
		if out != lease.OK {
			f.Fatal(out)
		}
	}
	query := func(typ byte, link string, options ...byte) []byte {
		a := netip.MustParseAddr(link).As16()
		return msg6(14, opt6(1, []byte("requestor")...), opt6(44, append(append([]byte{typ}, a[:]...), options...)...))
	}
	f.Add(query(4, "2001:db8::9"))
	f.Add(query(3, "::", opt6(53, []byte("agent")...)...))
	f.Add(query(5, "::", opt6(37, []byte("\x00\x00\x00\x09line")...)...))
	f.Add(query(2, "::", opt6(1, 0, 3, 0, 1, 2)...))
	f.Add(query(1, "::", iaaddr("2001:db8::1:0:0:1")...))
	f.Add(query(9, "::"))
	f.Add(msg6(1, opt6(1, 1)))
	c := NewBulkCodec6(&exchange6.Server{Table: table})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > MaxBulk {
			return
		}
		var types []uint8
		usable := c.Answer(p, b, func() lease.Time { return now + 5 }, func(answer []byte) bool {
			if int(binary.BigEndian.Uint16(answer)) != len(answer)-2 {
				t.Fatalf("framed as %d bytes, has %d", binary.BigEndian.Uint16(answer), len(answer)-2)
			}
			_, err := dhcpv6.FromBytes(answer[2:])
			if err != nil {
				// Identifiers of the query go back as they came; another library may not like them.
				if len(b) > 4 && string(answer[3:6]) == string(b[1:4]) {
					types = append(types, answer[2])
					return true
				}
				t.Fatalf("%v\n%x", err, answer)
			}
			types = append(types, answer[2])
			return true
		})
		if usable != (len(types) > 0) {
			t.Fatalf("usable: %v, answers %v", usable, types)
		}
		for i, typ := range types {
			want := uint8(17)
			switch {
			case i == 0:
				want = 15
			case i == len(types)-1:
				want = 16
			}
			if typ != want {
				t.Fatalf("answers %v", types)
			}
		}
	})
}
