// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// maxReply6 is the longest DHCPv6 message in a datagram that an Ethernet carries in
// one piece, with the relays' headers around it.
const maxReply6 = maxDatagram - eth.LenIPv6 - eth.LenUDP

// encode writes s.answer over the request in f. It returns OK, or PuntNoFit with f
// untouched.
//
// The reply is written in memory of its own first, for the request's identifiers
// and relay options are read for it, and its length is known only then.
func (s *six) encode(f *frame.Frame, p *parsed) frame.Reason {
	a, x, l := &s.answer, &p.six, &p.layers
	data := f.Data[:cap(f.Data)]
	room := min(len(data)-int(l.Payload), maxReply6)
	front := x.chain.Overhead()
	if front >= room {
		return frame.PuntNoFit
	}
	s.address(f, p) // now, as its small stores are read in large pieces later

	w := dhcp6.NewMessage(s.scratch[front:room], a.Type, x.msg.XID())
	if id, ok := x.options.Get(x.msg, dhcp6.OptClientID); ok {
		w.Put(dhcp6.OptClientID, id)
	}
	w.Put(dhcp6.OptServerID, s.policy.ServerID)
	putStatus(&w, &a.Status)
	for i := range a.IAs[:a.NIAs] {
		s.putIA(&w, &a.IAs[i])
	}
	inform := s.query.Type == dhcp6.InformationRequest
	w.PutBlock(a.Options.Select(&s.query.Asked, a.Own.Codes(), inform, &s.room))
	w.PutBlock(a.Own.Encoded())
	n, ok := w.End()
	if !ok {
		return frame.PuntNoFit
	}
	off, n, ok := x.chain.Wrap(s.scratch[:], front, n)
	if !ok {
		return frame.PuntNoFit
	}

	copy(data[l.Payload:], s.scratch[off:off+n])
	f.Data = data[:eth.BuildUDP6(data, l, &s.headers, n)]
	return frame.OK
}

// ends says whether the message gives leases back. It is decided once: asked again,
// after a reply that did not fit, the exchange would know nothing of them.
func ends(typ uint8) bool { return typ == dhcp6.Release || typ == dhcp6.Decline }

// roomToEnd says whether the reply to such a message fits for certain: identifiers and
// a status, and for each IA a status at most (RFC 8415 §18.3.7, §18.3.8).
func (s *six) roomToEnd(f *frame.Frame, p *parsed) bool {
	const (
		status = 4 + 2 + 64 // with a text of ours
		ia     = 4 + 12 + status
	)
	n := dhcp6.LenHeader + 2*(4+dhcp6.MaxDUID) + status + int(s.query.NIAs)*ia
	return p.six.chain.Overhead()+n <= min(cap(f.Data)-int(p.layers.Payload), maxReply6)
}

func putStatus(w *dhcp6.Writer, st *exchange6.Status) {
	if st.Set {
		w.PutStatus(st.Code, st.Text)
	}
}

// iaCodes are the options of the three kinds.
var iaCodes = [...]uint16{lease6.NA: dhcp6.OptIANA, lease6.TA: dhcp6.OptIATA, lease6.PD: dhcp6.OptIAPD}

func (s *six) putIA(w *dhcp6.Writer, ia *exchange6.AnswerIA) {
	a := &s.answer
	mark := w.OpenIA(iaCodes[ia.Type], ia.ID, a.T1, a.T2)
	for i := ia.First; i < ia.First+ia.N; i++ {
		l := &a.Leases[i]
		if ia.Type != lease6.PD {
			w.PutAddr64(l.Prefix.Hi, l.Prefix.Lo, l.Preferred, l.Valid)
			continue
		}
		at := w.OpenPrefix64(l.Prefix.Hi, l.Prefix.Lo, l.Prefix.Len, l.Preferred, l.Valid)
		if l.Exclude.Len > 0 {
			w.PutExclude(l.Prefix.Len, l.Exclude.As16(), l.Exclude.Len)
		}
		w.Close(at)
	}
	putStatus(w, &ia.Status)
	w.Close(mark)
}

// address fills s.headers for the answer: back to where the message came from (RFC
// 8415 §18.3.10, §19.3). f still is the request.
func (s *six) address(f *frame.Frame, p *parsed) {
	to, l := &s.headers, &p.layers
	to.DstMAC = [eth.LenMAC]byte(eth.SrcMAC(f.Data))
	to.SrcMAC = s.policy.Ports[f.Port].MAC
	s.answer.Source.Put(to.Src[:])
	to.Dst = [16]byte(eth.IPv6(f.Data[l.L3:]).Src())
	to.SrcPort, to.DstPort = dhcp6.ServerPort, p.six.chain.ReplyPort(l.SrcPort)
	to.HopLimit = replyTTL
}
