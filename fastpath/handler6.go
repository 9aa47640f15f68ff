// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"sync/atomic"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/engine/worker"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// Decider6 is the brain of DHCPv6: exchange6.Server.
type Decider6 interface {
	Decide6(p *policy6.Policy, q *exchange6.Query, now lease.Time, b *lease.Batch, a *exchange6.Answer)
}

// six is the DHCPv6 half of a Handler: the same four steps around another brain.
//
//	| Ethernet, tags | IPv6 | UDP | relay headers | type, xid | 1 2 13 | IAs | block | own |
//
// All options are taken: those that a server does not know are ignored (RFC 8415
// §16). Punted are message types that only the slow path knows, what a rule of the
// configuration needs all options for, and what does not fit.
type six struct {
	server Decider6 // nil: DHCPv6 is not served
	source *atomic.Pointer[policy6.Policy]
	policy *policy6.Policy // in force for this batch; nil: none
	table  *lease6.Table   // nil: there is no looking ahead

	expected  [stride]*lease6.Who // whom the table has been told of
	nExpected int
	ias       [lease6.MaxExpect]lease6.IA // room

	linkLayer [2 + eth.LenMAC]byte
	query     exchange6.Query
	answer    exchange6.Answer
	headers   eth.Headers6
	room      []byte          // for options that do not lie ready
	scratch   [maxReply6]byte // the reply, before it is copied into the frame
}

// Serve6 has the handler answer DHCPv6 too, by d and the policy in source. source may
// be empty, for as long as DHCPv6 is not configured.
func (h *Handler) Serve6(d Decider6, source *atomic.Pointer[policy6.Policy]) {
	h.six.server, h.six.source = d, source
	if s, ok := d.(*exchange6.Server); ok {
		h.six.table = s.Table
	}
}

// begin opens a batch.
func (s *six) begin() {
	if s.server != nil {
		s.policy = s.source.Load()
	}
}

// handle6 is Handle for a frame with DHCPv6, which has been parsed.
func (h *Handler) handle6(f *frame.Frame, b *lease.Batch) (frame.Verdict, frame.Reason, lease.Ticket) {
	s, p := &h.six, h.parsed
	why := shed6(h.pressure, p.six.msg.Type())
	if why == frame.OK {
		why = s.ask(f, p)
	}
	if why == frame.OK && ends(s.query.Type) && !s.roomToEnd(f, p) {
		why = frame.PuntNoFit
	}
	if why != frame.OK {
		return verdict(why), why, 0
	}
	s.server.Decide6(s.policy, &s.query, h.now, b, &s.answer)
	if s.answer.Type == 0 {
		return verdict(s.answer.Reason), s.answer.Reason, 0
	}
	if why := s.encode(f, p); why != frame.OK {
		return verdict(why), why, 0
	}
	if s.answer.Wait != 0 {
		return frame.Await, frame.OK, s.answer.Wait
	}
	return frame.Reply, frame.OK, 0
}

// shed6 is shed for DHCPv6: first go the messages that begin an exchange, then
// those whose answers might wait for the journal.
func shed6(p worker.Pressure, typ uint8) frame.Reason {
	switch p {
	case worker.ShedNew:
		if typ == dhcp6.Solicit {
			return frame.Overloaded
		}
	case worker.ShedAll:
		if typ != dhcp6.InformationRequest && typ != dhcp6.Confirm {
			return frame.Overloaded
		}
	}
	return frame.OK
}
