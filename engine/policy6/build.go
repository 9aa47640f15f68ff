// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// A builder carries a Build along and collects its errors.
type builder struct {
	spec  *Spec
	p     *Policy
	ports map[string]uint16
	errs  []error

	subs      []subnetBuild // one per Policy.Subnets
	poolNames map[poolName]int
	sets      int // option sets so far
}

// A subnetBuild is what Build needs to know about a subnet and a packet does not.
type subnetBuild struct {
	name   string // for errors
	spec   *SubnetSpec
	layers layers
}

// generation numbers the Policies of this process, so that the lease table can
// tell the pools of one from those of the next (lease6.Layout.Generation).
var generation atomic.Uint32

// Build compiles a Spec. It reports everything that is wrong at once; the error is
// a join (errors.Join) of one error per fault.
func Build(spec Spec) (*Policy, error) {
	b := &builder{
		spec: &spec,
		p: &Policy{
			ServerID:        spec.ServerID,
			OfferHold:       cmp.Or(spec.OfferHold, DefaultOfferHold),
			Probation:       cmp.Or(spec.Probation, DefaultProbation),
			Preference:      spec.Preference,
			NoRecreate:      spec.NoRecreate,
			Authoritative:   spec.Authoritative,
			Unicast:         spec.Unicast,
			Temporary:       spec.Temporary,
			StatusOnTop:     spec.StatusOnTop,
			ReconfigureOnly: spec.ReconfigureOnly,
			StrictUserClass: spec.StrictUserClass,
			Authorization:   spec.Authorization,
			scopeOf:         map[lease.ScopeID]int{},
		},
		ports:     map[string]uint16{},
		poolNames: map[poolName]int{},
	}
	b.p.Layout.Generation = generation.Add(1)
	if n := len(spec.ServerID); n < 3 || n > lease6.MaxDUID {
		b.fail("the server's DUID has %d bytes, not 3 to %d", n, lease6.MaxDUID)
	}
	if spec.Unicast > UnicastAccept || spec.Temporary > TemporaryAssign {
		b.fail("unicast mode %d or mode for temporary addresses %d is not known", spec.Unicast, spec.Temporary)
	}
	b.addPorts()
	b.addClasses()
	b.checkOptions("global", spec.Options)
	b.addRules()
	b.addScopes()
	if len(b.errs) == 0 {
		b.p.prefixes = flatten(b.p.Subnets)
		b.addLinks()
		b.addPools()
		b.addLimits()
	}
	if len(b.errs) == 0 {
		b.addReservations()
		b.p.variants.init(b.sets, len(spec.Classes))
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

// ip6 is a as a number, 0 for what is not an IPv6 address.
func ip6(a netip.Addr) lease6.IP6 {
	if !a.Is6() || a.Is4In6() {
		return lease6.IP6{}
	}
	v := a.As16()
	return lease6.IP6From(v[:])
}

// prefix6 is a prefix; none for what is not an IPv6 one.
func prefix6(n netip.Prefix) lease6.Prefix {
	if !n.IsValid() || !n.Addr().Is6() || n.Addr().Is4In6() {
		return lease6.Prefix{}
	}
	return lease6.PrefixFrom(ip6(n.Addr()), uint8(n.Bits()))
}

func (b *builder) addPorts() {
	p := b.p
	for i := range b.spec.Ports {
		s := &b.spec.Ports[i]
		if _, twice := b.ports[s.Name]; twice {
			b.fail("interface %s is listed twice", s.Name)
			continue
		}
		b.ports[s.Name] = uint16(i)
		port := Port{Name: s.Name, MAC: s.MAC}
		for _, a := range s.Addrs {
			ip := ip6(a.Addr().WithZone(""))
			switch {
			case ip.IsZero():
				continue
			case LinkLocal(ip) && port.LinkLocal.IsZero():
				port.LinkLocal = ip
			case !LinkLocal(ip) && port.Global.IsZero():
				port.Global = ip
			}
			port.Addrs = append(port.Addrs, lease6.Prefix{IP6: ip, Len: uint8(a.Bits())})
			p.ours = append(p.ours, ip)
		}
		if port.LinkLocal.IsZero() {
			port.LinkLocal = port.Global
		}
		if port.Global.IsZero() {
			port.Global = port.LinkLocal
		}
		p.Ports = append(p.Ports, port)
	}
	slices.SortFunc(p.ours, lease6.IP6.Compare)
	p.ours = slices.Compact(p.ours)
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
	b.nameScopes()
}

func (b *builder) addSubnet(s *SubnetSpec, n *NetworkSpec, seen map[netip.Prefix]bool) {
	p := b.p
	name := "subnet " + s.Prefix.String()
	prefix := prefix6(s.Prefix)
	if prefix.Len == 0 || s.Prefix.Masked() != s.Prefix || seen[s.Prefix] {
		b.fail("%s: not an IPv6 prefix, with bits behind its length, or there twice", name)
	}
	seen[s.Prefix] = true
	b.checkOptions(name, s.Options)
	times, err := s.Times.defaults()
	if err != nil {
		b.fail("%s: %w", name, err)
	}
	index := len(p.Subnets)
	sc := &p.Scopes[len(p.Scopes)-1]
	p.Subnets = append(p.Subnets, Subnet{
		ID: s.ID, Prefix: prefix, Times: times, RapidCommit: s.RapidCommit || n != nil && n.RapidCommit, scope: sc,
	})
	sub := &p.Subnets[index]
	from := layers{layerSubnet: s.Options, layerGlobal: b.spec.Options, layerDefault: defaultOptions}
	if n != nil {
		from[layerNetwork] = n.Options
	}
	sub.Options = b.compile(&from)
	b.subs = append(b.subs, subnetBuild{name: name, spec: s, layers: from})
	sc.Subnets = append(sc.Subnets, index)
	sc.subnets = append(sc.subnets, sub)
}

// nameScopes gives every scope an ID that follows from its name, so that a lease
// keeps its scope over reloads and restarts. Hashes that meet are told apart in the
// order of the names.
func (b *builder) nameScopes() {
	p := b.p
	taken := map[lease.ScopeID]bool{}
	order := make([]int, len(p.Scopes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Compare(p.Scopes[x].Name, p.Scopes[y].Name) })
	for _, i := range order {
		sc := &p.Scopes[i]
		id := lease.ScopeID(fnv1a(sc.Name))
		for id == 0 || taken[id] {
			id = id*16777619 + 1
		}
		sc.ID = id
		taken[id] = true
		p.scopeOf[id] = i
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

// nameClasses notes for each subnet the classes that a place of its link names.
func (b *builder) nameClasses() {
	if b.p.classes == nil {
		return
	}
	for i := range b.p.Scopes {
		sc := &b.p.Scopes[i]
		named := sc.subnets[0].named
		for _, s := range sc.subnets {
			named.Union(&s.named)
			named.Union(&s.Options.classes)
			for _, id := range slices.Concat(s.Addresses, s.Prefixes) {
				named.Union(&b.p.pools[id].options.classes)
			}
		}
		for j := range sc.reservations.tables {
			for _, r := range sc.reservations.tables[j].of {
				for _, o := range r.over {
					named.Union(&o.classes)
				}
			}
		}
		for _, s := range sc.subnets {
			s.named = named
		}
	}
}
