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
	if cfg.Identity == config.IdentityMAC {
		spec.Identity = policy.IdentityHW
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
	for _, s := range cfg.Subnets {
		spec.Subnets = append(spec.Subnets, subnet(&s))
	}
	for _, c := range cfg.Classes {
		spec.Classes = append(spec.Classes, policy.ClassSpec{
			Name: c.Name, VendorClass: []byte(c.Match.VendorClass), Options: options(c.Options),
		})
	}
	return policy.Build(spec)
}

func subnet(s *config.Subnet) policy.SubnetSpec {
	spec := policy.SubnetSpec{
		ID:     s.ID,
		Prefix: s.Prefix,
		Times: policy.Times{
			Valid: s.Lease.Valid, Renew: s.Lease.Renew, Rebind: s.Lease.Rebind, Min: s.Lease.Min, Max: s.Lease.Max,
		},
		Options:    options(s.Options),
		NextServer: s.NextServer,
		ServerName: s.ServerName,
		BootFile:   s.BootFile,
	}
	for _, p := range s.Pools {
		spec.Pools = append(spec.Pools, policy.PoolSpec{Name: p.Name, Ranges: ranges(p.Ranges)})
	}
	for _, r := range s.Reservations {
		spec.Reservations = append(spec.Reservations, policy.ReservationSpec{
			MAC: r.MAC[:], Address: r.Address, Options: options(r.Options),
		})
	}
	return spec
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
		out[i] = policy.Option{Code: o.Code, Data: o.Data}
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
