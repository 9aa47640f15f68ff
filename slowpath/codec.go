// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// Sizes of replies.
const (
	// mtu is what an Ethernet link carries; the kernel refuses a longer frame,
	// and a client whose option 57 says more is on such a link all the same.
	mtu = 1500
	// maxMessage is the longest reply.
	maxMessage = mtu - dhcp4.LenIPUDP
	ttl        = 64
	// headroom is what lies before the message in a reply's memory.
	headroom = eth.LenEther + eth.MaxTags*eth.LenTag + eth.LenIPv4 + eth.LenUDP
)

// Decider is the brain behind the codec: exchange.Server.
type Decider interface {
	Decide4(p *policy.Policy, q *exchange.Query, now lease.Time, b *lease.Batch, a *exchange.Answer)
}

// Codec is bytes to Query and Answer to bytes. It does no I/O. It belongs to one
// goroutine; it does not allocate once its buffers have grown.
type Codec struct {
	server Decider
	dec    decoder
	opts   options
	enc    encoder
	ipID   uint16 // IPv4 identification of the next frame
	q      exchange.Query
	a      exchange.Answer
}

// NewCodec makes a codec around s.
func NewCodec(s Decider) *Codec {
	c := &Codec{server: s}
	c.dec.init()
	return c
}

// Reply is what becomes of one packet, and the answer in memory of its own. The
// zero value is ready for use, and may be used again.
type Reply struct {
	// Verdict is Drop (no answer), Reply or Await (when Wait is durable).
	Verdict frame.Verdict
	Reason  frame.Reason
	Wait    lease.Ticket
	// Type is the answer's message type; exchange.Bootp: it has none.
	Type uint8

	// Frame is the answer as an Ethernet frame. It is nil where the answer to a
	// UDP payload is to be routed by the kernel.
	Frame []byte
	// Message is the DHCP message itself, a part of Frame where that is set.
	Message []byte
	// Source, Dest and DestPort are of the IP and UDP headers, Source6 and Dest6
	// where V6 says that the answer is one of DHCPv6.
	Source, Dest   lease.IP4
	DestPort       uint16
	V6             bool
	Source6, Dest6 [16]byte

	// Overflow is what did not fit.
	Overflow Overflow

	buf []byte
}

// drop makes r a silence.
func (r *Reply) drop(why frame.Reason) {
	*r = Reply{Verdict: frame.Drop, Reason: why, buf: r.buf}
}

// Answer decides on a frame that came in on the port and writes the answer to
// r, as a frame with the VLAN tags of the request. Changes go to b.
func (c *Codec) Answer(p *policy.Policy, data []byte, port uint16, now lease.Time, b *lease.Batch, r *Reply) {
	r.drop(frame.OK)
	var l eth.Layers
	data, why := c.dec.frame(data, &l)
	if why != frame.OK {
		r.drop(why)
		return
	}
	ip := eth.IPv4(data[l.L3:])
	m := Meta{
		Port: port, Src: lease.IP4(ip.Src()), Dst: lease.IP4(ip.Dst()),
		SrcPort: l.SrcPort, DstPort: l.DstPort,
	}
	msg := dhcp4.Msg(data[l.Payload:l.End:l.End])
	if !c.decide(p, msg, &m, &l, now, b, r) {
		return
	}
	r.grow()
	copy(r.buf[:l.L3], data) // the tags
	c.encode(r, msg, &m, int(l.Payload))
	mac := destMAC(&c.a, msg)
	if c.a.To == exchange.ToRelay || c.a.To == exchange.ToCiaddr {
		// Back the way it came, which is a router's way as often as not.
		copy(mac[:], eth.SrcMAC(data))
	}
	c.wrap(r, p, port, &l, mac)
}

// Meta is what comes with a UDP payload.
type Meta struct {
	Port             uint16 // frame.Frame.Port
	Src, Dst         lease.IP4
	SrcPort, DstPort uint16
}

// AnswerUDP is Answer for the payload of a UDP datagram that the kernel has
// delivered. The answer is a frame where the client has no address yet that it
// could be reached at; else r.Frame is nil and r.Message is for the kernel to
// route to r.Dest.
func (c *Codec) AnswerUDP(p *policy.Policy, payload []byte, m *Meta, now lease.Time, b *lease.Batch, r *Reply) {
	r.drop(frame.OK)
	var l eth.Layers
	if !c.decide(p, payload, m, &l, now, b, r) {
		return
	}
	r.grow()
	eth.Place(r.buf, &l)
	c.encode(r, payload, m, int(l.Payload))
	if c.a.To == exchange.ToBroadcast || c.a.To == exchange.ToClient {
		c.wrap(r, p, m.Port, &l, destMAC(&c.a, payload))
	}
}

// decide decodes msg and asks the exchange. It returns whether there is an
// answer in c.a; if not, r says why.
func (c *Codec) decide(p *policy.Policy, msg dhcp4.Msg, m *Meta, l *eth.Layers, now lease.Time, b *lease.Batch, r *Reply) bool {
	if m.DstPort != dhcp4.ServerPort {
		r.drop(frame.NotDHCP)
		return false
	}
	if why := c.dec.message(msg, &c.opts); why != frame.OK {
		r.drop(why)
		return false
	}
	c.q.Type = c.opts.messageType()
	if why := unanswered(c.q.Type); why != frame.OK {
		r.drop(why)
		return false
	}
	if int(m.Port) >= len(p.Ports) {
		r.drop(frame.NoSubnet) // the policy in force no longer has the interface
		return false
	}
	c.query(msg, m, l)
	c.server.Decide4(p, &c.q, now, b, &c.a)
	if c.a.Type == 0 {
		r.drop(c.a.Reason)
		return false
	}
	return true
}

// unanswered says why no server answers a type of message, before anything else
// about the message is looked at; OK: one might.
func unanswered(typ uint8) frame.Reason {
	switch typ {
	case exchange.Discover, exchange.Request, exchange.Decline, exchange.Release, exchange.Inform, exchange.Bootp, exchange.LeaseQuery:
		return frame.OK
	case exchange.Offer, exchange.Ack, exchange.Nak:
		return frame.FromServer
	}
	return frame.NoType
}

// query fills c.q from the decoded message. All fields are set, Type by decide:
// the query is used again for every packet, and holds memory of exchange's.
func (c *Codec) query(msg dhcp4.Msg, m *Meta, l *eth.Layers) {
	o, q := &c.opts, &c.q
	q.HType, q.Hops, q.Flags = msg.HType(), msg.Hops(), msg.Flags()
	q.Port, q.NTags, q.VLAN = m.Port, l.NTags, [2]uint16{}
	for i := range l.NTags {
		q.VLAN[i] = l.TCI[i] & 0xfff
	}
	q.Src, q.Dst = m.Src, m.Dst
	q.Ciaddr, q.Giaddr = lease.IP4(msg.Ciaddr()), lease.IP4(msg.Giaddr())
	q.Requested, q.HasRequested = o.ip(dhcp4.OptRequestedIP)
	q.ServerID, q.HasServerID = o.ip(dhcp4.OptServerID)
	q.WantTime, q.HasTime = o.u32(dhcp4.OptLeaseTime)
	q.SubnetSelection, _ = o.ip(dhcp4.OptSubnetSelection)
	q.MaxSize, _ = o.u16(dhcp4.OptMaxSize)
	q.PRL, _ = o.get(dhcp4.OptParameterList)
	q.VendorClass, _ = o.get(dhcp4.OptVendorClass)
	q.UserClass, _ = o.get(dhcp4.OptUserClass)
	q.VendorIdent, _ = o.get(dhcp4.OptVIVendorClass)
	q.VendorInfo, _ = o.get(dhcp4.OptVIVendorOpts)
	q.VendorOptions, _ = o.get(dhcp4.OptVendorSpecific)
	q.Arch, _ = o.get(dhcp4.OptClientArch)
	q.FQDN, _ = o.get(dhcp4.OptFQDN)
	q.VSS, _ = o.get(dhcp4.OptVSS)
	q.AutoConf, _ = o.get(dhcp4.OptAutoConfigure)
	q.UUID, _ = o.get(dhcp4.OptClientUUID)
	q.RapidCommit = o.has(dhcp4.OptRapidCommit)
	q.Options = o

	cl := &q.Client
	cl.HType, cl.HW = q.HType, msg.Chaddr()
	cl.ClientID, _ = o.get(dhcp4.OptClientID)
	cl.Host, _ = o.get(dhcp4.OptHostName)
	cl.Host = cl.Host[:min(len(cl.Host), lease.MaxHost)]
	cl.Relay, _ = o.get(dhcp4.OptRelay)
	relay := dhcp4.Relay(cl.Relay)
	q.LinkSelection = subIP(relay, dhcp4.SubLinkSelection)
	q.ServerOverride = subIP(relay, dhcp4.SubServerOverride)
}

func subIP(r dhcp4.Relay, code uint8) lease.IP4 {
	v, _ := r.U32(code)
	return lease.IP4(v)
}

// limit is how long the reply to a message of size bytes may be.
//
// RFC 1534 §2: a reply to a BOOTP client "MUST NOT exceed the size limit for
// BOOTREPLY messages": 300 bytes, unless the client has shown that it handles
// longer ones. A DHCP client's own limit counts the IP and UDP headers (RFC 2131
// §2).
func limit(q *exchange.Query, size int) int {
	if q.Type == exchange.Bootp {
		return min(max(size, dhcp4.LenBootp), maxMessage)
	}
	return min(max(int(q.MaxSize), dhcp4.MinMaxSize)-dhcp4.LenIPUDP, maxMessage)
}

// encode writes the answer's message into r at the offset.
func (c *Codec) encode(r *Reply, req dhcp4.Msg, m *Meta, at int) {
	a := &c.a
	reply := dhcp4.Msg(r.buf[at : at+limit(&c.q, len(req))])
	copy(reply, req[:dhcp4.OffOptions]) // htype, hlen, xid, giaddr, chaddr, cookie
	reply.SetOp(dhcp4.BootReply)
	reply.SetHops(0)
	reply.SetSecs(0)
	reply.SetFlags(a.Flags)
	reply.SetCiaddr(uint32(a.Ciaddr))
	reply.SetYiaddr(uint32(a.Yiaddr))
	if b := a.Boot; b != nil {
		reply.SetSiaddr(uint32(b.NextServer))
		reply.SetSName(b.ServerName)
		reply.SetFile(b.BootFile)
	} else {
		reply.SetSiaddr(0)
		reply.ClearNames()
	}
	if e := a.Lease; e != nil {
		reply.SetHardware(e.HType, e.HW)
	}
	n, over := c.enc.options(reply, &c.q, a)

	r.Verdict, r.Reason, r.Type = frame.Reply, frame.OK, a.Type
	if a.Wait != 0 {
		r.Verdict, r.Wait = frame.Await, a.Wait
	}
	r.Message = reply[:n:n]
	r.Source, r.Dest, r.DestPort = a.Source, a.DestIP, dhcp4.ClientPort
	if a.To == exchange.ToRelay {
		r.DestPort = dhcp4.ServerPort
		if _, ok := dhcp4.Relay(c.q.Client.Relay).Get(dhcp4.SubRelayPort); ok {
			r.DestPort = m.SrcPort // RFC 8357 §5.1
		}
	}
	r.Overflow = over
}

// wrap makes r.Message, which is in place, a frame.
func (c *Codec) wrap(r *Reply, p *policy.Policy, port uint16, l *eth.Layers, to [eth.LenMAC]byte) {
	h := eth.Headers4{
		DstMAC: to, SrcMAC: p.Ports[port].MAC,
		Src: uint32(r.Source), Dst: uint32(r.Dest),
		SrcPort: dhcp4.ServerPort, DstPort: r.DestPort,
		ID: c.ipID, TTL: ttl,
	}
	c.ipID++
	r.Frame = r.buf[:eth.BuildUDP4(r.buf, l, &h, len(r.Message))]
}

func (r *Reply) grow() {
	if r.buf == nil {
		r.buf = make([]byte, headroom+maxMessage)
	}
}

// destMAC is the link-layer address of a client that has no IP address yet.
func destMAC(a *exchange.Answer, msg dhcp4.Msg) (mac [eth.LenMAC]byte) {
	if a.To == exchange.ToClient {
		copy(mac[:], msg.Chaddr())
		return mac
	}
	return [eth.LenMAC]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}
