// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// four is the protocol of DHCPv4 clients.
type four struct {
	*sim
	held      []held4 // by client
	holders   holders
	templates [nMessages]*template
	giaddrs   []uint32
	serverIDs []uint32
	pools     []span
	relayBuf  []byte
	ipID      uint16
	last      answer4
}

// held4 is what a client has and wants; 0 is no address.
type held4 struct {
	lease  uint32 // the address it holds
	asked  uint32 // the address that it asks for
	server uint32 // server identifier
}

type span struct{ first, last uint32 }

var names4 = names{
	kinds:    [nKinds]string{"dora", "renew", "rebind", "release"},
	messages: [nMessages]string{"discover", "request", "renew", "rebind", "release"},
	phases:   [nPhases]string{"offer", "ack", "dora", "renew", "rebind", "lag"},
}

func newFour(s *sim) *four {
	p := &four{sim: s, held: make([]held4, len(s.clients)), relayBuf: make([]byte, 0, relayLen)}
	for m := range nMessages {
		p.templates[m] = newTemplate(s.cfg, m)
	}
	for _, a := range s.cfg.Relays {
		p.giaddrs = append(p.giaddrs, u32(a))
	}
	for _, a := range s.cfg.ServerIDs {
		p.serverIDs = append(p.serverIDs, u32(a))
	}
	for _, n := range s.cfg.Pools {
		first := u32(n.Masked().Addr())
		p.pools = append(p.pools, span{first, first | uint32(uint64(1)<<(32-n.Bits())-1)})
	}
	return p
}

func (p *four) names() *names  { return &names4 }
func (p *four) releases() bool { return false }

func (p *four) giaddr(i uint32) uint32 { return p.giaddrs[int(i)%len(p.giaddrs)] }

func (p *four) isServer(a uint32) bool { return slices.Contains(p.serverIDs, a) }

func (p *four) inPools(a uint32) bool {
	if len(p.pools) == 0 {
		return a != 0
	}
	for _, n := range p.pools {
		if a >= n.first && a <= n.last {
			return true
		}
	}
	return false
}

func (p *four) write(i uint32, m message, b []byte) int {
	c, h := &p.clients[i], &p.held[i]
	p.ipID++
	f := fields{client: i, mac: p.mac(i), xid: p.xids.make(i, c.count), serverID: h.server, id: p.ipID}
	switch m {
	case request:
		f.requested = h.asked
	case renewal, rebinding, release:
		f.ciaddr = h.lease
	}
	if len(p.giaddrs) > 0 {
		f.giaddr = p.giaddr(i)
	}
	return p.templates[m].write(p.cfg, b, &f)
}

func (p *four) again(i uint32) { p.held[i].asked = p.held[i].lease }

func (p *four) offered(i uint32) (moved bool) {
	h := &p.held[i]
	moved = p.clients[i].holds && p.last.yiaddr != h.lease
	h.asked, h.server = p.last.yiaddr, p.last.serverID
	return moved
}

func (p *four) tell(i uint32, now int64) {
	p.cfg.OnAck(Ack{At: p.tally.epoch.Add(time.Duration(now)), Addr: addr4(p.last.yiaddr), MAC: p.mac(i), Lease: p.last.lease})
	p.acks = true
}

func (p *four) bind(i uint32) {
	h := &p.held[i]
	if h.lease != p.last.yiaddr {
		p.forget(i)
		h.lease = p.last.yiaddr
		p.holders.set(h.lease, i)
	}
	h.server = p.last.serverID
}

func (p *four) forget(i uint32) {
	if h := &p.held[i]; h.lease != 0 {
		p.holders.clear(h.lease, i)
		h.lease = 0
	}
}

// takenFrom says whether another client than i holds the address.
func (p *four) takenFrom(i, addr uint32, now int64) bool {
	j, ok := p.holders.get(addr)
	return ok && j != i && p.held[j].lease == addr && p.holding(j, now)
}

// answer4 is a DHCPv4 reply, read.
type answer4 struct {
	layers   eth.Layers
	msg      dhcp4.Msg
	options  dhcp4.Options
	typ      uint8
	yiaddr   uint32
	serverID uint32
	lease    uint32 // seconds
	client   uint32
}

func (p *four) read(b []byte) (r heard, w Wrong, ours bool) {
	a := &p.last
	if eth.Parse(b, &a.layers) != frame.OK || a.layers.V6 {
		return r, Unreadable, true
	}
	if a.layers.DstPort != dhcp4.ClientPort && a.layers.DstPort != dhcp4.ServerPort {
		return r, right, false
	}
	a.msg = dhcp4.Msg(b[a.layers.Payload:a.layers.End])
	if len(a.msg) < dhcp4.OffOptions || a.msg.Op() != dhcp4.BootReply || a.msg.HLen() != eth.LenMAC ||
		binary.BigEndian.Uint32(a.msg[offCookie:]) != dhcp4.Cookie || a.options.Scan(a.msg) != frame.OK {
		return r, Unreadable, true
	}
	mac := a.msg.Chaddr()
	if !bytes.Equal(mac[:2], p.cfg.FirstMAC[:2]) {
		return r, Foreign, true
	}
	a.client = binary.BigEndian.Uint32(mac[2:]) - binary.BigEndian.Uint32(p.cfg.FirstMAC[2:])
	if a.client >= uint32(len(p.clients)) {
		return r, Foreign, true
	}
	if owner, _ := p.xids.split(a.msg.XID()); owner != a.client {
		return r, WrongXID, true
	}
	a.typ = a.options.Type(a.msg)
	a.yiaddr = a.msg.Yiaddr()
	a.serverID, _ = a.options.U32(a.msg, dhcp4.OptServerID)
	a.lease, _ = a.options.U32(a.msg, dhcp4.OptLeaseTime)
	r = heard{client: a.client, current: p.xids.current(a.msg.XID(), a.client, p.clients[a.client].count), lease: a.lease}
	switch a.typ {
	case dhcp4.Offer:
		r.kind = offerAnswer
	case dhcp4.Ack:
		r.kind = ackAnswer
	case dhcp4.Nak:
		r.kind = nakAnswer
	}
	return r, right, true
}

func (p *four) judge(i uint32, b []byte, now int64) Wrong {
	c, h, a := &p.clients[i], &p.held[i], &p.last
	switch a.typ {
	case dhcp4.Offer:
		if c.state != selecting {
			return WrongType
		}
	case dhcp4.Ack, dhcp4.Nak:
		if c.state == selecting {
			return WrongType
		}
	case 0:
		return MissingOption
	default:
		return WrongType
	}
	if !p.inPlace(i, b) {
		return WrongPlace
	}
	if !p.echoesRelay(i) {
		return WrongRelay
	}
	if !a.options.Has(dhcp4.OptServerID) {
		return MissingOption
	}
	if c.state == requesting && a.serverID != h.server || len(p.serverIDs) > 0 && !p.isServer(a.serverID) {
		return WrongServer
	}
	if a.typ == dhcp4.Nak {
		return right
	}
	if !a.options.Has(dhcp4.OptLeaseTime) {
		return MissingOption
	}
	for _, code := range p.cfg.Require {
		if !a.options.Has(code) {
			return MissingOption
		}
	}
	switch {
	case a.typ == dhcp4.Ack && a.yiaddr != h.asked:
		return WrongAddress
	case !p.inPools(a.yiaddr):
		return WrongAddress
	case p.takenFrom(i, a.yiaddr, now):
		return TakenAddress
	}
	return right
}

// relayed says whether the client's message under way went through a relay.
func (p *four) relayed(c *client) bool { return len(p.giaddrs) > 0 && c.state != renewing }

// inPlace says whether the reply came where its receiver listens. A direct
// client without an address may be answered by broadcast, whatever its flag
// says, or at its new address (RFC 2131 §4.1).
func (p *four) inPlace(i uint32, b []byte) bool {
	c, a := &p.clients[i], &p.last
	if !p.tagged(i, &a.layers) {
		return false
	}
	dst := eth.IPv4(b[a.layers.L3:]).Dst()
	mac := MAC(eth.DstMAC(b))
	own := p.mac(i)
	if len(p.giaddrs) > 0 {
		own = p.cfg.LinkMAC
	}
	switch {
	case p.relayed(c):
		return a.layers.DstPort == dhcp4.ServerPort && dst == p.giaddr(i) && mac == own
	case a.layers.DstPort != dhcp4.ClientPort:
		return false
	case mac == broadcastMAC || dst == 0xffffffff:
		return mac == broadcastMAC && dst == 0xffffffff && (c.state != renewing || a.typ == dhcp4.Nak)
	case c.state == renewing || c.state == rebindingState:
		// A server's kernel asks by ARP, and the interface answers for all.
		return dst == p.held[i].asked && (mac == own || mac == p.cfg.LinkMAC)
	default:
		return dst == a.yiaddr && mac == own && !p.cfg.Broadcast
	}
}

// echoesRelay checks giaddr and option 82.
func (p *four) echoesRelay(i uint32) bool {
	c, a := &p.clients[i], &p.last
	if !p.relayed(c) {
		return a.msg.Giaddr() == 0 && !a.options.Has(dhcp4.OptRelay)
	}
	if a.msg.Giaddr() != p.giaddr(i) {
		return false
	}
	got, _ := a.options.Get(a.msg, dhcp4.OptRelay)
	p.relayBuf = appendRelay(p.relayBuf[:0], i, p.mac(i))
	return bytes.Equal(got, p.relayBuf)
}
