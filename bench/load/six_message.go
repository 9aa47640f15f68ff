// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"

	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// The addresses and ports of RFC 8415 §7.
var (
	allRelaysAndServers = [16]byte{0xff, 2, 13: 1, 15: 2}
	groupMAC            = MAC{0x33, 0x33, 0, 1, 0, 2} // RFC 2464 §7
)

const (
	clientPort6, serverPort6 = 546, 547

	hopLimit    = 64
	hopLimitMax = 1 // of multicast on the link

	iaid    = 1 // of both IAs: their spaces are apart
	duidLen = 4 + eth.LenMAC
)

// requestList is what clients ask for in the ORO: DNS servers and search list,
// SOL_MAX_RT (RFC 8415 §18.2.1).
var requestList = []byte{0, dhcp6.OptDNSServers, 0, dhcp6.OptDomainList, 0, dhcp6.OptSolMaxRT}

var messageTypes6 = [nMessages]uint8{dhcp6.Solicit, dhcp6.Request, dhcp6.Renew, dhcp6.Rebind, dhcp6.Release}

// message6 is room for a message on its way into its frame.
type message6 struct {
	layers eth.Layers
	duid   [duidLen]byte
	id     [circuitLen]byte
}

// duid is a client's DUID-LL: RFC 8415 §11.4.
func putDUID(b []byte, mac MAC) {
	binary.BigEndian.PutUint16(b, 3)
	binary.BigEndian.PutUint16(b[2:], 1)
	copy(b[4:], mac[:])
}

// linkLocal is a client's address: RFC 4291 appendix A.
func linkLocal(mac MAC) [16]byte {
	return [16]byte{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]}
}

func (p *six) relay(i uint32) [16]byte { return p.relays[int(i)%len(p.relays)] }

// interfaceID is what the relay agent says of the line that a client is on.
func (m *message6) interfaceID(client uint32) []byte {
	copy(m.id[:], circuitID)
	putHex(m.id[len(circuitID):], client)
	return m.id[:]
}

// xid6 is a transaction of 24 bits: the last bits of the client's number and of
// its count. What a client is, its DUID says.
func xid6(client, count uint32) uint32 { return (client<<8 | count&0xff) & 0xffffff }

func (p *six) write(i uint32, m message, b []byte) int {
	l := &p.msg.layers
	var tci [eth.MaxTags]uint16
	for k := range p.cfg.Tags {
		tci[k] = p.cfg.tag(k, i)
	}
	eth.Place6(b, l, tci[:len(p.cfg.Tags)]...)
	mac := p.mac(i)
	payload := b[l.Payload:cap(b)]
	h := eth.Headers6{SrcMAC: mac, DstMAC: groupMAC, Src: linkLocal(mac), Dst: allRelaysAndServers,
		SrcPort: clientPort6, DstPort: serverPort6, HopLimit: hopLimitMax}
	n := 0
	if len(p.relays) > 0 {
		h.SrcMAC, h.DstMAC, h.Src, h.Dst = p.cfg.LinkMAC, p.cfg.ServerMAC, p.relay(i), p.server
		h.SrcPort, h.HopLimit = serverPort6, hopLimit
		n = p.wrap(i, m, payload)
	} else {
		n = p.message(i, m, payload)
	}
	return eth.BuildUDP6(b[:cap(b)], l, &h, n)
}

// wrap writes the Relay-forward of RFC 8415 §19.1.1 around a message.
func (p *six) wrap(i uint32, m message, b []byte) int {
	b[0], b[1] = dhcp6.RelayForw, 0
	link, peer := p.relay(i), linkLocal(p.mac(i))
	copy(b[2:], link[:])
	copy(b[18:], peer[:])
	w := dhcp6.NewWriter(b[dhcp6.LenRelay:])
	w.Put(dhcp6.OptInterfaceID, p.msg.interfaceID(i))
	at := dhcp6.LenRelay + w.Len()
	n := p.message(i, m, b[at+4:])
	binary.BigEndian.PutUint16(b[at:], dhcp6.OptRelayMsg)
	binary.BigEndian.PutUint16(b[at+2:], uint16(n))
	return at + 4 + n
}

// message writes the client's own message.
func (p *six) message(i uint32, m message, b []byte) int {
	h := &p.held[i]
	w := dhcp6.NewMessage(b, messageTypes6[m], xid6(i, p.clients[i].count))
	putDUID(p.msg.duid[:], p.mac(i))
	w.Put(dhcp6.OptClientID, p.msg.duid[:])
	if m == request || m == renewal || m == release {
		w.Put(dhcp6.OptServerID, p.servers[h.server])
	}
	w.PutU16(dhcp6.OptElapsedTime, 0)
	if m != release {
		w.Put(dhcp6.OptORO, requestList)
	}
	leases := [nIAs]lease6{}
	switch m {
	case request, renewal, rebinding:
		leases = h.asked
	case release:
		leases = h.lease
	}
	for kind, asked := range p.asks() {
		if !asked {
			continue
		}
		code := uint16(dhcp6.OptIANA)
		if kind == ofPD {
			code = dhcp6.OptIAPD
		}
		ia := w.OpenIA(code, iaid, 0, 0)
		switch l := leases[kind]; {
		case l == lease6{}:
		case kind == ofNA:
			w.PutAddr(l.addr, 0, 0)
		default:
			w.PutPrefix(l.addr, l.len, 0, 0)
		}
		w.Close(ia)
	}
	n, _ := w.End() // a frame has room for far more
	return n
}
