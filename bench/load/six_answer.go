// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// answer6 is a DHCPv6 reply, read. Its slices are views of the frame.
type answer6 struct {
	layers   eth.Layers
	msg      dhcp6.Msg
	relayed  bool
	envelope []byte // the Relay-reply's header, and its options
	server   []byte // DUID
	leases   [nIAs]lease6
	valid    uint32 // seconds, the shortest
	refused  bool   // a status code says no, or an IA that was asked for is empty
}

// unwrap takes the Relay-reply off.
func (a *answer6) unwrap(m dhcp6.Msg) (dhcp6.Msg, bool) {
	a.relayed, a.envelope = false, nil
	if len(m) == 0 || m[0] != dhcp6.RelayRepl {
		return m, true
	}
	if len(m) < dhcp6.LenRelay || !dhcp6.Opts(m[dhcp6.LenRelay:]).Valid() {
		return nil, false
	}
	a.relayed, a.envelope = true, m
	inner, ok := dhcp6.Opts(m[dhcp6.LenRelay:]).Get(dhcp6.OptRelayMsg)
	return dhcp6.Msg(inner), ok
}

func (p *six) read(b []byte) (r heard, w Wrong, ours bool) {
	a := &p.last
	if eth.Parse(b, &a.layers) != frame.OK || !a.layers.V6 {
		return r, Unreadable, true
	}
	if a.layers.DstPort != clientPort6 && a.layers.DstPort != serverPort6 {
		return r, right, false
	}
	var ok bool
	a.msg, ok = a.unwrap(dhcp6.Msg(b[a.layers.Payload:a.layers.End]))
	if !ok || len(a.msg) < dhcp6.LenHeader || !a.msg.Opts().Valid() {
		return r, Unreadable, true
	}
	duid, _ := a.msg.Opts().Get(dhcp6.OptClientID)
	if len(duid) != duidLen || binary.BigEndian.Uint32(duid) != 3<<16|1 || !bytes.Equal(duid[4:6], p.cfg.FirstMAC[:2]) {
		return r, Foreign, true
	}
	r.client = binary.BigEndian.Uint32(duid[6:]) - binary.BigEndian.Uint32(p.cfg.FirstMAC[2:])
	if r.client >= uint32(len(p.clients)) {
		return r, Foreign, true
	}
	xid := a.msg.XID()
	if xid>>8 != r.client&0xffff {
		return r, WrongXID, true
	}
	r.current = xid == xid6(r.client, p.clients[r.client].count)
	a.server, _ = a.msg.Opts().Get(dhcp6.OptServerID)
	if !a.readIAs(p.asks()) {
		return r, Unreadable, true
	}
	r.lease = a.valid
	switch {
	case a.msg.Type() == dhcp6.Advertise:
		// RFC 8415 §18.2.9: "The client MUST ignore any Advertise message that
		// contains no addresses … and no delegated prefixes". A client that is
		// not offered all that it asks for counts as one that is not.
		r.kind = offerAnswer
		if a.refused {
			r.kind = nakAnswer
		}
	case a.msg.Type() == dhcp6.Reply && p.clients[r.client].state == releasing:
		r.kind = ackAnswer // whatever it says: RFC 8415 §18.2.10.2
	case a.msg.Type() == dhcp6.Reply && a.refused:
		r.kind = nakAnswer
	case a.msg.Type() == dhcp6.Reply:
		r.kind = ackAnswer
	}
	return r, right, true
}

// readIAs finds what the message gives.
func (a *answer6) readIAs(asked [nIAs]bool) (ok bool) {
	a.leases, a.valid = [nIAs]lease6{}, ^uint32(0)
	status, _ := a.msg.Opts().Status()
	a.refused = status != 0
	for opts := a.msg.Opts(); ; {
		code, data, rest, more := opts.Next()
		if !more {
			break
		}
		opts = rest
		kind := ofNA
		switch code {
		case dhcp6.OptIAPD:
			kind = ofPD
		case dhcp6.OptIANA:
		default:
			continue
		}
		ia, whole := dhcp6.ParseIA(code, data)
		if !whole || !ia.Opts.Valid() {
			return false
		}
		if status, _ := ia.Opts.Status(); status != 0 {
			a.refused = true
		}
		var l dhcp6.Lease
		for walk := ia.Leases(); walk.Next(&l); {
			if l.Valid > 0 && ia.ID == iaid {
				a.leases[kind] = lease6{l.Addr, l.Len}
				a.valid = min(a.valid, l.Valid)
			}
		}
	}
	for kind, wanted := range asked {
		if wanted && a.leases[kind] == (lease6{}) {
			a.refused = true
		}
	}
	return true
}

func (p *six) judge(i uint32, b []byte, now int64) Wrong {
	c, h, a := &p.clients[i], &p.held[i], &p.last
	switch a.msg.Type() {
	case dhcp6.Advertise:
		if c.state != selecting {
			return WrongType
		}
	case dhcp6.Reply:
		if c.state == selecting {
			return WrongType
		}
	default:
		return WrongType
	}
	switch {
	case !p.inPlace(i, b):
		return WrongPlace
	case !p.echoesRelay(i):
		return WrongRelay
	case len(a.server) == 0:
		return MissingOption
	case (c.state == requesting || c.state == renewing || c.state == releasing) && !bytes.Equal(a.server, p.servers[h.server]):
		return WrongServer
	case a.refused || c.state == releasing:
		return right
	}
	for _, code := range p.cfg.Require {
		if _, ok := a.msg.Opts().Get(uint16(code)); !ok {
			return MissingOption
		}
	}
	for kind, l := range a.leases {
		if l == (lease6{}) {
			continue
		}
		pools := p.cfg.Pools
		if kind == ofPD {
			pools = p.cfg.Delegated
		}
		switch {
		case !p.asks()[kind], a.msg.Type() == dhcp6.Reply && l != h.asked[kind]:
			return WrongAddress
		case len(pools) > 0 && !slices.ContainsFunc(pools, func(n netip.Prefix) bool {
			return n.Contains(netip.AddrFrom16(l.addr)) && n.Bits() <= int(l.len)
		}):
			return WrongAddress
		case p.takenFrom(i, kind, l, now):
			return TakenAddress
		}
	}
	return right
}

// inPlace says whether the reply came where its receiver listens.
func (p *six) inPlace(i uint32, b []byte) bool {
	l := &p.last.layers
	if !p.tagged(i, l) {
		return false
	}
	dst, mac := [16]byte(eth.IPv6(b[l.L3:]).Dst()), MAC(eth.DstMAC(b))
	if len(p.relays) > 0 {
		return p.last.relayed && l.DstPort == serverPort6 && dst == p.relay(i) && mac == p.cfg.LinkMAC
	}
	own := p.mac(i)
	return !p.last.relayed && l.DstPort == clientPort6 && dst == linkLocal(own) && mac == own
}

// echoesRelay checks hop count, link- and peer-address and the Interface-ID: RFC
// 8415 §19.3.
func (p *six) echoesRelay(i uint32) bool {
	if len(p.relays) == 0 {
		return true
	}
	e := p.last.envelope
	link, peer := p.relay(i), linkLocal(p.mac(i))
	id, _ := dhcp6.Opts(e[dhcp6.LenRelay:]).Get(dhcp6.OptInterfaceID)
	return e[1] == 0 && bytes.Equal(e[2:18], link[:]) && bytes.Equal(e[18:34], peer[:]) && bytes.Equal(id, p.msg.interfaceID(i))
}
