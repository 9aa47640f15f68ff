// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// parsed is what a frame was found to be.
type parsed struct {
	at      *byte // the frame: where it begins and how long it is
	size    int
	why     frame.Reason // OK, or why it is dropped or punted; the rest is then undefined
	v6      bool         // it is DHCPv6: six has it, and of the rest only the layers count
	typ     uint8        // option 53
	msg     dhcp4.Msg
	layers  eth.Layers
	options dhcp4.Options

	six parsed6

	// hash is the cache's of what will be asked for it, where that can be told: if the
	// answer's options are those with the ID hashOf (0: it cannot).
	hash   uint64
	hashOf uint32

	query     exchange.Query
	seldom    bool // the last query here had options of askSeldom
	relayPort bool // sub-option 19: answer to the relay's source port (RFC 8357)
}

// parse proves that f is a message that this path takes, finds its options and
// its type, asks for them, and says so in h.parsed.
func (h *Handler) parse(f *frame.Frame) {
	p := h.parsed
	p.size = len(f.Data)
	if p.size > 0 {
		p.at = &f.Data[0]
	}
	p.why = p.read(f)
	if p.why == frame.OK && p.v6 {
		p.why = h.six.parse(f, p)
		return
	}
	if p.why != frame.OK {
		return
	}
	if int(f.Port) >= len(h.policy.Ports) {
		// The policy in force no longer has the interface; its socket is closing.
		p.why = frame.NoSubnet
		return
	}
	if h.policy.ForceRenew && p.options.Has(dhcp4.OptForceRenewNonce) {
		p.why = frame.PuntOption // the answer needs cryptography, and few send it
		return
	}
	p.ask(f)
}

func (p *parsed) read(f *frame.Frame) frame.Reason {
	l := &p.layers
	why := eth.Parse(f.Data, l)
	if p.v6 = l.V6; why != frame.OK {
		return why
	}
	if l.V6 {
		if l.DstPort != dhcp6.ServerPort {
			return frame.NotDHCP
		}
		return frame.OK
	}
	if l.DstPort != dhcp4.ServerPort {
		return frame.NotDHCP
	}
	m := dhcp4.Msg(f.Data[l.Payload:l.End:l.End])
	p.msg = m
	if why := dhcp4.Check(m); why != frame.OK {
		return why
	}
	if why := p.options.Scan(m); why != frame.OK {
		return why
	}
	p.typ = p.options.Type(m)
	switch p.typ {
	case dhcp4.Discover, dhcp4.Request, dhcp4.Decline, dhcp4.Release, dhcp4.Inform:
	case 0:
		if p.options.Has(dhcp4.OptMessageType) {
			return p.unwanted(frame.NoType)
		}
		return frame.PuntBootp
	case dhcp4.LeaseQuery:
		return frame.PuntType
	case dhcp4.Offer, dhcp4.Ack, dhcp4.Nak:
		return p.unwanted(frame.FromServer) // in a client's clothes
	default:
		// One that only travels over TCP (RFC 6926, RFC 7724), or none.
		return p.unwanted(frame.NoType)
	}
	if !known(p.options.Present()) {
		return frame.PuntOption
	}
	return frame.OK
}

// unwanted is why a message of a type that is not for us is dropped, unless what
// option 250 continues could be wrong, which the slow path would see first.
func (p *parsed) unwanted(why frame.Reason) frame.Reason {
	if p.options.Has(dhcp4.OptMSContinuation) {
		return frame.PuntOption
	}
	return why
}

// ask fills p.query from the message. All fields are set: the query is used
// again for every packet.
func (p *parsed) ask(f *frame.Frame) {
	q, o, l, m := &p.query, &p.options, &p.layers, p.msg
	q.Forget()
	p.hashOf = 0
	q.Type = p.typ
	q.HType = m.HType()
	q.Hops = m.Hops()
	q.Flags = m.Flags()
	q.Port = f.Port
	q.NTags = l.NTags
	q.VLAN = [2]uint16{}
	for i := range l.NTags {
		q.VLAN[i] = l.TCI[i] & 0xfff
	}
	ip := eth.IPv4(f.Data[l.L3:])
	q.Src, q.Dst = lease.IP4(ip.Src()), lease.IP4(ip.Dst())
	q.Ciaddr, q.Giaddr = lease.IP4(m.Ciaddr()), lease.IP4(m.Giaddr())

	var v uint32
	v, q.HasRequested = o.U32(m, dhcp4.OptRequestedIP)
	q.Requested = lease.IP4(v)
	v, q.HasServerID = o.U32(m, dhcp4.OptServerID)
	q.ServerID = lease.IP4(v)
	q.PRL, _ = o.Get(m, dhcp4.OptParameterList)
	q.MaxSize, _ = o.U16(m, dhcp4.OptMaxSize)
	q.VendorClass, _ = o.Get(m, dhcp4.OptVendorClass)
	if any := meets(o.Present(), &seldom); any || p.seldom {
		p.askSeldom()
		p.seldom = any
	}
	// q.Options stays nil: expressions are the slow path's (PuntClass).

	c := &q.Client
	c.HType = q.HType
	c.HW = m.Chaddr()
	c.ClientID, _ = o.Get(m, dhcp4.OptClientID)
	c.Host, _ = o.Get(m, dhcp4.OptHostName)
	if len(c.Host) > lease.MaxHost {
		c.Host = c.Host[:lease.MaxHost]
	}
	c.Relay, _ = o.Get(m, dhcp4.OptRelay)
	q.LinkSelection, q.ServerOverride, p.relayPort = 0, 0, false
	if len(c.Relay) > 0 {
		p.askRelay(c.Relay)
	}
}

// askSeldom fills the fields from options that most messages lack. It is skipped
// when neither this message nor the last one to be asked about has any.
func (p *parsed) askSeldom() {
	q, o, m := &p.query, &p.options, p.msg
	q.WantTime, q.HasTime = o.U32(m, dhcp4.OptLeaseTime)
	v, _ := o.U32(m, dhcp4.OptSubnetSelection)
	q.SubnetSelection = lease.IP4(v)
	q.UserClass, _ = o.Get(m, dhcp4.OptUserClass)
	q.VendorIdent, _ = o.Get(m, dhcp4.OptVIVendorClass)
	q.VendorInfo, _ = o.Get(m, dhcp4.OptVIVendorOpts)
	q.VendorOptions, _ = o.Get(m, dhcp4.OptVendorSpecific)
	q.Arch, _ = o.Get(m, dhcp4.OptClientArch)
	q.FQDN, _ = o.Get(m, dhcp4.OptFQDN)
	q.VSS, _ = o.Get(m, dhcp4.OptVSS)
	q.AutoConf, _ = o.Get(m, dhcp4.OptAutoConfigure)
	q.UUID, _ = o.Get(m, dhcp4.OptClientUUID)
	q.RapidCommit = o.Has(dhcp4.OptRapidCommit)
}

// seldom is the options of askSeldom.
var seldom = newSet(43, 43, 51, 51, 77, 77, 80, 81, 93, 93, 97, 97, 116, 116, 118, 118, 124, 125, 221, 221)

// askRelay reads the sub-options that say something about the answer. Their
// lengths are right, and of several the first counts.
func (p *parsed) askRelay(relay dhcp4.Relay) {
	link, override := false, false
	for {
		code, data, rest, ok := relay.Next()
		if !ok {
			return
		}
		switch {
		case code == dhcp4.SubLinkSelection && !link:
			p.query.LinkSelection, link = lease.IP4From(data), true
		case code == dhcp4.SubServerOverride && !override:
			p.query.ServerOverride, override = lease.IP4From(data), true
		case code == dhcp4.SubRelayPort:
			p.relayPort = true
		}
		relay = rest
	}
}
