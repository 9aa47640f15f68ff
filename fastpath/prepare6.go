// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// peek tells the table about a message that will be handled soon. It reads the message
// only as far as that takes, and proves nothing: parse will.
func (s *six) peek(f *frame.Frame, l *eth.Layers) {
	sel := policy6.Selector{Port: f.Port, NTags: l.NTags}
	for i := range l.NTags {
		sel.VLAN[i] = l.TCI[i] & 0xfff
	}
	m := f.Data[l.Payload:l.End]
	for level := 0; len(m) >= dhcp6.LenRelay && m[0] == dhcp6.RelayForw && level < dhcp6.MaxLevels; level++ {
		sel.Relayed = true
		if link := lease6.IP6From(m[2:]); !link.IsZero() {
			sel.Link = link
		}
		o := dhcp6.Opts(m[dhcp6.LenRelay:])
		m = nil
		for {
			code, data, rest, ok := o.Next()
			if !ok {
				break
			}
			switch code {
			case dhcp6.OptRelayMsg:
				m = data
			case dhcp6.OptInterfaceID:
				sel.InterfaceID = data
			}
			o = rest
		}
	}
	if len(m) < dhcp6.LenHeader {
		return
	}
	var duid []byte
	var ias [lease6.MaxExpect]lease6.IA
	n := 0
	for o := dhcp6.Msg(m).Opts(); ; {
		code, data, rest, ok := o.Next()
		if !ok {
			break
		}
		switch code {
		case dhcp6.OptClientID:
			duid = data
		case dhcp6.OptIANA, dhcp6.OptIAPD:
			if n < len(ias) && len(data) >= 4 {
				ias[n] = lease6.IA{Type: iaTypes[code], ID: binary.BigEndian.Uint32(data)}
				n++
			}
		}
		o = rest
	}
	if n == 0 {
		return
	}
	at := s.policy.Select(&sel)
	if at == nil {
		return
	}
	s.table.Expect(&s.hints[s.nHints], at.Scope, duid, ias[:n])
	s.nHints++
}

// fetch goes on with what peek has begun.
func (s *six) fetch() {
	hints := s.hints[:s.nHints]
	for i := range hints {
		s.table.Fetch(&hints[i])
	}
	for i := range hints {
		s.table.FetchRoom(&hints[i])
	}
	s.nHints = 0
}
