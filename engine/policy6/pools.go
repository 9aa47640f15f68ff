// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// addPools fills Layout.Pools, the scopes' ranges and the subnets' order of pools.
func (b *builder) addPools() {
	p := b.p
	addresses := make([][]lease.PoolID, len(p.Subnets))
	prefixes := make([][]lease.PoolID, len(p.Subnets))
	for i := range p.Subnets {
		for j := range b.subs[i].spec.Pools {
			spec := &b.subs[i].spec.Pools[j]
			if id, ok := b.addPool(i, spec); ok && !b.retire(id, spec.Retired) {
				addresses[i] = append(addresses[i], id)
			}
		}
		for j := range b.subs[i].spec.Delegate {
			spec := &b.subs[i].spec.Delegate[j]
			if id, ok := b.addBlock(i, spec); ok && !b.retire(id, spec.Retired) {
				prefixes[i] = append(prefixes[i], id)
			}
		}
	}
	b.sortRanges()
	// The link's other subnets may serve too; the one that the packet points to comes
	// first.
	for i := range p.Subnets {
		sub := &p.Subnets[i]
		sub.Addresses, sub.Prefixes = slices.Clone(addresses[i]), slices.Clone(prefixes[i])
		for _, j := range sub.scope.Subnets {
			if j != i {
				sub.Addresses = append(sub.Addresses, addresses[j]...)
				sub.Prefixes = append(sub.Prefixes, prefixes[j]...)
			}
		}
		for _, id := range slices.Concat(sub.Addresses, sub.Prefixes) {
			rule := &p.pools[id]
			sub.ruled = sub.ruled || rule.guarded()
			rule.names(&sub.named)
		}
	}
}

// retire notes whether a pool gives nothing more, and says so.
func (b *builder) retire(id lease.PoolID, retired bool) bool {
	b.p.pools[id].retired = retired
	b.p.hasRetired = b.p.hasRetired || retired
	return retired
}

// addPool adds a pool of addresses.
func (b *builder) addPool(subnet int, s *PoolSpec) (lease.PoolID, bool) {
	sub, build := &b.p.Subnets[subnet], &b.subs[subnet]
	name := cmp.Or(s.Name, rangesText(s.Ranges))
	where := build.name + ": pool " + name
	if s.Method > Hash {
		b.fail("%s: method %d is not known", where, s.Method)
	}
	pool := lease6.Pool{Len: 128, Method: lease6.Method(s.Method)}
	cut := b.ranges(build.name+": excluded", nil, build.spec.Excluded)
	for _, a := range b.p.ours {
		cut = append(cut, lease6.Range{First: a, Last: a})
	}
	// RFC 4291 §2.6.1: the subnet's first address is that of its routers.
	cut = append(cut, lease6.Range{First: sub.Prefix.IP6, Last: sub.Prefix.IP6})
	ranges := b.ranges(where, sub, s.Ranges)
	for _, r := range ranges {
		cut = append(cut, reservedIIDs(r)...)
	}
	sortByFirst(cut)
	for _, r := range ranges {
		pool.Ranges = append(pool.Ranges, subtract(r, cut)...)
	}
	sortByFirst(pool.Ranges)
	return b.enter(subnet, where, name, pool, s.Options, s.Classes, s.Deny, s.Times, lease6.Prefix{})
}

// maxNets is for how many /64s of a range the reserved interface identifiers are cut
// out. A range of more of them is so large that a random address hits none.
const maxNets = 64

// reservedIIDs are the addresses of a range that no host may have: RFC 8415 §13.1, "a
// server MUST NOT assign addresses that use a reserved IPv6 Interface Identifier".
// They are RFC 5453's: the subnet's routers (0), what begins with IANA's Ethernet
// identifier, and anycast addresses at the end.
func reservedIIDs(r lease6.Range) []lease6.Range {
	var out []lease6.Range
	hi := r.First.Hi
	for n := 0; n < maxNets && hi <= r.Last.Hi; n++ {
		for _, iid := range [...][2]uint64{
			{0, 0},
			{0x0200_5eff_fe00_0000, 0x0200_5eff_feff_ffff},
			{0xfdff_ffff_ffff_ff80, 0xfdff_ffff_ffff_ffff},
		} {
			out = append(out, lease6.Range{First: lease6.IP6{Hi: hi, Lo: iid[0]}, Last: lease6.IP6{Hi: hi, Lo: iid[1]}})
		}
		if hi++; hi == 0 {
			break
		}
	}
	return out
}

// addBlock adds a block of prefixes.
func (b *builder) addBlock(subnet int, s *DelegateSpec) (lease.PoolID, bool) {
	name := cmp.Or(s.Name, s.Prefix.String())
	where := b.subs[subnet].name + ": delegate " + name
	block := prefix6(s.Prefix)
	if block.Len == 0 || s.Prefix.Masked() != s.Prefix || s.Length < block.Len || s.Length >= 128 {
		b.fail("%s: %v is no block of prefixes with length %d", where, s.Prefix, s.Length)
		return 0, false
	}
	pool := lease6.Pool{Len: s.Length, Method: lease6.Method(s.Method)}
	if s.Method > Hash {
		b.fail("%s: method %d is not known", where, s.Method)
	}
	if s.Method == EUI64 {
		pool.Method = lease6.Hashed
	}
	var cut []lease6.Range
	for _, n := range s.Excluded {
		out := prefix6(n)
		if out.Len == 0 {
			b.fail("%s: %v is not an IPv6 prefix", where, n)
			continue
		}
		if out.Len > s.Length {
			out = lease6.PrefixFrom(out.IP6, s.Length) // whole prefixes
		}
		cut = append(cut, lease6.RangeOf(out))
	}
	sortByFirst(cut)
	pool.Ranges = subtract(lease6.RangeOf(block), cut)
	exclude := prefix6(s.Exclude)
	if s.Exclude != (netip.Prefix{}) && exclude.Len <= s.Length {
		b.fail("%s: %v cannot be left out of a prefix with length %d", where, s.Exclude, s.Length)
	}
	return b.enter(subnet, where, name, pool, s.Options, s.Classes, s.Deny, s.Times, exclude)
}

// enter gives a pool its number and its rules.
func (b *builder) enter(subnet int, where, name string, p lease6.Pool, options []Option, classes, deny []string, times *Times, exclude lease6.Prefix) (lease.PoolID, bool) {
	sub, build := &b.p.Subnets[subnet], &b.subs[subnet]
	b.checkOptions(where, options)
	if len(b.p.pools) == lease.MaxPools {
		b.fail("%s: more than %d pools", where, lease.MaxPools)
		return 0, false
	}
	rule := pool{subnet: sub, options: sub.Options, exclude: exclude}
	for _, names := range [][]string{classes, build.spec.Classes} {
		if len(names) > 0 {
			rule.need = append(rule.need, b.classSet(where, names))
		}
	}
	rule.deny = b.classSet(where, slices.Concat(deny, build.spec.Deny))
	if times != nil {
		t, err := times.defaults()
		if err != nil {
			b.fail("%s: %w", where, err)
		}
		rule.times = &t
	}
	if len(options) > 0 {
		from := build.layers
		from[layerPool] = options
		rule.options = b.compile(&from)
	}
	id := lease.PoolID(len(b.p.pools))
	p.Scope, p.Name = sub.Scope, b.uniquePool(sub.Scope, name)
	for _, r := range p.Ranges {
		sub.scope.ranges = append(sub.scope.ranges, poolRange{r.First, r.Last, id})
	}
	b.p.pools = append(b.p.pools, rule)
	b.p.Layout.Pools = append(b.p.Layout.Pools, p)
	return id, true
}

// sortRanges puts each scope's ranges in order and refuses pools that overlap, also
// those of different scopes: an address is leased once.
func (b *builder) sortRanges() {
	var all []poolRange
	for i := range b.p.Scopes {
		rs := b.p.Scopes[i].ranges
		slices.SortFunc(rs, func(x, y poolRange) int { return x.first.Compare(y.first) })
		all = append(all, rs...)
	}
	slices.SortFunc(all, func(x, y poolRange) int { return x.first.Compare(y.first) })
	for i := 1; i < len(all); i++ {
		if !all[i-1].last.Less(all[i].first) {
			b.fail("pools overlap at %v: %q and %q", all[i].first,
				b.p.Layout.Pools[all[i-1].pool].Name, b.p.Layout.Pools[all[i].pool].Name)
		}
	}
}

// uniquePool makes a pool's name unique in its scope: the lease table knows a pool
// by it across reloads.
func (b *builder) uniquePool(scope lease.ScopeID, name string) string {
	key := poolName{scope, name}
	b.poolNames[key]++
	if n := b.poolNames[key]; n > 1 {
		return b.uniquePool(scope, fmt.Sprintf("%s#%d", name, n))
	}
	return name
}

type poolName struct {
	scope lease.ScopeID
	name  string
}

func rangesText(rs []Range) string {
	var parts []string
	for _, r := range rs {
		parts = append(parts, r.First.String()+"-"+r.Last.String())
	}
	return strings.Join(parts, ",")
}

// ranges checks ranges and turns them into numbers.
func (b *builder) ranges(where string, sub *Subnet, rs []Range) []lease6.Range {
	var out []lease6.Range
	for _, r := range rs {
		first, last := ip6(r.First), ip6(r.Last)
		switch {
		case first.IsZero() || last.IsZero():
			b.fail("%s: %v-%v is not a range of IPv6 addresses", where, r.First, r.Last)
		case last.Less(first):
			b.fail("%s: %v comes after %v", where, r.First, r.Last)
		case sub != nil && (!sub.Prefix.Contains(first) || !sub.Prefix.Contains(last)):
			b.fail("%s: %v-%v is not inside the subnet", where, r.First, r.Last)
		case sub != nil && b.foreign(first, last, sub):
			b.fail("%s: %v-%v lies partly in another subnet inside this one", where, r.First, r.Last)
		default:
			out = append(out, lease6.Range{First: first, Last: last})
		}
	}
	return out
}

// foreign says whether some address of a range belongs to another subnet that lies
// inside of sub.
func (b *builder) foreign(first, last lease6.IP6, sub *Subnet) bool {
	at := &b.p.prefixes
	i, _ := slices.BinarySearchFunc(at.starts, next(first), lease6.IP6.Compare)
	for ; first.Less(last) && i < len(at.starts) && !last.Less(at.starts[i]); i++ {
		if b.p.subnet(at.subnet[i]) != sub {
			return true
		}
	}
	return b.p.SubnetOf(first) != sub
}

func sortByFirst(rs []lease6.Range) {
	slices.SortFunc(rs, func(x, y lease6.Range) int { return x.First.Compare(y.First) })
}

// subtract is what remains of r without the ranges of cut, which are ascending by
// First and may overlap.
func subtract(r lease6.Range, cut []lease6.Range) []lease6.Range {
	var left []lease6.Range
	for _, c := range cut {
		if c.Last.Less(r.First) {
			continue
		}
		if r.Last.Less(c.First) {
			break
		}
		if r.First.Less(c.First) {
			left = append(left, lease6.Range{First: r.First, Last: previous(c.First)})
		}
		if !c.Last.Less(r.Last) {
			return left
		}
		r.First = next(c.Last)
	}
	return append(left, r)
}
