// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"net/netip"
	"time"
)

// six is the protocol of DHCPv6 clients: RFC 8415 §18.2.
type six struct {
	*sim
	held    []held6          // by client
	holders map[lease6]int32 // who was given what last
	servers [][]byte         // DUIDs, in the order in which they were seen
	relays  [][16]byte
	server  [16]byte // where relays send to
	msg     message6 // being written
	last    answer6
}

// lease6 is an address (128 bits long) or a prefix; the zero value is none.
type lease6 struct {
	addr [16]byte
	len  uint8
}

func (l lease6) prefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16(l.addr), int(l.len))
}

// What a client has one of each of: an address and a prefix.
const (
	ofNA = iota
	ofPD
	nIAs
)

// held6 is what a client has and wants.
type held6 struct {
	lease, asked [nIAs]lease6
	server       uint8 // index of the DUID
}

var names6 = names{
	kinds:    [nKinds]string{"sarr", "renew", "rebind", "release"},
	messages: [nMessages]string{"solicit", "request", "renew", "rebind", "release"},
	phases:   [nPhases]string{"advertise", "reply", "sarr", "renew", "rebind", "lag"},
}

// allServers is All_DHCP_Servers, ff05::1:3 (RFC 8415 §7.1).
var allServers = [16]byte{0xff, 5, 13: 1, 15: 3}

func newSix(s *sim) *six {
	p := &six{sim: s, held: make([]held6, len(s.clients)), holders: map[lease6]int32{}, server: allServers}
	for _, a := range s.cfg.Relays {
		p.relays = append(p.relays, a.As16())
	}
	if s.cfg.Server.IsValid() {
		p.server = s.cfg.Server.As16()
	}
	return p
}

func (p *six) names() *names  { return &names6 }
func (p *six) releases() bool { return true }

// asks says which kinds of lease the clients ask for.
func (p *six) asks() [nIAs]bool { return [nIAs]bool{ofNA: p.cfg.NA, ofPD: p.cfg.PD} }

func (p *six) again(i uint32) { p.held[i].asked = p.held[i].lease }

func (p *six) offered(i uint32) (moved bool) {
	h := &p.held[i]
	moved = p.clients[i].holds && p.last.leases != h.lease
	h.asked, h.server = p.last.leases, p.known(p.last.server)
	return moved
}

// maxServers is how many servers' DUIDs are kept apart.
const maxServers = 200

// known is the index of a server's DUID.
func (p *six) known(duid []byte) uint8 {
	for i, s := range p.servers {
		if bytes.Equal(s, duid) {
			return uint8(i)
		}
	}
	if len(p.servers) == maxServers {
		return maxServers - 1 // and its clients will be told so
	}
	p.servers = append(p.servers, bytes.Clone(duid))
	return uint8(len(p.servers) - 1)
}

func (p *six) tell(i uint32, now int64) {
	if p.clients[i].state == releasing {
		return
	}
	ack := Ack{At: p.tally.epoch.Add(time.Duration(now)), MAC: p.mac(i), Lease: p.last.valid}
	for kind, l := range p.last.leases {
		switch {
		case l == lease6{}:
			continue
		case kind == ofNA:
			ack.Addr, ack.Prefix = netip.AddrFrom16(l.addr), netip.Prefix{}
		default:
			ack.Addr, ack.Prefix = netip.Addr{}, l.prefix()
		}
		p.cfg.OnAck(ack)
		p.acks = true
	}
}

func (p *six) bind(i uint32) {
	h := &p.held[i]
	if h.lease != p.last.leases {
		p.forget(i)
		h.lease = p.last.leases
		for _, l := range h.lease {
			if l != (lease6{}) {
				p.holders[l] = int32(i)
			}
		}
	}
	h.server = p.known(p.last.server)
}

func (p *six) forget(i uint32) {
	h := &p.held[i]
	for _, l := range h.lease {
		if j, ok := p.holders[l]; ok && uint32(j) == i {
			delete(p.holders, l)
		}
	}
	h.lease = [nIAs]lease6{}
}

// takenFrom says whether another client than i holds the lease. Prefixes of
// different lengths that overlap are not found: a server has one length a pool.
func (p *six) takenFrom(i uint32, kind int, l lease6, now int64) bool {
	j, ok := p.holders[l]
	return ok && uint32(j) != i && p.held[j].lease[kind] == l && p.holding(uint32(j), now)
}
