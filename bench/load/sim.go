// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"slices"
	"time"

	"xdhcp/internal/wire/dhcp4"
)

// state is what a client waits for.
type state uint8

const (
	idle           state = iota // nothing, and it has no lease
	bound                       // nothing, and it has one
	selecting                   // an OFFER
	requesting                  // the ACK of an OFFER
	renewing                    // the ACK of a renewal
	rebindingState              // the ACK of a rebinding
)

// client is one simulated client.
type client struct {
	first   int64  // when the exchange under way was due
	due     int64  // when the message that it waits an answer for was due
	expires int64  // end of the lease
	lease   uint32 // the address it holds; 0 none
	asked   uint32 // the address that it asks for
	server  uint32 // server identifier
	count   uint32 // of exchanges, in the transaction's number
	step    uint32 // of messages and answers: a timer of another step is void
	state   state
	tries   uint8 // of the message under way, beyond the first
}

// sim is the clients.
type sim struct {
	cfg       *Config
	xids      xids
	clients   []client
	unbound   queue // who has no lease and no exchange
	leased    queue // who has a lease and no exchange, longest without one first
	holders   holders
	timers    timers
	templates [nMessages]*template
	giaddrs   []uint32
	serverIDs []uint32
	pools     []span
	tagsLost  int // VLAN tags that the transport does not show
	ipID      uint16

	answer   answer
	relayBuf []byte
	acks     bool // OnAck was called in this batch

	inFlight int
	tally    tally
}

type span struct{ first, last uint32 }

// newSim makes the clients; cfg is complete.
func newSim(cfg *Config, tagsLost int) *sim {
	s := &sim{
		cfg: cfg, xids: newXIDs(cfg.Clients), clients: make([]client, cfg.Clients),
		unbound: newQueue(cfg.Clients), leased: newQueue(cfg.Clients),
		timers: newTimers(cfg.Waits), tagsLost: tagsLost,
		relayBuf: make([]byte, 0, relayLen),
	}
	for i := range s.clients {
		s.unbound.push(uint32(i))
	}
	for m := range nMessages {
		s.templates[m] = newTemplate(cfg, m)
	}
	for _, a := range cfg.Relays {
		s.giaddrs = append(s.giaddrs, u32(a))
	}
	for _, a := range cfg.ServerIDs {
		s.serverIDs = append(s.serverIDs, u32(a))
	}
	for _, p := range cfg.Pools {
		first := u32(p.Masked().Addr())
		s.pools = append(s.pools, span{first, first | uint32(uint64(1)<<(32-p.Bits())-1)})
	}
	s.tally.init()
	return s
}

func (s *sim) mac(i uint32) MAC {
	m := s.cfg.FirstMAC
	binary.BigEndian.PutUint32(m[2:], binary.BigEndian.Uint32(m[2:])+i)
	return m
}

func (s *sim) giaddr(i uint32) uint32 { return s.giaddrs[int(i)%len(s.giaddrs)] }

func (s *sim) isServer(a uint32) bool { return slices.Contains(s.serverIDs, a) }

func (s *sim) inPools(a uint32) bool {
	if len(s.pools) == 0 {
		return a != 0
	}
	for _, p := range s.pools {
		if a >= p.first && a <= p.last {
			return true
		}
	}
	return false
}

// begin starts an exchange that was due at a time and writes its first message
// into b. It returns 0 if no client can take part: none is free, or none has a
// lease to renew.
func (s *sim) begin(k Kind, due, now int64, b []byte) int {
	var i uint32
	ok := false
	if k == DORA {
		i, ok = s.unbound.pop()
	}
	if !ok { // a client with a lease that boots again, or what needs a lease
		i, ok = s.leased.pop()
	}
	if !ok {
		s.tally.starved[k]++
		return 0
	}
	c := &s.clients[i]
	if k != DORA && now >= c.expires {
		s.drop(i)
		s.tally.starved[k]++
		return 0
	}
	c.first, c.due, c.tries = due, due, 0
	c.count++
	s.tally.begun[k]++
	switch k {
	case DORA:
		c.state = selecting
	case Renew:
		c.state, c.asked = renewing, c.lease
	case Rebind:
		c.state, c.asked = rebindingState, c.lease
	case Release:
		n := s.write(i, release, b)
		s.drop(i)
		s.tally.sent[release]++
		s.tally.done[Release]++
		return n
	}
	s.inFlight++
	return s.send(i, now, b)
}

// drop makes a client forget its lease.
func (s *sim) drop(i uint32) {
	c := &s.clients[i]
	if c.lease != 0 {
		s.holders.clear(c.lease, i)
		c.lease = 0
	}
	c.state = idle
	s.unbound.push(i)
}

// message is the one that a client in this state has sent.
func (c *client) message() message {
	switch c.state {
	case requesting:
		return request
	case renewing:
		return renewal
	case rebindingState:
		return rebinding
	}
	return discover
}

// send writes the message of the client's state and starts its timer.
func (s *sim) send(i uint32, now int64, b []byte) int {
	c := &s.clients[i]
	c.step++
	s.timers.start(int(c.tries), now, i, c.step)
	m := c.message()
	if c.tries == 0 {
		s.tally.sent[m]++
	} else {
		s.tally.resent[m]++
	}
	return s.write(i, m, b)
}

func (s *sim) write(i uint32, m message, b []byte) int {
	c := &s.clients[i]
	s.ipID++
	f := fields{client: i, mac: s.mac(i), xid: s.xids.make(i, c.count), serverID: c.server, id: s.ipID}
	switch m {
	case request:
		f.requested = c.asked
	case renewal, rebinding, release:
		f.ciaddr = c.lease
	}
	if len(s.giaddrs) > 0 {
		f.giaddr = s.giaddr(i)
	}
	return s.templates[m].write(s.cfg, b, &f)
}

// receive takes an answer in the frame b. If the client has something to say to
// it, its message is written into out and its length returned.
func (s *sim) receive(b []byte, now int64, out []byte) int {
	a := &s.answer
	w, ours := a.read(s, b)
	if !ours {
		return 0
	}
	s.tally.received++
	if w != right {
		s.tally.wrong[w]++
		return 0
	}
	if a.typ == dhcp4.Ack && s.cfg.OnAck != nil {
		s.cfg.OnAck(Ack{At: s.tally.epoch.Add(time.Duration(now)), Addr: addr4(a.yiaddr), MAC: s.mac(a.client), Lease: a.lease})
		s.acks = true
	}
	c := &s.clients[a.client]
	if c.state <= bound || !s.xids.current(a.msg.XID(), a.client, c.count) || c.state == requesting && a.typ == dhcp4.Offer {
		// A second answer, or one to an exchange that the client has given up.
		s.tally.late++
		return 0
	}
	if w := a.judge(s, b, now); w != right {
		s.tally.wrong[w]++
		return 0
	}
	switch a.typ {
	case dhcp4.Offer:
		s.tally.answered(phaseOffer, now-c.due)
		if c.lease != 0 && a.yiaddr != c.lease {
			s.tally.moved++
		}
		c.state, c.asked, c.server, c.tries = requesting, a.yiaddr, a.serverID, 0
		c.due = now
		return s.send(a.client, now, out)
	case dhcp4.Nak:
		s.tally.refused[c.kind()]++
		s.end(a.client)
		s.drop(a.client)
	case dhcp4.Ack:
		s.bind(a.client, a, now)
	}
	return 0
}

// kind is the exchange that a waiting client is in.
func (c *client) kind() Kind {
	switch c.state {
	case renewing:
		return Renew
	case rebindingState:
		return Rebind
	}
	return DORA
}

// end takes the client out of its exchange.
func (s *sim) end(i uint32) {
	s.clients[i].step++
	s.inFlight--
}

// bind completes an exchange.
func (s *sim) bind(i uint32, a *answer, now int64) {
	c := &s.clients[i]
	k := c.kind()
	switch k {
	case DORA:
		s.tally.answered(phaseAck, now-c.due)
		s.tally.answered(phaseDORA, now-c.first)
	case Renew:
		s.tally.answered(phaseRenew, now-c.first)
	case Rebind:
		s.tally.answered(phaseRebind, now-c.first)
	}
	s.tally.done[k]++
	s.tally.last = now
	if c.lease != a.yiaddr {
		if c.lease != 0 {
			s.holders.clear(c.lease, i)
		}
		c.lease = a.yiaddr
		s.holders.set(c.lease, i)
	}
	c.server = a.serverID
	c.expires = now + int64(a.lease)*int64(time.Second)
	s.end(i)
	c.state = bound
	s.leased.push(i)
}

// takenFrom says whether another client than i holds the address.
func (s *sim) takenFrom(i, addr uint32, now int64) bool {
	j, ok := s.holders.get(addr)
	if !ok || j == i {
		return false
	}
	c := &s.clients[j]
	return c.lease == addr && now < c.expires
}

// expire handles one timer that has run out, if there is one: it writes the
// retransmission into out and returns its length, or gives the exchange up.
// more is false when there is no such timer.
func (s *sim) expire(now int64, out []byte) (n int, more bool) {
	i, ok := s.timers.expired(now, s)
	if !ok {
		return 0, false
	}
	c := &s.clients[i]
	if int(c.tries)+1 < len(s.cfg.Waits) {
		c.tries++
		return s.send(i, now, out), true
	}
	s.tally.lost[c.message()]++
	s.giveUp(i, now)
	return 0, true
}

// giveUp ends an exchange without an answer.
func (s *sim) giveUp(i uint32, now int64) {
	c := &s.clients[i]
	s.end(i)
	if c.lease != 0 && now < c.expires {
		c.state = bound
		s.leased.push(i)
	} else {
		s.drop(i)
	}
}

// live says whether a timer still means something.
func (s *sim) live(i, step uint32) bool { return s.clients[i].step == step }
