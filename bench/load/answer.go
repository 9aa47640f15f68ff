// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/binary"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// answer is a reply, read.
type answer struct {
	layers   eth.Layers
	msg      dhcp4.Msg
	options  dhcp4.Options
	typ      uint8
	yiaddr   uint32
	serverID uint32
	lease    uint32 // seconds
	client   uint32
}

// read finds out what a frame is and for whom. ours is false for a frame that
// is not for a DHCP client or relay at all.
func (a *answer) read(s *sim, b []byte) (w Wrong, ours bool) {
	if eth.Parse(b, &a.layers) != frame.OK || a.layers.V6 {
		return Unreadable, true
	}
	if a.layers.DstPort != dhcp4.ClientPort && a.layers.DstPort != dhcp4.ServerPort {
		return right, false
	}
	a.msg = dhcp4.Msg(b[a.layers.Payload:a.layers.End])
	if len(a.msg) < dhcp4.OffOptions || a.msg.Op() != dhcp4.BootReply || a.msg.HLen() != eth.LenMAC ||
		binary.BigEndian.Uint32(a.msg[offCookie:]) != dhcp4.Cookie || a.options.Scan(a.msg) != frame.OK {
		return Unreadable, true
	}
	mac := a.msg.Chaddr()
	if !bytes.Equal(mac[:2], s.cfg.FirstMAC[:2]) {
		return Foreign, true
	}
	a.client = binary.BigEndian.Uint32(mac[2:]) - binary.BigEndian.Uint32(s.cfg.FirstMAC[2:])
	if a.client >= uint32(len(s.clients)) {
		return Foreign, true
	}
	if owner, _ := s.xids.split(a.msg.XID()); owner != a.client {
		return WrongXID, true
	}
	a.typ = a.options.Type(a.msg)
	a.yiaddr = a.msg.Yiaddr()
	a.serverID, _ = a.options.U32(a.msg, dhcp4.OptServerID)
	a.lease, _ = a.options.U32(a.msg, dhcp4.OptLeaseTime)
	return right, true
}

// judge checks an answer to the message that the client waits for.
func (a *answer) judge(s *sim, b []byte, now int64) Wrong {
	c := &s.clients[a.client]
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
	if !a.inPlace(s, b) {
		return WrongPlace
	}
	if !a.echoesRelay(s) {
		return WrongRelay
	}
	if !a.options.Has(dhcp4.OptServerID) {
		return MissingOption
	}
	if c.state == requesting && a.serverID != c.server || len(s.serverIDs) > 0 && !s.isServer(a.serverID) {
		return WrongServer
	}
	if a.typ == dhcp4.Nak {
		return right
	}
	if !a.options.Has(dhcp4.OptLeaseTime) {
		return MissingOption
	}
	for _, code := range s.cfg.Require {
		if !a.options.Has(code) {
			return MissingOption
		}
	}
	switch {
	case a.typ == dhcp4.Ack && a.yiaddr != c.asked:
		return WrongAddress
	case !s.inPools(a.yiaddr):
		return WrongAddress
	case s.takenFrom(a.client, a.yiaddr, now):
		return TakenAddress
	}
	return right
}

// relayed says whether the client's message under way went through a relay.
func (s *sim) relayed(c *client) bool { return len(s.giaddrs) > 0 && c.state != renewing }

// inPlace says whether the reply came where its receiver listens. A direct
// client without an address may be answered by broadcast, whatever its flag
// says, or at its new address (RFC 2131 §4.1).
func (a *answer) inPlace(s *sim, b []byte) bool {
	c := &s.clients[a.client]
	for i := range int(a.layers.NTags) {
		// AF_PACKET has lost the outer tags.
		j := i + len(s.cfg.Tags) - int(a.layers.NTags)
		if j < 0 || a.layers.TCI[i]&0xfff != s.cfg.tag(j, a.client) {
			return false
		}
	}
	if int(a.layers.NTags) < len(s.cfg.Tags)-s.tagsLost {
		return false
	}
	dst := eth.IPv4(b[a.layers.L3:]).Dst()
	mac := MAC(eth.DstMAC(b))
	own := s.mac(a.client)
	if len(s.giaddrs) > 0 {
		own = s.cfg.LinkMAC
	}
	switch {
	case s.relayed(c):
		return a.layers.DstPort == dhcp4.ServerPort && dst == s.giaddr(a.client) && mac == own
	case a.layers.DstPort != dhcp4.ClientPort:
		return false
	case mac == broadcastMAC || dst == 0xffffffff:
		return mac == broadcastMAC && dst == 0xffffffff && (c.state != renewing || a.typ == dhcp4.Nak)
	case c.state == renewing || c.state == rebindingState:
		// A server's kernel asks by ARP, and the interface answers for all.
		return dst == c.asked && (mac == own || mac == s.cfg.LinkMAC)
	default:
		return dst == a.yiaddr && mac == own && !s.cfg.Broadcast
	}
}

// echoesRelay checks giaddr and option 82.
func (a *answer) echoesRelay(s *sim) bool {
	c := &s.clients[a.client]
	if !s.relayed(c) {
		return a.msg.Giaddr() == 0 && !a.options.Has(dhcp4.OptRelay)
	}
	if a.msg.Giaddr() != s.giaddr(a.client) {
		return false
	}
	got, _ := a.options.Get(a.msg, dhcp4.OptRelay)
	s.relayBuf = appendRelay(s.relayBuf[:0], a.client, s.mac(a.client))
	return bytes.Equal(got, s.relayBuf)
}
