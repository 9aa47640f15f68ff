// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"context"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// serve is the consumer of both queues; see the package's doc for its steps.
func (s *Server) serve(ctx context.Context) {
	s.o.Journal.Notify(s.o.Lane, s.durableMoved)
	defer s.o.Journal.Notify(s.o.Lane, nil)

	timer := time.NewTimer(staleAfter)
	defer timer.Stop()
	done := ctx.Done()
	for {
		punted, kernel := s.punted.full, s.kernel.full
		if len(s.lot)+batchSize > s.o.Park {
			// Nothing is promised that could not be kept: what comes in waits
			// in the queues, and beyond them is refused.
			punted, kernel = nil, nil
		}
		timer.Reset(s.patience())
		select {
		case p := <-punted:
			s.gather(p)
		case p := <-kernel:
			s.gather(p)
		case <-s.moved:
		case o := <-s.orders:
			o.done <- o.do()
		case <-timer.C:
		case <-done:
			done = nil
		}
		s.turn()
		if done == nil && len(s.punted.full)+len(s.kernel.full) == 0 && (len(s.lot) == 0 || s.o.Journal.Err() != nil) {
			s.giveUp()
			return
		}
	}
}

// durableMoved is called after each group that the journal has written, on the
// committer's thread. There are thousands a second of other lanes, and mostly
// nothing of ours waits for them.
func (s *Server) durableMoved() {
	if s.waiting.Load() == 0 {
		return
	}
	select {
	case s.moved <- struct{}{}:
	default: // serve has not yet looked at the last one
	}
}

// patience is how long serve may sleep if nothing wakes it.
func (s *Server) patience() time.Duration {
	if len(s.lot) == 0 {
		return time.Hour
	}
	return staleAfter - s.o.Clock().Sub(s.lot[0].since)
}

// gather takes p and what else waits, from both queues in turn, up to a batch.
func (s *Server) gather(p *packet) {
	s.inHand = append(s.inHand, p)
	for len(s.inHand) < batchSize {
		n := len(s.inHand)
		select {
		case p := <-s.punted.full:
			s.inHand = append(s.inHand, p)
		default:
		}
		select {
		case p := <-s.kernel.full:
			s.inHand = append(s.inHand, p)
		default:
		}
		if len(s.inHand) == n {
			return
		}
	}
}

// turn decides on the packets in hand, hands their changes to the journal, and
// sends what may be sent.
func (s *Server) turn() {
	now := s.o.Clock()
	s.decide(now)
	for _, o := range s.out {
		s.send(o)
	}
	s.out = s.out[:0]
	s.release(now)
}

func (s *Server) decide(now time.Time) {
	if len(s.inHand) == 0 {
		return
	}
	p, at := s.o.Policy(), lease.Time(now.Unix())
	var p6 *policy6.Policy
	if s.codec6 != nil {
		p6 = s.o.Policy6()
	}
	for _, in := range s.inHand {
		// Once it is given back the packet is another goroutine's.
		r := s.reply()
		o := outgoing{r: r, port: in.port}
		six := in.road == roadKernel6 || in.road == roadFrame && isIPv6(in.data)
		switch {
		case in.road == roadFrame:
			s.counters.punted[in.why].Add(1)
			if s.codec6 != nil && six {
				s.codec6.Answer(p6, in.data, in.port, at, s.batch, r)
			} else {
				s.codec.Answer(p, in.data, in.port, at, s.batch, r)
			}
			s.punted.done(in)
		case in.road == roadKernel6:
			m := Meta6{Port: in.port, Src: in.src6, Dst: in.dst6, SrcPort: in.srcPort, DstPort: dhcp6.ServerPort}
			s.codec6.AnswerUDP(p6, in.data, &m, at, s.batch, r)
			s.kernel.done(in)
		default:
			m := Meta{Port: in.port, Src: in.src, Dst: in.dst, SrcPort: in.srcPort, DstPort: dhcp4.ServerPort}
			s.codec.AnswerUDP(p, in.data, &m, at, s.batch, r)
			s.kernel.done(in)
		}
		s.counters.add(six, r.Verdict, r.Reason)
		if r.Overflow.Options > 0 {
			s.counters.leftOut.Add(uint64(r.Overflow.Options))
		}
		if r.Overflow.Relay {
			s.counters.noRelay.Add(1)
		}
		switch r.Verdict {
		case frame.Reply:
			s.out = append(s.out, o)
		case frame.Await:
			s.lot = append(s.lot, parked{outgoing: o, since: now})
		default:
			s.free = append(s.free, r)
		}
	}
	s.inHand = s.inHand[:0]
	if s.batch.Len() > 0 {
		s.o.Journal.Append(s.batch)
		s.batch.Reset()
	}
}

// reply is a Reply to fill.
func (s *Server) reply() *Reply {
	if n := len(s.free); n > 0 {
		r := s.free[n-1]
		s.free = s.free[:n-1]
		return r
	}
	return new(Reply)
}

// release sends the parked replies that are durable and drops those that nobody
// waits for any more. A reply may wait for another lane, so each is looked at.
func (s *Server) release(now time.Time) {
	// Before the journal is asked: what becomes durable after that is announced.
	s.waiting.Store(int32(len(s.lot)))
	kept := s.lot[:0]
	for _, p := range s.lot {
		switch {
		case s.o.Journal.Durable(p.r.Wait):
			s.send(p.outgoing)
		case s.o.Journal.Err() != nil:
			s.discard(p.r, frame.NotDurable)
		case now.Sub(p.since) >= staleAfter:
			s.discard(p.r, frame.ParkStale)
		default:
			kept = append(kept, p)
		}
	}
	clear(s.lot[len(kept):])
	s.lot = kept
	s.waiting.Store(int32(len(s.lot)))
}

// giveUp drops what is parked when the server ends.
func (s *Server) giveUp() {
	for _, p := range s.lot {
		s.discard(p.r, frame.NotDurable)
	}
	s.lot = nil
}

func (s *Server) discard(r *Reply, why frame.Reason) {
	s.counters.add(r.V6, frame.Drop, why)
	s.free = append(s.free, r)
}

// send transmits the reply.
func (s *Server) send(o outgoing) {
	err := s.transmit(o)
	switch {
	case err == nil:
	case full(err):
		s.counters.add(o.r.V6, frame.Drop, frame.TxFull)
	default:
		s.counters.add(o.r.V6, frame.Drop, frame.TxFailed)
	}
	s.free = append(s.free, o.r)
}

// toWire transmits on the interface that the request came from.
func (s *Server) toWire(o outgoing) error {
	f := v4
	if o.r.V6 {
		f = v6
	}
	if int(o.port) >= len(s.byPort[f]) || s.byPort[f][o.port] == nil {
		return unix.ENODEV
	}
	l := s.byPort[f][o.port]
	sock := l.sock.Load()
	switch {
	case o.r.Frame != nil:
		return s.sendFrame(o.r, l, sock)
	case sock == nil:
		return unix.ENODEV
	case o.r.V6:
		return sock.send6(o.r.Message, o.r.Source6, o.r.Dest6, o.r.DestPort)
	}
	return sock.send(o.r.Message, o.r.Source, o.r.Dest, o.r.DestPort)
}

// sendFrame transmits a whole frame. sock is the UDP socket of the link, or nil: an
// interface may carry DHCPv6 in its VLANs and have no IPv6 itself.
func (s *Server) sendFrame(r *Reply, l *link, sock *udpSocket) (err error) {
	index := 0
	if sock != nil {
		index = sock.index
	} else if index, err = s.packet.index(l.Name); err != nil {
		return err
	}
	if !r.V6 {
		return s.packet.send(index, r.Frame)
	}
	s.fragID++
	l3 := len(r.Frame) - len(r.Message) - eth.LenIPv6 - eth.LenUDP
	return fragments6(r.Frame, l3, mtu, s.fragID, &s.part, func(f []byte) error { return s.packet.send(index, f) })
}

// isIPv6 says whether a frame carries IPv6 behind its VLAN tags, as far as it goes.
func isIPv6(f []byte) bool {
	for off := eth.LenEther; off <= len(f) && off <= eth.LenEther+eth.MaxTags*eth.LenTag; off += eth.LenTag {
		switch binary.BigEndian.Uint16(f[off-2:]) {
		case eth.TypeVLAN, eth.TypeQinQ, eth.TypeQinQOld:
		default:
			return binary.BigEndian.Uint16(f[off-2:]) == eth.TypeIPv6
		}
	}
	return false
}
