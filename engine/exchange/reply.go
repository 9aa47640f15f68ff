// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// broadcast is 255.255.255.255.
const broadcast lease.IP4 = 1<<32 - 1

// answer fills in what OFFER and ACK have in common: who answers, with which
// options, and where to. Yiaddr is there already.
func (d *decision) answer(typ uint8, at *policy.Subnet, options *policy.OptionSet) {
	a, q := d.a, d.q
	a.Type = typ
	a.Reason = frame.OK
	a.Flags = q.Flags
	a.Subnet = at
	a.Boot = d.p.Boot(at, d.res, d.in, &q.boot)
	a.Options = d.res.Options(options)
	if q.Unmerged {
		a.Classes = d.in
	} else {
		a.Options = d.p.ForClasses(a.Options, d.in)
	}
	// RFC 3011 §2: "Servers configured to support this option MUST return an
	// identical copy of the option to any client that sends it".
	a.EchoSubnetSelection = q.SubnetSelection != 0 && d.p.SubnetSelection
	d.identify(at)
	if q.Type == Discover || q.Type == Request {
		d.fqdn(at)
		d.hostName(at)
	}
	d.machine()
	if d.vpn == vpnByOption {
		d.own(optVSS, q.VSS)
	}
	// RFC 2131 §4.1, in the order of its sentences.
	switch {
	case q.Giaddr != 0:
		a.To, a.DestIP = ToRelay, q.Giaddr
	case q.Ciaddr != 0:
		a.To, a.DestIP = ToCiaddr, q.Ciaddr
	case q.Flags&FlagBroadcast != 0 || a.Yiaddr == 0 || !d.addressable():
		a.To, a.DestIP = ToBroadcast, broadcast
	default:
		a.To, a.DestIP = ToClient, a.Yiaddr
	}
}

// addressable says whether chaddr is a link-layer address that we can send to
// (RFC 2131 §4.1: "If unicasting is not possible, the message MAY be sent as an
// IP broadcast").
func (d *decision) addressable() bool {
	return d.q.HType == HTypeEthernet && len(d.q.Client.HW) == 6
}

// identify fills in who we are to the client, and what tells client and relay
// agent that the reply is theirs: RFC 6842 §3, "the server MUST return the 'client
// identifier' option, unaltered, in its response message"; RFC 3046 §2.2, servers
// "SHALL echo the entire contents of the Relay Agent Information option in all
// replies". RFC 5107 §4: the relay agent's
// word is "the value to insert into the Server Identifier option"; the packet's
// source stays an address of ours.
func (d *decision) identify(at *policy.Subnet) {
	d.a.ServerID, d.a.Source = d.serverID, d.source
	if at != d.subnet {
		d.a.ServerID, d.a.Source = d.p.Server(d.q.Port, at, d.q.Dst)
	}
	if d.override != 0 {
		d.a.ServerID = d.override
	}
	d.a.EchoClientID = len(d.q.Client.ClientID) > 0 && !d.p.NoEchoClientID
	d.a.EchoRelay = len(d.q.Client.Relay) > 0
	// RFC 6607 §7.2.
	d.a.DropVSSControl = d.vpn == vpnByOption || d.vpn == vpnByRelay
	d.a.DropVSS = d.vpn == vpnRefused
}

// times fills in the lease time, T1 and T2.
func (d *decision) times(t *policy.Times, valid uint32) {
	d.a.HasTimes = true
	d.a.Valid = valid
	d.a.Renew, d.a.Rebind = t.Timers(valid)
}

// nak refuses (RFC 2131 §3.2 step 2, §4.1, §4.3.2 and table 3): no address, no
// times, no options but those that say who refuses what.
func (d *decision) nak(text string) {
	a, q := d.a, d.q
	*a = Answer{Type: Nak, Reason: frame.OK, Flags: q.Flags, Message: text}
	d.identify(d.subnet)
	if q.Giaddr != 0 {
		// "The server MUST set the broadcast bit in the DHCPNAK, so that the
		// relay agent will broadcast the DHCPNAK to the client".
		a.Flags |= FlagBroadcast
		a.To, a.DestIP = ToRelay, q.Giaddr
		return
	}
	// "In all cases, when 'giaddr' is zero, the server broadcasts any DHCPNAK
	// messages to 0xffffffff", whatever ciaddr says.
	a.To, a.DestIP = ToBroadcast, broadcast
}
