// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// parse proves that f, whose layers are known, is a message that this path takes,
// and finds its relays and options.
func (s *six) parse(f *frame.Frame, l *eth.Layers) frame.Reason {
	if s.policy == nil {
		return frame.NotDHCP // not served
	}
	if int(f.Port) >= len(s.policy.Ports) {
		// The policy in force no longer has the interface; its socket is closing.
		return frame.NoSubnet
	}
	src := eth.IPv6(f.Data[l.L3:]).Src()
	if src[0] == 0xff || [16]byte(src) == [16]byte{} {
		return frame.BadSource
	}
	if why := s.chain.Unwrap(dhcp6.Msg(f.Data[l.Payload:l.End:l.End])); why != frame.OK {
		return why
	}
	s.msg = s.chain.Msg()
	if why := dhcp6.CheckType(s.msg); why != frame.OK {
		return why
	}
	return s.options.Scan(s.msg)
}

// ask fills s.query from the message.
func (s *six) ask(f *frame.Frame, l *eth.Layers) frame.Reason {
	q, o, m := &s.query, &s.options, s.msg
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
	// q.Packet stays nil: expressions are the slow path's (PuntClass).

	if s.chain.N() > 0 {
		s.askRelays()
	} else {
		binary.BigEndian.PutUint16(s.linkLayer[:], dhcp6.HTypeEthernet)
		copy(s.linkLayer[2:], eth.SrcMAC(f.Data))
		q.Client.LinkLayer = s.linkLayer[:]
	}
	return s.askIAs()
}

// iaTypes are lease6's names for the three kinds.
var iaTypes = [256]lease6.IAType{dhcp6.OptIANA: lease6.NA, dhcp6.OptIATA: lease6.TA, dhcp6.OptIAPD: lease6.PD}

func (s *six) askIAs() frame.Reason {
	q := &s.query
	for i := range s.options.NumIAs() {
		ia := s.options.IA(s.msg, i)
		if !q.AddIA(iaTypes[ia.Code], ia.ID) {
			return frame.TooManyIAs
		}
		var l dhcp6.Lease
		for leases := ia.Leases(); leases.Next(&l); {
			if !q.AddLease(lease6.IP6From(l.Addr[:]), l.Len) {
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
		data, rest, ok := from.Find(code)
		if !ok {
			return
		}
		to[i], from = data, rest
	}
}

// askRelays fills what the relay agents say. Of each option that of the relay next
// to the client counts, who saw the client's frame.
func (s *six) askRelays() {
	q, c, n := &s.query, &s.chain, s.chain.N()
	q.Relays = uint8(n)
	if link, _, ok := c.Link(); ok {
		q.Link = lease6.IP6From(link[:])
	}
	s.peer = c.PeerAddr(n - 1)
	q.Client.Peer = s.peer[:]
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
