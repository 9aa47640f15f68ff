// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"

	"xdhcp/engine/lease"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func ip(s string) lease.IP4 { return ip4(addr(s)) }

// pool parses "192.0.2.1-192.0.2.9".
func pool(s string) PoolSpec {
	first, last, _ := strings.Cut(s, "-")
	return PoolSpec{Ranges: []Range{{addr(first), addr(last)}}}
}

func hour() Times { return Times{Valid: 3600} }

func subnet(prefix string, pools ...string) SubnetSpec {
	s := SubnetSpec{Prefix: netip.MustParsePrefix(prefix), Times: hour()}
	for _, p := range pools {
		s.Pools = append(s.Pools, pool(p))
	}
	return s
}

func opt(code uint8, data ...byte) Option { return Option{Code: code, Data: data} }

func mustBuild(t testing.TB, s Spec) *Policy {
	t.Helper()
	p, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func name(s *Subnet) string {
	if s == nil {
		return "none"
	}
	return netip.PrefixFrom(netip.AddrFrom4(s.Base.As4()), int(s.Bits)).String()
}

// members is the classes of a client that sends this much.
func members(p *Policy, f Facts) *Membership {
	if f.Client == nil {
		f.Client = &lease.Client{}
	}
	var m Membership
	p.Classify(&f, &m)
	return &m
}

// vendorRoom is what a codec keeps from message to message.
var vendorRoom struct {
	facts  Facts
	client lease.Client
	in     Membership
}

// forVendor is o for a client that sends only option 60.
func forVendor(p *Policy, o *OptionSet, vendorClass []byte) *OptionSet {
	v := &vendorRoom
	v.facts = Facts{Client: &v.client, VendorClass: vendorClass}
	p.Classify(&v.facts, &v.in)
	return p.ForClasses(o, &v.in.In)
}
