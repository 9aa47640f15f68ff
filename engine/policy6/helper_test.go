// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"net/netip"
	"strings"
	"testing"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) lease6.IP6       { return ip6(addr(s)) }
func q(s string) lease6.Prefix     { return prefix6(prefix(s)) }

// subnet has a pool of its ::10 to ::1f and no more.
func subnet(s string) SubnetSpec {
	n := prefix(s)
	lo := n.Addr().As16()
	hi := lo
	lo[15], hi[15] = 0x10, 0x1f
	return SubnetSpec{
		Prefix: n, Times: Times{Preferred: 100, Valid: 200},
		Pools: []PoolSpec{{Ranges: []Range{{netip.AddrFrom16(lo), netip.AddrFrom16(hi)}}}},
	}
}

func baseSpec() Spec {
	return Spec{
		ServerID: []byte{0, 3, 0, 1, 2, 0, 0, 0, 0, 1},
		Ports:    []PortSpec{{Name: "eth0", Addrs: []netip.Prefix{prefix("fe80::1/64"), prefix("2001:db8:0:1::1/64")}}},
		Subnets:  []SubnetSpec{subnet("2001:db8:0:1::/64")},
	}
}

func build(t testing.TB, edit ...func(*Spec)) *Policy {
	t.Helper()
	s := baseSpec()
	for _, e := range edit {
		e(&s)
	}
	p, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused checks that a Spec is not built, and that the error says why.
func refused(t *testing.T, why string, edit func(*Spec)) {
	t.Helper()
	s := baseSpec()
	edit(&s)
	if _, err := Build(s); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("the error is %v, want one about %q", err, why)
	}
}

func option(code uint16, value string) Option { return Option{Code: code, Data: []byte(value)} }

func user(name string) *policy.Match {
	return &policy.Match{By: policy.MatchUserClass, Value: []byte(name)}
}
