// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
)

// maxMessage6 is the longest reply, with the relays' headers around it. Beyond what
// a link carries in one piece it travels in fragments; what all nodes can put
// together again is 1500 bytes (RFC 8200 §5), but those who ask for more options
// than that are seen to do better.
const maxMessage6 = 16 << 10

// encoder6 writes a reply from the inside out: the message to the client, then each
// relay's header in front of it. Two buffers take turns.
type encoder6 struct {
	b    []byte
	room []byte
}

// encode writes the answer's message into r at the offset.
func (c *Codec6) encode(p *policy6.Policy, m *Meta6, r *Reply, at int) {
	a, e := &c.a, &c.enc
	front := c.overhead()
	over := e.message(p, &c.m, &c.q, a, maxMessage6-front)
	end := at + front + len(e.b)
	if len(r.buf) < end {
		r.buf = make([]byte, max(end, headroom+maxMessage))
	}
	whole := r.buf[at:end]
	c.wrap(whole, e.b)

	r.V6, r.Verdict, r.Reason, r.Type = true, frame.Reply, frame.OK, a.Type
	if a.Wait != 0 {
		r.Verdict, r.Wait = frame.Await, a.Wait
	}
	r.Message = whole[:len(whole):len(whole)]
	r.Source6, r.Dest6, r.DestPort = a.Source.As16(), m.Src, c.replyPort(m)
	r.Overflow = over
}

// message makes e.b the reply to the client, of at most limit bytes. What of the
// configured options does not fit is left out.
func (e *encoder6) message(p *policy6.Policy, m *message6, q *exchange6.Query, a *exchange6.Answer, limit int) (over Overflow) {
	e.b = append(e.b[:0], a.Type)
	e.b = append(e.b, m.msg.TransactionID...)
	if id, ok := m.get(dhcp6.OptClientID); ok {
		e.option(dhcp6.OptClientID, id)
	}
	e.option(dhcp6.OptServerID, p.ServerID)
	e.status(&a.Status)
	for i := range a.IAs[:a.NIAs] {
		e.ia(a, &a.IAs[i])
	}
	own := a.Own.Encoded()
	selected := a.Options.Select(&q.Asked, a.Own.Codes(), q.Type == exchange6.InformationRequest, &e.room)
	for len(selected) >= 4 {
		n := 4 + int(binary.BigEndian.Uint16(selected[2:]))
		if len(e.b)+n+len(own) <= limit {
			e.b = append(e.b, selected[:n]...)
		} else {
			over.Options++
		}
		selected = selected[n:]
	}
	e.b = append(e.b, own...)
	e.b = append(e.b, a.Data.Encoded()...)
	return over
}

func (e *encoder6) u16(v int)    { e.b = binary.BigEndian.AppendUint16(e.b, uint16(v)) }
func (e *encoder6) u32(v uint32) { e.b = binary.BigEndian.AppendUint32(e.b, v) }

func (e *encoder6) option(code int, data []byte) {
	e.u16(code)
	e.u16(len(data))
	e.b = append(e.b, data...)
}

// begin writes the header of an option whose length end fills in.
func (e *encoder6) begin(code int) (at int) {
	e.u16(code)
	e.u16(0)
	return len(e.b)
}

func (e *encoder6) end(at int) { binary.BigEndian.PutUint16(e.b[at-2:], uint16(len(e.b)-at)) }

// status: RFC 8415 §21.13.
func (e *encoder6) status(s *exchange6.Status) {
	if !s.Set {
		return
	}
	at := e.begin(dhcp6.OptStatusCode)
	e.u16(int(s.Code))
	e.b = append(e.b, s.Text...)
	e.end(at)
}

// ia: RFC 8415 §21.4, §21.5, §21.21.
func (e *encoder6) ia(a *exchange6.Answer, ia *exchange6.AnswerIA) {
	code := dhcp6.OptIANA
	switch ia.Type {
	case lease6.TA:
		code = dhcp6.OptIATA
	case lease6.PD:
		code = dhcp6.OptIAPD
	}
	at := e.begin(code)
	e.u32(ia.ID)
	if ia.Type != lease6.TA {
		e.u32(a.T1)
		e.u32(a.T2)
	}
	for _, l := range a.Leases[ia.First : int(ia.First)+int(ia.N)] {
		addr := l.Prefix.As16()
		if ia.Type == lease6.PD { // §21.22
			in := e.begin(dhcp6.OptIAPrefix)
			e.u32(l.Preferred)
			e.u32(l.Valid)
			e.b = append(e.b, l.Prefix.Len)
			e.b = append(e.b, addr[:]...)
			if l.Exclude.Len != 0 {
				e.exclude(l.Prefix.Len, l.Exclude)
			}
			e.end(in)
			continue
		}
		in := e.begin(dhcp6.OptIAAddr) // §21.6
		e.b = append(e.b, addr[:]...)
		e.u32(l.Preferred)
		e.u32(l.Valid)
		e.end(in)
	}
	e.status(&ia.Status)
	e.end(at)
}

// exclude: RFC 6603 §4.2, "IPv6 subnet ID": the bits of the excluded prefix behind
// the length of the delegated one, from the left, as many octets as they need.
func (e *encoder6) exclude(delegated uint8, x lease6.Prefix) {
	if x.Len <= delegated {
		return
	}
	at := e.begin(dhcp6.OptPDExclude)
	e.b = append(e.b, x.Len)
	addr := x.As16()
	var octet byte
	for i := delegated; i < x.Len; i++ {
		n := (i - delegated) % 8
		octet |= (addr[i/8] >> (7 - i%8) & 1) << (7 - n)
		if n == 7 || i == x.Len-1 {
			e.b = append(e.b, octet)
			octet = 0
		}
	}
	e.end(at)
}

// repeats says whether a relay agent's option goes back to it: Interface-Id (RFC 8415
// §19.3), Relay Source Port (RFC 8357 §5.2), and what it asks to have back (RFC 4994
// §5), whatever that is but the message itself.
func repeats(code uint16, ero []byte) bool {
	if code == dhcp6.OptInterfaceID || code == dhcp6.OptRelayPort {
		return true
	}
	for ; code != dhcp6.OptRelayMsg && len(ero) >= 2; ero = ero[2:] {
		// Codes that no RFC has given out are nobody's to echo.
		if c := binary.BigEndian.Uint16(ero); c == code && c < 256 {
			return true
		}
	}
	return false
}

// overhead is the length of all relays' headers in the reply.
func (c *Codec6) overhead() (n int) {
	for i := range c.m.relays {
		options := c.m.relays[i].Options
		ero, _ := find(options, dhcp6.OptERO)
		n += 34 + 4
		for j := range options {
			if repeats(uint16(options[j].Code), ero) {
				n += 4 + len(options[j].Data)
			}
		}
	}
	return n
}

// wrap writes the relays' headers and the message into b, which has the length of
// it all. RFC 8415 §19.3: each Relay-reply has the hop-count and the addresses of the
// Relay-forward that it answers.
func (c *Codec6) wrap(b, message []byte) {
	out := b[:0]
	for i := range c.m.relays {
		relay := &c.m.relays[i]
		out = append(out, dhcp6.RelayRepl, relay.HopCount)
		out = append(append(out, relay.LinkAddr...), relay.PeerAddr...)
		ero, _ := find(relay.Options, dhcp6.OptERO)
		for j := range relay.Options {
			if o := &relay.Options[j]; repeats(uint16(o.Code), ero) {
				out = binary.BigEndian.AppendUint16(out, uint16(o.Code))
				out = binary.BigEndian.AppendUint16(out, o.Length)
				out = append(out, o.Data...)
			}
		}
		// All that is left is this option's.
		out = binary.BigEndian.AppendUint16(out, dhcp6.OptRelayMsg)
		out = binary.BigEndian.AppendUint16(out, uint16(len(b)-len(out)-2))
	}
	copy(b[len(out):], message)
}

// replyPort: a client listens on 546, a relay on 547 unless it says otherwise (RFC
// 8415 §7.2, RFC 8357 §5.2).
func (c *Codec6) replyPort(m *Meta6) uint16 {
	if len(c.m.relays) == 0 {
		return dhcp6.ClientPort
	}
	if _, ok := find(c.m.relays[0].Options, dhcp6.OptRelayPort); ok {
		return m.SrcPort
	}
	return dhcp6.ServerPort
}
