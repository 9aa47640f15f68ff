// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"time"

	"xdhcp/internal/wire/eth"
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
	releasing                   // the Reply to a Release, which only DHCPv6 has
)

// client is one simulated client. What it holds is in its protocol.
type client struct {
	first   int64  // when the exchange under way was due
	due     int64  // when the message that it waits an answer for was due
	expires int64  // end of the lease
	count   uint32 // of exchanges, in the transaction's number
	step    uint32 // of messages and answers: a timer of another step is void
	state   state
	tries   uint8 // of the message under way, beyond the first
	holds   bool  // a lease
}

// protocol is what clients of DHCPv4 and of DHCPv6 do differently. It keeps what
// they hold and ask for, and the answer that was read last.
type protocol interface {
	// write makes a client's message in b and returns its length.
	write(i uint32, m message, b []byte) int
	// read finds out what a frame is and for whom. ours is false for a frame
	// that is not for a DHCP client or relay at all.
	read(b []byte) (r heard, w Wrong, ours bool)
	// judge checks the answer in the frame b, which was read last, against what
	// the client waits for.
	judge(i uint32, b []byte, now int64) Wrong
	// offered notes what an OFFER offers; moved: something else than is held.
	offered(i uint32) (moved bool)
	// tell calls OnAck with what an ACK gives.
	tell(i uint32, now int64)
	// bind has the client hold what an ACK gives.
	bind(i uint32)
	// forget has it hold nothing.
	forget(i uint32)
	// again has it ask for what it holds.
	again(i uint32)
	// releases says whether a release has an answer.
	releases() bool
	names() *names
}

// names are how results call things.
type names struct {
	kinds    [nKinds]string
	messages [nMessages]string
	phases   [nPhases]string
}

// heard is what clients need to know of an answer.
type heard struct {
	client  uint32
	current bool // of the transaction that the client is in, or was last
	kind    answerKind
	lease   uint32 // seconds
}

type answerKind uint8

const (
	otherAnswer answerKind = iota
	offerAnswer            // OFFER, Advertise
	ackAnswer              // ACK, Reply
	nakAnswer              // NAK, or a Reply that says no
)

// sim is the clients.
type sim struct {
	cfg      *Config
	xids     xids
	clients  []client
	unbound  queue // who has no lease and no exchange
	leased   queue // who has a lease and no exchange, longest without one first
	timers   timers
	tagsLost int // VLAN tags that the transport does not show
	proto    protocol
	acks     bool // OnAck was called in this batch

	inFlight int
	tally    tally
}

// newSim makes the clients; cfg is complete.
func newSim(cfg *Config, tagsLost int) *sim {
	s := &sim{
		cfg: cfg, xids: newXIDs(cfg.Clients), clients: make([]client, cfg.Clients),
		unbound: newQueue(cfg.Clients), leased: newQueue(cfg.Clients),
		timers: newTimers(cfg.Waits, cfg.Jitter), tagsLost: tagsLost,
	}
	for i := range s.clients {
		s.unbound.push(uint32(i))
	}
	if cfg.V6 {
		s.proto = newSix(s)
	} else {
		s.proto = newFour(s)
	}
	s.tally.init()
	return s
}

func (s *sim) mac(i uint32) MAC {
	m := s.cfg.FirstMAC
	binary.BigEndian.PutUint32(m[2:], binary.BigEndian.Uint32(m[2:])+i)
	return m
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
		c.state = renewing
		s.proto.again(i)
	case Rebind:
		c.state = rebindingState
		s.proto.again(i)
	case Release:
		if s.proto.releases() {
			c.state = releasing
			break
		}
		n := s.proto.write(i, release, b)
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
	if c.holds {
		s.proto.forget(i)
		c.holds = false
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
	case releasing:
		return release
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
	return s.proto.write(i, m, b)
}

// receive takes an answer in the frame b. If the client has something to say to
// it, its message is written into out and its length returned.
func (s *sim) receive(b []byte, now int64, out []byte) int {
	r, w, ours := s.proto.read(b)
	if !ours {
		return 0
	}
	s.tally.received++
	if w != right {
		s.tally.wrong[w]++
		return 0
	}
	if r.kind == ackAnswer && s.cfg.OnAck != nil {
		s.proto.tell(r.client, now)
	}
	c := &s.clients[r.client]
	if c.state <= bound || !r.current || c.state == requesting && r.kind == offerAnswer {
		// A second answer, or one to an exchange that the client has given up.
		s.tally.late++
		return 0
	}
	if w := s.proto.judge(r.client, b, now); w != right {
		s.tally.wrong[w]++
		return 0
	}
	switch r.kind {
	case offerAnswer:
		s.tally.answered(phaseOffer, now-c.due)
		if s.proto.offered(r.client) {
			s.tally.moved++
		}
		c.state, c.tries, c.due = requesting, 0, now
		return s.send(r.client, now, out)
	case nakAnswer:
		s.tally.refused[c.kind()]++
		s.end(r.client)
		s.drop(r.client)
	case ackAnswer:
		s.bind(r.client, r.lease, now)
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
	case releasing:
		return Release
	}
	return DORA
}

// end takes the client out of its exchange.
func (s *sim) end(i uint32) {
	s.clients[i].step++
	s.inFlight--
}

// bind completes an exchange; the lease lasts so many seconds.
func (s *sim) bind(i, lease uint32, now int64) {
	c := &s.clients[i]
	k := c.kind()
	switch k {
	case DORA:
		s.tally.answered(phaseAck, now-c.due)
		s.tally.whole(phaseDORA, c.first, now)
	case Renew:
		s.tally.whole(phaseRenew, c.first, now)
	case Rebind:
		s.tally.whole(phaseRebind, c.first, now)
	}
	s.tally.done[k]++
	s.tally.last = now
	s.end(i)
	if k == Release {
		s.drop(i)
		return
	}
	s.proto.bind(i)
	c.holds = true
	c.expires = now + int64(lease)*int64(time.Second)
	c.state = bound
	s.leased.push(i)
}

// holding says whether a client has a lease that lasts.
func (s *sim) holding(i uint32, now int64) bool {
	c := &s.clients[i]
	return c.holds && now < c.expires
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
	if s.holding(i, now) {
		c.state = bound
		s.leased.push(i)
	} else {
		s.drop(i)
	}
}

// live says whether a timer still means something.
func (s *sim) live(i, step uint32) bool { return s.clients[i].step == step }

// tagged says whether a frame carries the client's VLAN tags.
func (s *sim) tagged(i uint32, l *eth.Layers) bool {
	for k := range int(l.NTags) {
		// AF_PACKET has lost the outer tags.
		j := k + len(s.cfg.Tags) - int(l.NTags)
		if j < 0 || l.TCI[k]&0xfff != s.cfg.tag(j, i) {
			return false
		}
	}
	return int(l.NTags) >= len(s.cfg.Tags)-s.tagsLost
}
