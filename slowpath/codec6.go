// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// Decider6 is the brain behind the codec of DHCPv6: exchange6.Server.
type Decider6 interface {
	Decide6(p *policy6.Policy, q *exchange6.Query, now lease.Time, b *lease.Batch, a *exchange6.Answer)
}

// Codec6 is Codec for DHCPv6.
type Codec6 struct {
	server Decider6
	m      message6
	q      exchange6.Query
	a      exchange6.Answer
	enc    encoder6
	mac    [2 + eth.LenMAC]byte // what q.Client.LinkLayer points to
}

// NewCodec6 makes a codec around s.
func NewCodec6(s Decider6) *Codec6 { return &Codec6{server: s} }

// Meta6 is what comes with a UDP payload.
type Meta6 struct {
	Port             uint16 // frame.Frame.Port
	Src, Dst         [16]byte
	SrcPort, DstPort uint16
}

// Answer decides on a frame that came in on the port and writes the answer to r, as
// a frame with the VLAN tags of the request. Changes go to b. The frame may be
// longer than a link carries: see fragments6.
func (c *Codec6) Answer(p *policy6.Policy, data []byte, port uint16, now lease.Time, b *lease.Batch, r *Reply) {
	r.drop(frame.OK)
	var l eth.Layers
	if why := eth.Parse(data, &l); why != frame.OK {
		r.drop(why)
		return
	}
	if !l.V6 {
		r.drop(frame.NotDHCP)
		return
	}
	ip := eth.IPv6(data[l.L3:])
	m := Meta6{
		Port: port, Src: [16]byte(ip.Src()), Dst: [16]byte(ip.Dst()), SrcPort: l.SrcPort, DstPort: l.DstPort,
	}
	if !c.decide(p, data[l.Payload:l.End:l.End], &m, &l, eth.SrcMAC(data), now, b, r) {
		return
	}
	c.encode(p, &m, r, int(l.Payload))
	copy(r.buf, data[:l.L3]) // the tags
	h := eth.Headers6{
		// Back the way it came, which is a router's way as often as not.
		DstMAC: [eth.LenMAC]byte(eth.SrcMAC(data)), SrcMAC: p.Ports[port].MAC,
		Src: r.Source6, Dst: r.Dest6, SrcPort: dhcp6.ServerPort, DstPort: r.DestPort, HopLimit: ttl,
	}
	r.Frame = r.buf[:eth.BuildUDP6(r.buf, &l, &h, len(r.Message))]
}

// AnswerUDP is Answer for the payload of a UDP datagram that the kernel has
// delivered. The answer in r.Message is for the kernel to route to r.Dest6.
func (c *Codec6) AnswerUDP(p *policy6.Policy, payload []byte, m *Meta6, now lease.Time, b *lease.Batch, r *Reply) {
	r.drop(frame.OK)
	var l eth.Layers
	if c.decide(p, payload, m, &l, nil, now, b, r) {
		c.encode(p, m, r, 0)
	}
}

// decide decodes the packet and asks the exchange. It returns whether there is an
// answer in c.a; if not, r says why.
func (c *Codec6) decide(p *policy6.Policy, packet []byte, m *Meta6, l *eth.Layers, mac []byte, now lease.Time, b *lease.Batch, r *Reply) bool {
	why := frame.OK
	switch {
	case m.DstPort != dhcp6.ServerPort || p == nil:
		why = frame.NotDHCP
	case int(m.Port) >= len(p.Ports):
		why = frame.NoSubnet // the policy in force no longer has the interface
	case m.Src[0] == 0xff || m.Src == [16]byte{}:
		why = frame.BadSource
	default:
		why = c.m.decode(packet)
	}
	if why == frame.OK {
		why = c.query(m, l, mac)
	}
	if why != frame.OK {
		r.drop(why)
		return false
	}
	c.server.Decide6(p, &c.q, now, b, &c.a)
	if c.a.Type == 0 {
		r.drop(c.a.Reason)
		return false
	}
	return true
}

// query fills c.q from the decoded message.
func (c *Codec6) query(m *Meta6, l *eth.Layers, mac []byte) frame.Reason {
	q, in := &c.q, &c.m
	q.Reset()
	q.Type = uint8(in.msg.MsgType)
	q.Port, q.NTags = m.Port, l.NTags
	for i := range l.NTags {
		q.VLAN[i] = l.TCI[i] & 0xfff
	}
	q.Src, q.Dst = lease6.IP6From(m.Src[:]), lease6.IP6From(m.Dst[:])
	q.Client.DUID, _ = in.get(dhcp6.OptClientID)
	q.ServerID, q.HasServerID = in.get(dhcp6.OptServerID)
	q.Asked.Low = in.asked
	q.Asked.ORO, _ = in.get(dhcp6.OptORO)
	q.RapidCommit = in.has(dhcp6.OptRapidCommit)
	q.ReconfigureAccept = in.has(dhcp6.OptReconfAccept)
	q.UserClass, _ = in.get(dhcp6.OptUserClass)
	q.Arch, _ = in.get(dhcp6.OptClientArch)
	q.FQDN, _ = in.get(dhcp6.OptClientFQDN)
	vendorClasses, vendorOpts := q.VendorClass[:0], q.VendorOpts[:0]
	for i := range in.msg.Options {
		o := &in.msg.Options[i]
		switch {
		case o.Code == dhcp6.OptVendorClass && len(vendorClasses) < exchange6.MaxVendors:
			vendorClasses = append(vendorClasses, o.Data)
		case o.Code == dhcp6.OptVendorOpts && len(vendorOpts) < exchange6.MaxVendors:
			vendorOpts = append(vendorOpts, o.Data)
		}
	}
	q.Packet = in
	q.LeaseQuery, _ = in.get(dhcp6.OptLQQuery)
	c.relays(mac)
	for _, ia := range in.ias {
		if !q.AddIA(kindOf(ia.code), ia.id) {
			return frame.TooManyIAs
		}
		for _, l := range ia.leases {
			if !q.AddLease(lease6.IP6From(l.addr[:]), l.bits) {
				return frame.TooManyIAs
			}
		}
	}
	return frame.OK
}

// relays fills what the relay agents say, or who the client is on the wire. What
// the agent next to the client says counts.
func (c *Codec6) relays(mac []byte) {
	q, levels := &c.q, c.m.relays
	q.Relays = uint8(len(levels))
	if len(levels) == 0 {
		if len(mac) > 0 {
			binary.BigEndian.PutUint16(c.mac[:], dhcp6.HTypeEthernet)
			copy(c.mac[2:], mac)
			q.Client.LinkLayer = c.mac[:]
		}
		return
	}
	inner := &levels[len(levels)-1]
	q.Client.Peer = inner.PeerAddr
	q.Client.LinkLayer, _ = find(inner.Options, dhcp6.OptLinkLayer)
	rsoo := q.RSOO[:0]
	// From the outside in: the last word is the innermost one's.
	for i := range levels {
		level := &levels[i]
		if a := lease6.IP6From(level.LinkAddr); !a.IsZero() {
			q.Link = a
		}
		for j := range level.Options {
			o := &level.Options[j]
			switch o.Code {
			case dhcp6.OptInterfaceID:
				q.Client.InterfaceID = o.Data
			case dhcp6.OptRemoteID:
				q.Client.RemoteID = o.Data
			case dhcp6.OptSubscriberID:
				q.Client.SubscriberID = o.Data
			case dhcp6.OptRelayID:
				q.Client.RelayID = o.Data
			}
		}
		if o, ok := find(levels[len(levels)-1-i].Options, dhcp6.OptRSOO); ok && len(rsoo) < exchange6.MaxRSOO {
			rsoo = append(rsoo, o)
		}
	}
}

func kindOf(code uint16) lease6.IAType {
	switch code {
	case dhcp6.OptIANA:
		return lease6.NA
	case dhcp6.OptIATA:
		return lease6.TA
	}
	return lease6.PD
}

// Option is for the expressions of the policy (policy6.Packet).
func (m *message6) Option(code uint16) ([]byte, bool) { return m.get(code) }

// RelayOption is Option for a relay agent; 0 is the one next to the client.
func (m *message6) RelayOption(level int, code uint16) ([]byte, bool) {
	if level < 0 || level >= len(m.relays) {
		return nil, false
	}
	return find(m.relays[len(m.relays)-1-level].Options, code)
}
