// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// parsed6 is what a frame with DHCPv6 was found to be.
type parsed6 struct {
	chain   dhcp6.Chain
	msg     dhcp6.Msg // the client's message, inside the relays' envelopes
	options dhcp6.Options
	at      *policy6.Subnet // the client's link, if the table has been told of the client
	who     lease6.Who      // then: the client
}

// parse proves that f, whose layers are known, is a message that this path takes,
// and finds its relays and options.
func (s *six) parse(f *frame.Frame, p *parsed) frame.Reason {
	if s.policy == nil {
		return frame.NotDHCP // not served
	}
	if int(f.Port) >= len(s.policy.Ports) {
		// The policy in force no longer has the interface; its socket is closing.
		return frame.NoSubnet
	}
	l, x := &p.layers, &p.six
	x.at = nil
	src := lease6.IP6From(eth.IPv6(f.Data[l.L3:]).Src())
	if policy6.Multicast(src) || src.IsZero() {
		return frame.BadSource
	}
	if why := x.chain.Unwrap(dhcp6.Msg(f.Data[l.Payload:l.End:l.End])); why != frame.OK {
		return why
	}
	x.msg = x.chain.Msg()
	if why := dhcp6.CheckType(x.msg); why != frame.OK {
		return why
	}
	return x.options.Scan(x.msg)
}

// ask fills s.query from the message.
func (s *six) ask(f *frame.Frame, p *parsed) frame.Reason {
	q, x, l := &s.query, &p.six, &p.layers
	o, m := &x.options, x.msg
	q.Reset()
	q.Type = m.Type()
	q.Port = f.Port
	q.NTags = l.NTags
	for i := range l.NTags {
		q.VLAN[i] = l.TCI[i] & 0xfff
	}
	ip := eth.IPv6(f.Data[l.L3:])
	q.Src, q.Dst = lease6.IP6From(ip.Src()), lease6.IP6From(ip.Dst())
	q.Client.DUID, _ = o.Get(m, dhcp6.OptClientID)
	q.ServerID, q.HasServerID = o.Get(m, dhcp6.OptServerID)
	q.Asked.Low = *o.Asked()
	q.Asked.ORO, _ = o.Get(m, dhcp6.OptORO)
	q.RapidCommit = o.Has(dhcp6.OptRapidCommit)
	q.ReconfigureAccept = o.Has(dhcp6.OptReconfAccept)
	q.UserClass, _ = o.Get(m, dhcp6.OptUserClass)
	q.Arch, _ = o.Get(m, dhcp6.OptClientArch)
	q.FQDN, _ = o.Get(m, dhcp6.OptClientFQDN)
	askVendors(&q.VendorClass, o.From(m, dhcp6.OptVendorClass), dhcp6.OptVendorClass)
	askVendors(&q.VendorOpts, o.From(m, dhcp6.OptVendorOpts), dhcp6.OptVendorOpts)
	if x.at != nil {
		q.Subnet, q.Who = x.at, &x.who
	}
	// q.Packet stays nil: expressions are the slow path's (PuntClass).

	if x.chain.N() > 0 {
		s.askRelays(&x.chain)
	} else {
		binary.BigEndian.PutUint16(s.linkLayer[:], dhcp6.HTypeEthernet)
		copy(s.linkLayer[2:], eth.SrcMAC(f.Data))
		q.Client.LinkLayer = s.linkLayer[:]
	}
	return s.askIAs(x)
}

// iaTypes are lease6's names for the three kinds.
var iaTypes = [256]lease6.IAType{dhcp6.OptIANA: lease6.NA, dhcp6.OptIATA: lease6.TA, dhcp6.OptIAPD: lease6.PD}

func (s *six) askIAs(x *parsed6) frame.Reason {
	q := &s.query
	for i := range x.options.NumIAs() {
		code, id, leases := x.options.Walk(x.msg, i)
		if !q.AddIA(iaTypes[code], id) {
			return frame.TooManyIAs
		}
		for {
			addr, n, ok := leases.NextAddr()
			if !ok {
				break
			}
			if !q.AddLease(lease6.IP6From(addr), n) {
				return frame.TooManyIAs
			}
		}
	}
	return frame.OK
}

// askVendors collects the options of one code, of which there may be one for each
// enterprise number, from the first one on.
func askVendors(to *[exchange6.MaxVendors][]byte, from dhcp6.Opts, code uint16) {
	for i := range to {
		if len(from) == 0 {
			return
		}
		data, rest, ok := from.Find(code)
		if !ok {
			return
		}
		to[i], from = data, rest
	}
}

// askRelays fills what the relay agents say. Of each option that of the relay next
// to the client counts, who saw the client's frame.
func (s *six) askRelays(c *dhcp6.Chain) {
	q, n := &s.query, c.N()
	q.Relays = uint8(n)
	if link, _, ok := c.Link(); ok {
		q.Link = lease6.IP6From(link[:])
	}
	q.Client.Peer = c.PeerAddr(n - 1)[:]
	q.Client.LinkLayer, _ = c.LinkLayerOpt()
	supplied := 0
	for i := n - 1; i >= 0; i-- {
		if q.Client.InterfaceID == nil {
			q.Client.InterfaceID, _ = c.InterfaceID(i)
		}
		if q.Client.RemoteID == nil {
			q.Client.RemoteID, _ = c.RemoteID(i)
		}
		if q.Client.SubscriberID == nil {
			q.Client.SubscriberID, _ = c.SubscriberID(i)
		}
		if q.Client.RelayID == nil {
			q.Client.RelayID, _ = c.RelayID(i)
		}
		if rsoo, ok := c.RSOO(i); ok && supplied < len(q.RSOO) {
			q.RSOO[supplied] = rsoo
			supplied++
		}
	}
}
