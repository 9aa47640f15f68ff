// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// Expecter6 is the part of a lease6.Table that the look ahead tells what is coming.
type Expecter6 interface {
	Expect(scope lease.ScopeID, duid []byte, ia lease6.IA) lease6.Hint
	Fetch(lease6.Hint)
}

// peeked is as many IAs of a message as are looked at ahead.
const peeked = 2

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
	var ias [peeked]lease6.IA
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
			if n < peeked && len(data) >= 4 {
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
	for _, ia := range ias[:n] {
		s.hints[s.nHints] = s.table.Expect(at.Scope, duid, ia)
		s.nHints++
	}
}

// fetch goes on with what peek has begun.
func (s *six) fetch() {
	for _, h := range s.hints[:s.nHints] {
		s.table.Fetch(h)
	}
	s.nHints = 0
}
