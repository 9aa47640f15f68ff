// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"xdhcp/bpf"
	"xdhcp/engine/policy"
	"xdhcp/engine/port"
	"xdhcp/internal/config"
)

// compile turns a configuration and what its interfaces look like (by index;
// missing ones look like nothing yet) into a policy.
func compile(cfg *config.Config, facts map[int]port.Facts) (*policy.Policy, error) {
	spec := policy.Spec{
		Authoritative: cfg.Authoritative,
		OfferHold:     cfg.OfferHold,
		Probation:     cfg.DeclineProbation,
		Options:       options(cfg.Options),
	}
	spec.Identity = identities[cfg.Identity]
	spec.SilentReboot, spec.StrictUserClass = cfg.SilentReboot, cfg.StrictUserClass
	spec.FQDN = fqdn(cfg, &cfg.FQDN)
	spec.ForceRenew = cfg.ForceRenew
	spec.LeaseQuery = policy.LeaseQuerySpec{Allow: cfg.LeaseQuery.Allow, Options: cfg.LeaseQuery.Options}
	spec.Authorization, spec.AuthorizationName = authorizations[cfg.Rogue.State], cfg.Rogue.Name
	spec.Filters = policy.FilterSpec{
		Deny: matches(cfg.Filters.Deny, false), Allow: matches(cfg.Filters.Allow, false), Enforce: cfg.Filters.Enforce,
	}
	spec.Limits = limits(cfg.Limits)
	answerRules(&spec, cfg)
	spec.Precedence = []policy.Identifier{} // nil has a meaning of its own
	for _, id := range cfg.ReservationOrder {
		spec.Precedence = append(spec.Precedence, identifiers[id])
	}
	for i, ifc := range cfg.Interfaces {
		ps := policy.PortSpec{Name: ifc.Name, MAC: facts[i].MAC, Primary: ifc.Address}
		for _, a := range facts[i].Addrs {
			if a.Addr().Is4() {
				ps.Addrs = append(ps.Addrs, a)
			}
		}
		spec.Ports = append(spec.Ports, ps)
	}
	names := map[*config.FQDN]*policy.FQDNSpec{}
	for i := range cfg.Networks {
		n := &cfg.Networks[i]
		ns := policy.NetworkSpec{
			Name: n.Name, Options: options(n.Options), Links: links(n.Links), Authoritative: n.Authoritative, RapidCommit: n.RapidCommit,
		}
		for j := range n.Subnets {
			s := subnet(&n.Subnets[j])
			s.FQDN = fqdnOf(cfg, &n.Subnets[j], names)
			ns.Subnets = append(ns.Subnets, s)
		}
		spec.Networks = append(spec.Networks, ns)
	}
	for i := range cfg.Subnets {
		s := subnet(&cfg.Subnets[i])
		s.FQDN = fqdnOf(cfg, &cfg.Subnets[i], names)
		spec.Subnets = append(spec.Subnets, s)
	}
	for i := range cfg.Classes {
		c := &cfg.Classes[i]
		cs := policy.ClassSpec{
			Name: c.Name, Description: c.Description, Options: options(c.Options), Times: timesOf(c.Lease), Drop: c.Drop,
			NextServer: c.NextServer, ServerName: c.ServerName, BootFile: c.BootFile,
		}
		if c.Match != nil {
			m := match(c.Match, false)
			cs.Match = &m
		}
		spec.Classes = append(spec.Classes, cs)
	}
	return policy.Build(spec)
}

func subnet(s *config.Subnet) policy.SubnetSpec {
	spec := policy.SubnetSpec{
		ID:         s.ID,
		Prefix:     s.Prefix,
		Times:      times(s.Lease),
		Options:    options(s.Options),
		NextServer: s.NextServer,
		ServerName: s.ServerName,
		BootFile:   s.BootFile,
		Links:      links(s.Links),
		Relays:     s.Relays,
		ServerID:   s.ServerID,

		Authoritative: s.Authoritative,
		RapidCommit:   s.RapidCommit,
		Classes:       s.Classes,
		Deny:          s.Deny,
		VSS:           s.VSS,
		Limit:         s.Limit,
	}
	if s.Identity != nil {
		id := identities[*s.Identity]
		spec.Identity = &id
	}
	for i := range s.Pools {
		p := &s.Pools[i]
		spec.Pools = append(spec.Pools, policy.PoolSpec{
			Name: p.Name, Ranges: ranges(p.Ranges), Options: options(p.Options),
			Classes: p.Classes, Deny: p.Deny, Times: timesOf(p.Lease), BOOTP: p.BOOTP,
		})
	}
	for i := range s.Reservations {
		r := &s.Reservations[i]
		rs := policy.ReservationSpec{
			ClientID: r.ClientID, CircuitID: r.CircuitID, RemoteID: r.RemoteID, SubscriberID: r.SubscriberID,
			DUID: r.DUID, FlexID: r.FlexID,
			Address: r.Address, Options: options(r.Options), Classes: r.Classes,
			NextServer: r.NextServer, ServerName: r.ServerName, BootFile: r.BootFile,
		}
		if r.MAC != [6]byte{} {
			rs.MAC = r.MAC[:]
		}
		spec.Reservations = append(spec.Reservations, rs)
	}
	return spec
}

func times(l config.Lease) policy.Times {
	return policy.Times{Valid: l.Valid, Renew: l.Renew, Rebind: l.Rebind, Min: l.Min, Max: l.Max, Given: l.NoDefaultTimers}
}

func timesOf(l *config.Lease) *policy.Times {
	if l == nil {
		return nil
	}
	t := times(*l)
	return &t
}

func links(ls []config.Link) []policy.LinkSpec {
	var out []policy.LinkSpec
	for _, l := range ls {
		out = append(out, link(l))
	}
	return out
}

func link(l config.Link) policy.LinkSpec {
	return policy.LinkSpec{Port: l.Interface, Outer: l.VLAN, Inner: l.InnerVLAN}
}

// The words of the file and those of the engine.
var (
	identities = map[config.Identity]policy.Identity{
		config.IdentityClientID: policy.IdentityClientID, config.IdentityMAC: policy.IdentityHW, config.IdentityCircuit: policy.IdentityCircuit,
		config.IdentityRemote: policy.IdentityRemote, config.IdentityCircuitRemote: policy.IdentityCircuitRemote,
	}
	authorizations = map[config.RogueState]policy.Authorization{
		config.RogueAuthorized: policy.AuthorizedByAdmin, config.RogueDetected: policy.AuthorizedByDetection,
		config.RogueUnauthorized: policy.Unauthorized,
	}
	identifiers = map[config.Identifier]policy.Identifier{
		config.ByMAC: policy.ByMAC, config.ByClientID: policy.ByClientID, config.ByCircuitID: policy.ByCircuit,
		config.ByRemoteID: policy.ByRemote, config.BySubscriberID: policy.BySubscriber, config.ByDUID: policy.ByDUID, config.ByFlexID: policy.ByFlex,
	}
	matchers = map[config.MatchBy]policy.MatchBy{
		config.MatchAll: policy.MatchAll, config.MatchAny: policy.MatchAny, config.MatchNot: policy.MatchNot,
		config.MatchClass: policy.MatchClass, config.MatchExpression: policy.MatchExpr,
		config.MatchExpression6: policy.MatchExpr, config.MatchKnown: policy.MatchKnown,
		config.MatchVendorClass: policy.MatchVendorClass, config.MatchUserClass: policy.MatchUserClass,
		config.MatchVendorID: policy.MatchVendorID, config.MatchMAC: policy.MatchMAC, config.MatchClientID: policy.MatchClientID,
		config.MatchCircuitID: policy.MatchCircuit, config.MatchRemoteID: policy.MatchRemote,
		config.MatchSubscriberID: policy.MatchSubscriber, config.MatchRelayID: policy.MatchRelayID, config.MatchRelay: policy.MatchRelay,
		config.MatchArchitecture: policy.MatchArch, config.MatchLink: policy.MatchLink,
	}
)

// nobody is a condition that never holds.
var nobody = policy.Match{By: policy.MatchNot, Of: []policy.Match{{By: policy.MatchAll}}}

// match is a condition as one of the families has it: what looks at the other
// one's messages does not hold.
func match(m *config.Match, v6 bool) policy.Match {
	switch m.By {
	case config.MatchExpression, config.MatchExpression6:
		if v6 != (m.By == config.MatchExpression6) {
			return nobody
		}
	case config.MatchRelay:
		if v6 != m.Net.Addr().Is6() {
			return nobody
		}
	}
	return policy.Match{
		By: matchers[m.By], Value: m.Value, Prefix: m.Prefix, Enterprise: m.Enterprise, Number: m.Number, Net: m.Net,
		Link: link(m.Link), Name: m.Name, Expr: m.Expression, Of: matches(m.Of, v6),
	}
}

func matches(ms []config.Match, v6 bool) []policy.Match {
	var out []policy.Match
	for i := range ms {
		out = append(out, match(&ms[i], v6))
	}
	return out
}

func ranges(rs []config.Range) []policy.Range {
	out := make([]policy.Range, len(rs))
	for i, r := range rs {
		out[i] = policy.Range(r)
	}
	return out
}

func options(os []config.Option) []policy.Option {
	out := make([]policy.Option, len(os))
	for i, o := range os {
		out[i] = policy.Option{Code: o.Code, Data: o.Data, Always: o.Always, Never: o.Never, Class: o.Class}
	}
	return out
}

// steered are the addresses that the XDP program takes packets for: those of
// the interface, and the one that the configuration names.
func steered(ifc *config.Interface, f port.Facts) []netip.Prefix {
	addrs := append([]netip.Prefix(nil), f.Addrs...)
	if a := ifc.Address; a.IsValid() {
		addrs = append(addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	return addrs
}

// attachMode says how the XDP program is to be attached.
func attachMode(x config.XDP) bpf.Mode {
	switch x {
	case config.XDPNative:
		return bpf.Native
	case config.XDPGeneric:
		return bpf.Generic
	}
	return bpf.Auto
}
