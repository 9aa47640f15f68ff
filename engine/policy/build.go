// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"xdhcp/engine/lease"
)

// A builder carries a Build along and collects its errors.
type builder struct {
	spec  *Spec
	p     *Policy
	ports map[string]uint16
	errs  []error

	subs      []subnetBuild // one per Policy.Subnets
	poolNames map[poolName]int
	reserved  map[lease.IP4]bool
	sets      int                    // option sets so far
	classSets map[ClassSet]*ClassSet // those that shared has returned
	inner     []*Subnet              // by address, for foreign
	fqdns     map[*FQDNSpec]*FQDN
}

// A subnetBuild is what Build needs to know about a subnet and a packet does not.
type subnetBuild struct {
	name   string // for errors
	spec   *SubnetSpec
	layers layers
}

// generation numbers the Policies of this process, so that the lease table can
// tell the pools of one from those of the next (lease.Layout.Generation).
var generation atomic.Uint32

// Build compiles a Spec. It reports everything that is wrong at once; the error
// is a join (errors.Join) of one error per fault.
func Build(spec Spec) (*Policy, error) {
	b := &builder{
		spec: &spec,
		p: &Policy{
			Authoritative:   spec.Authoritative,
			NoRecreate:      spec.NoRecreate,
			SubnetSelection: spec.SubnetSelection,
			OfferHold:       cmp.Or(spec.OfferHold, DefaultOfferHold),
			Probation:       cmp.Or(spec.Probation, DefaultProbation),
			Identity:        spec.Identity,
		},
		ports:     map[string]uint16{},
		poolNames: map[poolName]int{},
		reserved:  map[lease.IP4]bool{},
		classSets: map[ClassSet]*ClassSet{},
	}
	b.p.Layout.Generation = generation.Add(1)
	if spec.Identity > IdentityCircuitRemote {
		b.fail("identity %d is not known", spec.Identity)
	}
	b.addPorts()
	b.addClasses()
	b.checkOptions("global", spec.Options)
	b.addRules()
	b.addScopes()
	b.addLimits()
	if len(b.errs) == 0 {
		b.p.prefixes = newPrefixes(b.p.Subnets)
		b.addLinks()
		b.addPools()
	}
	if len(b.errs) == 0 {
		b.addReservations()
		if c := b.p.classes; c != nil {
			b.p.variants.init(b.sets, len(c.names))
		}
	}
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	b.nameClasses()
	return b.p, nil
}

func (b *builder) fail(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

func (b *builder) ours(addrs ...netip.Addr) {
	for _, a := range addrs {
		if ip := ip4(a); ip != 0 {
			b.p.ours = append(b.p.ours, ip)
		}
	}
}

// ip4 is a as a number, 0 for what is not an IPv4 address.
func ip4(a netip.Addr) lease.IP4 {
	if a = a.Unmap(); !a.Is4() {
		return 0
	}
	b := a.As4()
	return lease.IP4From(b[:])
}

func (b *builder) addPorts() {
	for i := range b.spec.Ports {
		s := &b.spec.Ports[i]
		if _, twice := b.ports[s.Name]; twice {
			b.fail("interface %s is listed twice", s.Name)
			continue
		}
		b.ports[s.Name] = uint16(i)
		port := Port{Name: s.Name, MAC: s.MAC, Primary: ip4(s.Primary)}
		for _, a := range s.Addrs {
			if ip := ip4(a.Addr()); ip != 0 {
				port.Addrs = append(port.Addrs, Addr{IP: ip, Bits: uint8(a.Bits())})
				b.ours(a.Addr())
			}
		}
		if port.Primary == 0 && len(port.Addrs) > 0 {
			port.Primary = port.Addrs[0].IP
		}
		b.ours(s.Primary)
		b.p.Ports = append(b.p.Ports, port)
	}
	b.ours(b.spec.ServerIDs...)
}

// addScopes makes Scopes and Subnets, in the order of the Spec: shared networks
// first.
func (b *builder) addScopes() {
	p := b.p
	total := len(b.spec.Subnets)
	for i := range b.spec.Networks {
		total += len(b.spec.Networks[i].Subnets)
	}
	// Both are appended to and pointed into: they must not move.
	p.Subnets = make([]Subnet, 0, total)
	p.Scopes = make([]Scope, 0, len(b.spec.Networks)+len(b.spec.Subnets))
	seen := map[netip.Prefix]bool{}
	networks := map[string]bool{}
	for i := range b.spec.Networks {
		n := &b.spec.Networks[i]
		switch {
		case n.Name == "" || networks[n.Name]:
			b.fail("shared network %q: the name must be there and be unique", n.Name)
		case len(n.Subnets) == 0:
			b.fail("shared network %s has no subnet", n.Name)
		}
		networks[n.Name] = true
		b.checkOptions("shared network "+n.Name, n.Options)
		p.Scopes = append(p.Scopes, Scope{Name: n.Name})
		for j := range n.Subnets {
			b.addSubnet(&n.Subnets[j], n, seen)
		}
	}
	for i := range b.spec.Subnets {
		s := &b.spec.Subnets[i]
		p.Scopes = append(p.Scopes, Scope{Name: s.Prefix.String()})
		b.addSubnet(s, nil, seen)
	}
	slices.Sort(p.ours)
	p.ours = slices.Compact(p.ours)
	for _, a := range p.ours {
		p.mayBeOurs |= 1 << oursBit(a)
	}
	b.nameScopes()
}

func (b *builder) addSubnet(s *SubnetSpec, n *NetworkSpec, seen map[netip.Prefix]bool) {
	p := b.p
	name := "subnet " + s.Prefix.String()
	if !s.Prefix.IsValid() || !s.Prefix.Addr().Is4() {
		b.fail("%s is not an IPv4 prefix", name)
		return
	}
	if s.Prefix != s.Prefix.Masked() {
		b.fail("%s has host bits; the prefix is %s", name, s.Prefix.Masked())
		return
	}
	if seen[s.Prefix] {
		b.fail("%s is listed twice", name)
		return
	}
	seen[s.Prefix] = true
	times, err := s.Times.defaults()
	if err != nil {
		b.fail("%s: %w", name, err)
	}
	b.checkOptions(name, s.Options)
	boot := b.boot(name, s.NextServer, s.ServerName, s.BootFile)
	if boot == nil {
		boot = &noBoot
	}
	sc := &p.Scopes[len(p.Scopes)-1]
	index := len(p.Subnets)
	mask := lease.IP4(uint64(lease.Infinite) << (32 - s.Prefix.Bits()))
	p.Subnets = append(p.Subnets, Subnet{
		ID: s.ID, Base: ip4(s.Prefix.Addr()), Mask: mask, Bits: uint8(s.Prefix.Bits()),
		Times: times, ServerID: ip4(s.ServerID), Boot: boot,
		Authoritative: b.spec.Authoritative, RapidCommit: s.RapidCommit, VSS: s.VSS, FQDN: b.fqdn(s.FQDN),
		scope: sc, reserved: &p.reserved, lone: n == nil || len(n.Subnets) == 1,
	})
	sub := &p.Subnets[index]
	if sub.Records = b.spec.FQDN.Record; s.FQDN != nil {
		sub.Records = s.FQDN.Record
	}
	if sub.Identity = b.spec.Identity; s.Identity != nil {
		if sub.Identity = *s.Identity; sub.Identity > IdentityCircuitRemote {
			b.fail("%s: identity %d is not known", name, sub.Identity)
		}
	}
	if n != nil {
		sub.RapidCommit = s.RapidCommit || n.RapidCommit
		sub.Authoritative = or(n.Authoritative, sub.Authoritative)
	}
	p.VSS = p.VSS || len(s.VSS) > 0
	sub.Authoritative = or(s.Authoritative, sub.Authoritative)
	from := layers{layerSubnet: s.Options, layerGlobal: b.spec.Options, layerMask: maskOption(mask)}
	if n != nil {
		from[layerNetwork] = n.Options
	}
	sub.Options = b.compile(&from)
	b.subs = append(b.subs, subnetBuild{name: name, spec: s, layers: from})
	sc.Subnets = append(sc.Subnets, index)
	sc.subnets = append(sc.subnets, sub)
	b.ours(s.ServerID)
}

func or(v *bool, other bool) bool {
	if v != nil {
		return *v
	}
	return other
}

// noBoot is that of all subnets without boot parameters.
var noBoot Boot

// boot checks boot parameters; nil: none are given.
func (b *builder) boot(where string, next netip.Addr, server, file string) *Boot {
	if len(server) > 63 {
		b.fail("%s: the server name has more than 63 bytes", where)
	}
	if len(file) > 127 {
		b.fail("%s: the boot file name has more than 127 bytes", where)
	}
	boot := &Boot{ip4(next), []byte(server), []byte(file)}
	if boot.empty() {
		return nil
	}
	return boot
}

// defaults fills in what is left open and checks the rest.
func (t Times) defaults() (Times, error) {
	if t.Valid == 0 {
		return t, errors.New("the lease time is 0")
	}
	t.Min, t.Max = cmp.Or(t.Min, t.Valid), cmp.Or(t.Max, t.Valid)
	switch {
	case t.Min > t.Valid || t.Valid > t.Max:
		return t, fmt.Errorf("the lease time %d is not between its bounds %d and %d", t.Valid, t.Min, t.Max)
	case t.Renew != 0 && t.Rebind != 0 && t.Renew > t.Rebind:
		return t, fmt.Errorf("renew %d comes after rebind %d", t.Renew, t.Rebind)
	case t.Renew > t.Valid || t.Rebind > t.Valid:
		return t, fmt.Errorf("renew %d or rebind %d comes after the lease's end %d", t.Renew, t.Rebind, t.Valid)
	}
	return t, nil
}

// nameScopes gives every scope an ID that follows from what it is, so that a
// lease keeps its scope over reloads and restarts. A lone subnet's is its
// prefix, with the highest host bit set to mark the length; a shared network's,
// or a /32's, which has no host bit, is a hash of its name. Hashes that meet are
// told apart in the order of the names.
func (b *builder) nameScopes() {
	p := b.p
	taken := map[lease.ScopeID]bool{}
	var hashed []int
	for i := range p.Scopes {
		sc := &p.Scopes[i]
		if i < len(b.spec.Networks) || len(sc.subnets) != 1 || sc.subnets[0].Bits == 32 {
			hashed = append(hashed, i)
			continue
		}
		s := sc.subnets[0]
		sc.ID = lease.ScopeID(s.Base | (^s.Mask>>1 + 1))
		taken[sc.ID] = true
	}
	slices.SortFunc(hashed, func(x, y int) int { return cmp.Compare(p.Scopes[x].Name, p.Scopes[y].Name) })
	for _, i := range hashed {
		sc := &p.Scopes[i]
		id := lease.ScopeID(fnv1a(sc.Name))
		for id == 0 || taken[id] {
			id = id*16777619 + 1
		}
		sc.ID = id
		taken[id] = true
	}
	for i := range p.Subnets {
		p.Subnets[i].Scope = p.Subnets[i].scope.ID
	}
}

func fnv1a(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}
