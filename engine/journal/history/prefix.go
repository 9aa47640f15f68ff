// SPDX-License-Identifier: Apache-2.0

package history

import (
	"cmp"
	"fmt"
	"slices"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

// ByPrefix returns who had what overlaps p at any time from from to to, both included,
// in the order of time: for an address, those who had the address or a prefix that
// contains it; for a prefix, also those who had a part of it.
func (v *View) ByPrefix(p lease6.Prefix, from, to lease.Time) ([]Record, error) {
	set, err := v.overlapping(p)
	if err != nil {
		return nil, err
	}
	spans, err := v.spans(inOrder(set))
	if err != nil {
		return nil, err
	}
	var rs []Record
	for i := range spans {
		rs = within(rs, spans[i], from, to)
	}
	slices.SortStableFunc(rs, func(a, b Record) int { return cmp.Compare(a.From, b.From) })
	return rs, nil
}

// overlapping are the prefixes that the history has of those that overlap p.
func (v *View) overlapping(p lease6.Prefix) (map[place]bool, error) {
	set := map[place]bool{}
	inside := false
	for _, r := range v.runs {
		for n := range uint8(129) {
			switch {
			case r.Lens[n/64]>>(n%64)&1 == 0:
			case n <= p.Len:
				set[place6(lease6.PrefixFrom(p.IP6, n))] = true
			default:
				inside = true
			}
		}
	}
	if inside {
		found := make([][]place, len(v.runs))
		first := p.As16()
		err := v.scan(ofSpans6, first[:p.Len/8], func(run int, k, _ []byte) bool {
			at := placeOf(k, placeLen6)
			if n := len(found[run]); p.Contains(at.prefix().IP6) && (n == 0 || found[run][n-1] != at) {
				found[run] = append(found[run], at)
			}
			return len(found[run]) <= MaxAddrs
		})
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		for _, addrs := range found {
			for _, a := range addrs {
				set[a] = true
			}
		}
	}
	err := v.eachTail(func(rec []byte) {
		if q := recPrefix(rec); isV6(rec) && q.Len > 0 && q.Len <= 128 && q.Overlaps(p) {
			set[place6(q)] = true
		}
	})
	if err != nil {
		return nil, err
	}
	if len(set) > MaxAddrs {
		return nil, ErrTooMany
	}
	return set, nil
}
