// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"xdhcp/engine/lease"
)

// addPools fills Layout.Pools, the scopes' ranges and the subnets' order of
// pools.
func (b *builder) addPools() {
	p := b.p
	own := make([][]lease.PoolID, len(p.Subnets))
	var all []poolRange
	for i := range p.Subnets {
		sub, build := &p.Subnets[i], &b.subs[i]
		cut := b.excluded(build)
		for j := range build.spec.Pools {
			ps := &build.spec.Pools[j]
			name := cmp.Or(ps.Name, rangesText(ps.Ranges))
			where := build.name + ": pool " + name
			b.checkOptions(where, ps.Options)
			if len(p.Layout.Pools) == lease.MaxPools {
				b.fail("%s: more than %d pools", where, lease.MaxPools)
				return
			}
			id := lease.PoolID(len(p.Layout.Pools))
			options := sub.Options
			if len(ps.Options) > 0 {
				from := build.layers
				from[layerPool] = ps.Options
				options = b.compile(&from)
			}
			rule := b.poolRule(where, ps, build.spec)
			p.pools = append(p.pools, rule)
			pool := lease.Pool{Scope: sub.Scope, Name: b.uniquePool(sub.Scope, name)}
			for _, r := range b.ranges(where, sub, ps.Ranges) {
				for _, left := range subtract(r, cut) {
					pool.Ranges = append(pool.Ranges, left)
					all = append(all, poolRange{left.First, left.Last, id, sub, options, rule.times})
				}
			}
			slices.SortFunc(pool.Ranges, func(x, y lease.Range) int { return cmp.Compare(x.First, y.First) })
			p.Layout.Pools = append(p.Layout.Pools, pool)
			own[i] = append(own[i], id)
		}
	}
	slices.SortFunc(all, func(x, y poolRange) int { return cmp.Compare(x.first, y.first) })
	for i, r := range all {
		if i > 0 && r.first <= all[i-1].last {
			b.fail("pools overlap at %v: %q and %q", r.first, p.Layout.Pools[all[i-1].pool].Name, p.Layout.Pools[r.pool].Name)
		}
		r.subnet.scope.ranges = append(r.subnet.scope.ranges, r)
	}
	// What is small and of many subnets lies together.
	flat := make([]poolRange, 0, len(all))
	for i := range p.Scopes {
		sc := &p.Scopes[i]
		at := len(flat)
		flat = append(flat, sc.ranges...)
		sc.ranges = flat[at:len(flat):len(flat)]
		for _, s := range sc.subnets {
			s.ranges = sc.ranges
		}
	}
	// RFC 2131 §4.3.1: the link's other subnets may serve too; the one that the
	// packet points to comes first.
	total := 0
	for i := range p.Subnets {
		sub := &p.Subnets[i]
		sub.Choice = slices.Clone(own[i])
		for _, j := range sub.scope.Subnets {
			if j != i {
				sub.Choice = append(sub.Choice, own[j]...)
			}
		}
		for _, id := range sub.Choice {
			rule := &p.pools[id]
			sub.ruled = sub.ruled || rule.guarded()
			rule.names(&sub.named)
		}
		total += len(sub.Choice)
	}
	choices := make([]lease.PoolID, 0, total)
	for i := range p.Subnets {
		sub := &p.Subnets[i]
		at := len(choices)
		choices = append(choices, sub.Choice...)
		sub.Choice = choices[at:len(choices):len(choices)]
	}
}

// uniquePool makes a pool's name unique in its scope: the lease table knows a
// pool by it across reloads.
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
func (b *builder) ranges(where string, sub *Subnet, rs []Range) []lease.Range {
	var out []lease.Range
	for _, r := range rs {
		first, last := ip4(r.First), ip4(r.Last)
		switch {
		case !r.First.Is4() || !r.Last.Is4():
			b.fail("%s: %v-%v is not a range of IPv4 addresses", where, r.First, r.Last)
		case first > last:
			b.fail("%s: %v comes after %v", where, r.First, r.Last)
		case sub != nil && (!sub.Holds(first) || !sub.Holds(last)):
			b.fail("%s: %v-%v is not inside the subnet", where, r.First, r.Last)
		case sub != nil && b.foreign(first, last, sub):
			b.fail("%s: %v-%v lies partly in another subnet inside this one", where, r.First, r.Last)
		default:
			out = append(out, lease.Range{First: first, Last: last})
		}
	}
	return out
}

// foreign says whether some address of a range belongs to another subnet that
// lies inside of sub.
func (b *builder) foreign(first, last lease.IP4, sub *Subnet) bool {
	if b.inner == nil {
		for i := range b.p.Subnets {
			b.inner = append(b.inner, &b.p.Subnets[i])
		}
		slices.SortFunc(b.inner, func(x, y *Subnet) int { return cmp.Compare(x.Base, y.Base) })
	}
	i, _ := slices.BinarySearchFunc(b.inner, first, func(s *Subnet, a lease.IP4) int { return cmp.Compare(s.Base, a) })
	for ; i < len(b.inner) && b.inner[i].Base <= last; i++ {
		if b.inner[i].Bits > sub.Bits {
			return true
		}
	}
	return b.p.SubnetOf(first) != sub
}

// excluded is what no pool of the subnet may have, ascending: the configured
// exclusions, and the server's own addresses, which are in use.
func (b *builder) excluded(build *subnetBuild) []lease.Range {
	cut := b.ranges(build.name+": excluded", nil, build.spec.Excluded)
	for _, a := range b.p.ours {
		cut = append(cut, lease.Range{First: a, Last: a})
	}
	slices.SortFunc(cut, func(x, y lease.Range) int { return cmp.Compare(x.First, y.First) })
	return cut
}

// subtract is what remains of r without the ranges of cut, which are ascending
// by First and may overlap.
func subtract(r lease.Range, cut []lease.Range) []lease.Range {
	var left []lease.Range
	for _, c := range cut {
		if c.Last < r.First {
			continue
		}
		if c.First > r.Last {
			break
		}
		if c.First > r.First {
			left = append(left, lease.Range{First: r.First, Last: c.First - 1})
		}
		if c.Last >= r.Last {
			return left
		}
		r.First = c.Last + 1
	}
	return append(left, r)
}
