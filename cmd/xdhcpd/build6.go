// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/engine/port"
	"xdhcp/internal/config"
)

// compile6 turns what a configuration says of DHCPv6 into a policy; nil: nothing
// is served. secret is for Reconfigure; nil: clients get no keys.
func compile6(cfg *config.Config, facts map[int]port.Facts, duid, secret []byte) (*policy6.Policy, error) {
	d := &cfg.DHCP6
	if !d.Serves() {
		return nil, nil
	}
	spec := policy6.Spec{
		ServerID: duid, OfferHold: cfg.OfferHold, Probation: d.Probation, Options: options6(d.Options),
		Preference: d.Preference, NoRecreate: d.NoRecreate, Authoritative: cfg.Authoritative, StatusOnTop: d.StatusOnTop,
		Unicast: unicasts[d.Unicast], Temporary: temporaries[d.Temporary], RelayOptions: d.RelayOptions,
		Limits: limits(cfg.Limits), StrictUserClass: cfg.StrictUserClass,
		Filters: policy.FilterSpec{
			Deny: matches(cfg.Filters.Deny, true), Allow: matches(cfg.Filters.Allow, true), Enforce: cfg.Filters.Enforce,
		},
		Authorization: authorizations[cfg.Rogue.State], AuthorizationName: cfg.Rogue.Name,
		FQDN:              fqdn(cfg, &cfg.FQDN),
		LeaseQuery:        policy6.LeaseQuerySpec{Allow: cfg.LeaseQuery.Allow, NoOptions: cfg.LeaseQuery.Options != nil, Relayed: cfg.LeaseQuery.Relayed},
		ReconfigureSecret: secret,
		Precedence:        []policy6.Identifier{}, // nil has a meaning of its own
	}
	for _, i := range d.ReservationOrder {
		spec.Precedence = append(spec.Precedence, identifiers6[i])
	}
	for i, ifc := range cfg.Interfaces {
		ps := policy6.PortSpec{Name: ifc.Name, MAC: facts[i].MAC}
		for _, a := range facts[i].Addrs {
			if a.Addr().Is6() {
				ps.Addrs = append(ps.Addrs, a)
			}
		}
		spec.Ports = append(spec.Ports, ps)
	}
	for i := range d.Networks {
		n := &d.Networks[i]
		ns := policy6.NetworkSpec{Name: n.Name, Options: options6(n.Options), Links: links(n.Links), RapidCommit: n.RapidCommit}
		for j := range n.Subnets {
			ns.Subnets = append(ns.Subnets, subnet6(&n.Subnets[j]))
		}
		spec.Networks = append(spec.Networks, ns)
	}
	for i := range d.Subnets {
		spec.Subnets = append(spec.Subnets, subnet6(&d.Subnets[i]))
	}
	for i := range cfg.Classes {
		c := &cfg.Classes[i]
		cs := policy6.ClassSpec{
			Name: c.Name, Description: c.Description, Options: options6(c.Options6), Times: times6Of(c.Lease6), Drop: c.Drop,
		}
		if c.Match != nil {
			m := match(c.Match, true)
			cs.Match = &m
		}
		spec.Classes = append(spec.Classes, cs)
	}
	return policy6.Build(spec)
}

func subnet6(s *config.Subnet6) policy6.SubnetSpec {
	spec := policy6.SubnetSpec{
		ID: s.ID, Prefix: s.Prefix, Times: times6(s.Lease), Options: options6(s.Options), Links: links(s.Links), Relays: s.Relays,
		InterfaceIDs: s.InterfaceIDs, RapidCommit: s.RapidCommit, Classes: s.Classes, Deny: s.Deny, Limit: s.Limit,
	}
	for i := range s.Pools {
		p := &s.Pools[i]
		spec.Pools = append(spec.Pools, policy6.PoolSpec{
			Name: p.Name, Ranges: ranges6(p.Ranges), Method: methods[p.Method], Options: options6(p.Options),
			Classes: p.Classes, Deny: p.Deny, Times: times6Of(p.Lease), Retired: p.Retired,
		})
	}
	for i := range s.Delegate {
		d := &s.Delegate[i]
		spec.Delegate = append(spec.Delegate, policy6.DelegateSpec{
			Prefix: d.Prefix, Length: d.Length, Excluded: d.Excluded, Exclude: excludedPart(d.Length, d.ExcludeLength, d.ExcludeNumber),
			Options: options6(d.Options), Classes: d.Classes, Deny: d.Deny, Times: times6Of(d.Lease), Retired: d.Retired,
		})
	}
	for i := range s.Reservations {
		r := &s.Reservations[i]
		rs := policy6.ReservationSpec{
			DUID: r.DUID, InterfaceID: r.InterfaceID, RemoteID: r.RemoteID, SubscriberID: r.SubscriberID,
			Addresses: r.Addresses, Prefixes: r.Prefixes, Options: options6(r.Options), Classes: r.Classes, Hostname: r.Hostname,
		}
		if r.MAC != [6]byte{} {
			rs.MAC = r.MAC[:]
		}
		spec.Reservations = append(spec.Reservations, rs)
	}
	return spec
}

// excludedPart is a prefix whose bits behind length are the number of the part of
// a delegated prefix that stays with the link (RFC 6603); invalid: none does.
func excludedPart(length, exclude uint8, number uint64) netip.Prefix {
	if exclude == 0 {
		return netip.Prefix{}
	}
	var b [16]byte
	for i := int(exclude) - 1; i >= int(length); i-- {
		b[i/8] |= byte(number&1) << (7 - i%8)
		number >>= 1
	}
	return netip.PrefixFrom(netip.AddrFrom16(b), int(exclude))
}

func times6(l config.Lease6) policy6.Times {
	return policy6.Times{Preferred: l.Preferred, Valid: l.Valid, Renew: l.Renew, Rebind: l.Rebind, ClientTimers: l.ClientTimers}
}

func times6Of(l *config.Lease6) *policy6.Times {
	if l == nil {
		return nil
	}
	t := times6(*l)
	return &t
}

func ranges6(rs []config.Range) []policy6.Range {
	out := make([]policy6.Range, len(rs))
	for i, r := range rs {
		out[i] = policy6.Range(r)
	}
	return out
}

func options6(os []config.Option6) []policy6.Option {
	out := make([]policy6.Option, len(os))
	for i, o := range os {
		out[i] = policy6.Option{Code: o.Code, Data: o.Data, Always: o.Always}
	}
	return out
}

// The words of the file and those of the engine.
var (
	unicasts = map[config.Unicast6]policy6.Unicast{
		config.UnicastDiscard: policy6.UnicastDiscard, config.UnicastUseMulticast: policy6.UnicastRefuse, config.UnicastAnswer: policy6.UnicastAccept,
	}
	temporaries = map[config.Temporary6]policy6.Temporary{
		config.TemporaryIgnore: policy6.TemporaryIgnore, config.TemporaryRefuse: policy6.TemporaryRefuse, config.TemporaryAssign: policy6.TemporaryAssign,
	}
	methods = map[config.Method6]policy6.Method{
		config.MethodRandom: policy6.Random, config.MethodIterative: policy6.Iterative, config.MethodEUI64: policy6.EUI64, config.MethodHash: policy6.Hash,
	}
	identifiers6 = map[config.Identifier6]policy6.Identifier{
		config.ByDUID6: policy6.ByDUID, config.ByMAC6: policy6.ByMAC, config.ByRemoteID6: policy6.ByRemoteID,
		config.ByInterfaceID6: policy6.ByInterfaceID, config.BySubscriberID6: policy6.BySubscriber,
	}
)
