// SPDX-License-Identifier: Apache-2.0

package policy6

import (
	"net/netip"

	"xdhcp/engine/lease6"
)

// A LeaseQuerySpec says who may ask about leases (RFC 5007). The zero value
// answers nobody.
type LeaseQuerySpec struct {
	Allow []netip.Prefix // those of IPv4 do not count here
	// NoOptions keeps the options of clients to ourselves: their leases are told,
	// and when they were last heard of.
	NoOptions bool
	// Relayed answers also those who ask through relay agents. Allow counts for both
	// ends: the relay agent that the server hears, and whom the agent next to the
	// requestor heard.
	Relayed bool
}

func (b *builder) addLeaseQuery() {
	for _, n := range b.spec.LeaseQuery.Allow {
		if n.IsValid() && n.Addr().Is6() {
			a := n.Masked().Addr().As16()
			b.p.mayQuery = append(b.p.mayQuery, lease6.PrefixFrom(lease6.IP6From(a[:]), uint8(n.Bits())))
		}
	}
	b.p.tellsNoOptions, b.p.relayedQueries = b.spec.LeaseQuery.NoOptions, b.spec.LeaseQuery.Relayed
}

// MayQuery says whether leasequeries from an address are answered.
func (p *Policy) MayQuery(a lease6.IP6) bool {
	for _, n := range p.mayQuery {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// MayQueryThrough says whether they are answered through relay agents.
func (p *Policy) MayQueryThrough() bool { return p.relayedQueries }

// TellsOptions says whether options of a client may be told to those who ask about
// its leases.
func (p *Policy) TellsOptions() bool { return !p.tellsNoOptions }
