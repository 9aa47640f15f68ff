// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
)

// expect tells the table about a message that will be handled soon.
func (s *six) expect(f *frame.Frame, p *parsed) {
	x := &p.six
	n := min(x.options.NumIAs(), lease6.MaxExpect)
	duid, ok := x.options.Get(x.msg, dhcp6.OptClientID)
	if n == 0 || !ok || s.table == nil {
		return
	}
	sel := policy6.Selector{Port: f.Port, NTags: p.layers.NTags}
	for i := range p.layers.NTags {
		sel.VLAN[i] = p.layers.TCI[i] & 0xfff
	}
	if levels := x.chain.N(); levels > 0 {
		sel.Relayed = true
		if link, _, ok := x.chain.Link(); ok {
			sel.Link = lease6.IP6From(link[:])
		}
		for i := levels - 1; i >= 0 && sel.InterfaceID == nil; i-- {
			sel.InterfaceID, _ = x.chain.InterfaceID(i)
		}
	}
	if x.at = s.policy.Select(&sel); x.at == nil {
		return
	}
	for i := range n {
		code, id, _ := x.options.Walk(x.msg, i)
		s.ias[i] = lease6.IA{Type: iaTypes[code], ID: id}
	}
	s.table.Expect(&x.who, x.at.Scope, duid, s.ias[:n])
	s.expected[s.nExpected] = &x.who
	s.nExpected++
}

// fetch goes on with what expect has begun.
func (s *six) fetch() {
	expected := s.expected[:s.nExpected]
	for _, w := range expected {
		s.table.Fetch(w)
	}
	s.nExpected = 0
}
