// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy6"
)

func noClient(q *Query) { q.Client.DUID = nil }
func noServer(q *Query) { q.ServerID, q.HasServerID = nil, false }
func other(q *Query)    { q.ServerID, q.HasServerID = []byte{0, 3, 0, 1, 9}, true }
func ours(q *Query)     { q.ServerID, q.HasServerID = serverID, true }

// RFC 8415 §16.2: "Servers MUST discard any Solicit messages that do not include a
// Client Identifier option or that do include a Server Identifier option." §16.5 and
// §16.7 say the same of Confirm and Rebind.
func TestSolicitConfirmRebindHaveAClientAndNoServer(t *testing.T) {
	b := newBench(t)
	for _, typ := range []uint8{Solicit, Confirm, Rebind} {
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), noClient)), frame.NoClientID)
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), ours)), frame.BadRequest)
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), other)), frame.BadRequest)
	}
}

// RFC 8415 §16.4, §16.6, §16.8, §16.9: "Servers MUST discard any received Request [Renew,
// Decline, Release] message that meets any of the following conditions: the message
// does not include a Server Identifier option; the contents of the Server Identifier
// option do not match the server's DUID; the message does not include a Client
// Identifier option."
func TestRequestRenewDeclineReleaseNameBoth(t *testing.T) {
	b := newBench(t)
	for _, typ := range []uint8{Request, Renew, Decline, Release} {
		b.wantSilence(b.send(from(1, typ, na(1), noServer)), frame.NoServerID)
		b.wantSilence(b.send(from(1, typ, na(1), other)), frame.OtherServer)
		b.wantSilence(b.send(from(1, typ, na(1), noClient)), frame.NoClientID)
	}
}

// RFC 8415 §16.12: "Servers MUST discard any received Information-request message that
// meets any of the following conditions: the message includes a Server Identifier
// option, and the DUID in the option does not match the server's DUID; the message
// includes an IA option."
func TestInformationRequestIsForUsAndHasNoIA(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(from(1, InformationRequest, other)), frame.OtherServer)
	b.wantSilence(b.send(from(1, InformationRequest, na(1))), frame.BadRequest)
	b.wantSilence(b.send(from(1, InformationRequest, pd(1))), frame.BadRequest)
	b.wantType(b.send(from(1, InformationRequest, ours)), Reply)
	b.wantType(b.send(from(1, InformationRequest, noClient)), Reply)
}

// RFC 8415 §16.3, §16.10, §16.11: "Servers and relay agents MUST discard any received
// Advertise [Reply, Reconfigure] messages." §16: "MUST discard any received DHCP messages
// with an unknown message type."
func TestMessagesOfServersAndUnknownOnesAreDiscarded(t *testing.T) {
	b := newBench(t)
	for _, typ := range []uint8{Advertise, Reply, Reconfigure} {
		b.wantSilence(b.send(from(1, typ)), frame.FromServer)
	}
	for _, typ := range []uint8{0, 12, 13, 22, 200, 255} {
		b.wantSilence(b.send(from(1, typ)), frame.NoType)
	}
}

// RFC 8415 §11.1: "The length of the DUID (not including the type code) is at least 1
// octet and at most 128 octets."
func TestALongDUIDIsDiscarded(t *testing.T) {
	b := newBench(t)
	of := func(n int) func(*Query) { return func(q *Query) { q.Client.DUID = make([]byte, n) } }
	b.wantType(b.send(from(1, Solicit, na(1), of(130))), Advertise)
	b.wantSilence(b.send(from(1, Solicit, na(1), of(131))), frame.BadDUID)
	b.wantSilence(b.send(from(1, InformationRequest, of(131))), frame.BadDUID)
}

// An answer goes to the source address, so that must be somebody's, and not ours.
func TestAnswersGoToHosts(t *testing.T) {
	b := newBench(t)
	src := func(s string) func(*Query) { return func(q *Query) { q.Src = ip(s) } }
	b.wantSilence(b.send(from(1, Solicit, na(1), src("::"))), frame.BadRequest)
	b.wantSilence(b.send(from(1, Solicit, na(1), src("ff02::1"))), frame.BadRequest)
	b.wantSilence(b.send(from(1, Solicit, na(1), src(local0))), frame.FromServer)
	b.wantSilence(b.send(from(1, Solicit, na(1), src(global1))), frame.FromServer)
}

func unicast(q *Query) { q.Dst = ip(global0) }

// RFC 8415 §16: "A server MUST discard any Solicit, Confirm, Rebind, or
// Information-request messages it receives with a Layer 3 unicast destination address."
func TestUnicastSolicitConfirmRebindInformAreDiscarded(t *testing.T) {
	for _, mode := range []policy6.Unicast{policy6.UnicastDiscard, policy6.UnicastRefuse, policy6.UnicastAccept} {
		b := newBench(t, func(s *policy6.Spec) { s.Unicast = mode })
		for _, typ := range []uint8{Solicit, Confirm, Rebind} {
			b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), unicast)), frame.Unicast6)
		}
		b.wantSilence(b.send(from(1, InformationRequest, unicast)), frame.Unicast6)
	}
}

// RFC 9915 §16: "Servers SHOULD NOT accept unicast traffic from clients."
func TestUnicastIsDiscarded(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	for _, typ := range []uint8{Request, Renew, Release, Decline} {
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), unicast)), frame.Unicast6)
	}
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
}

// RFC 8415 §18.4: "the server discards that message and responds with … a Status Code
// option with the value UseMulticast, a Server Identifier option containing the server's
// DUID, the Client Identifier option from the client message (if any), and no other
// options."
func TestUnicastIsAnsweredWithUseMulticast(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Unicast = policy6.UnicastRefuse })
	b.lease(1, na(1))
	for _, typ := range []uint8{Request, Renew, Release, Decline} {
		b.wantTop(b.send(from(1, typ, na(1, "2001:db8:0:1::10"), unicast)), UseMulticast)
	}
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
}

// The mode for clients that were sent a Server Unicast option. The link is that of the
// client's own address.
func TestUnicastIsServedWhereConfigured(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Unicast = policy6.UnicastAccept })
	q := from(1, Solicit, na(1), via(relay1))
	a := b.send(q)
	b.wantType(a, Advertise)
	b.wantLeases(a, 1, 1, "2001:db8:1::10")
	q = from(1, Request, na(1, "2001:db8:1::10"), unicast, func(q *Query) { q.Src = ip("2001:db8:1::5") })
	b.wantLeases(b.send(q), 1, 1, "2001:db8:1::10")
	q.Type = Renew
	b.wantLeases(b.send(q), 1, 1, "2001:db8:1::10")
}

// A relay agent writes to our own address, or to ff05::1:3.
func TestRelaysMayWriteToUs(t *testing.T) {
	b := newBench(t)
	for _, dst := range []string{global1, "ff05::1:3", servers} {
		a := b.send(from(1, Solicit, na(1), via(relay1), func(q *Query) { q.Dst = ip(dst) }))
		b.wantType(a, Advertise)
		if a.Source != ip(global1) {
			t.Errorf("to %s: answered from %v", dst, a.Source)
		}
	}
}

// RFC 8415 §18.3.10: the answer goes to the source address of the datagram; a client on
// the link is answered from our address there.
func TestAnswersOnTheLinkComeFromOurLinkLocalAddress(t *testing.T) {
	b := newBench(t)
	if a := b.send(from(1, Solicit, na(1))); a.Source != ip(local0) {
		t.Errorf("answered from %v", a.Source)
	}
	b.reload(func(s *policy6.Spec) { s.Ports[0].Addrs = s.Ports[0].Addrs[:1]; linkOf(s) })
	q := from(1, Solicit, na(1), func(q *Query) { q.Src = ip("2001:db8:0:1::7") })
	if a := b.send(q); a.Source != ip(local0) {
		t.Errorf("without a global address answered from %v (%v)", a.Source, a.Reason)
	}
	b.reload(func(s *policy6.Spec) { s.Ports[0].Addrs = nil; linkOf(s) })
	b.wantSilence(b.send(from(1, Solicit, na(1))), frame.NoServerAddr)
}

func TestALinkWithoutSubnetIsSilent(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(from(1, Solicit, na(1), via("2001:db8:dead::1"))), frame.NoSubnet)
	b.wantSilence(b.send(from(1, Confirm, na(1, "2001:db8::1"), via("2001:db8:dead::1"))), frame.NoSubnet)
	b.wantSilence(b.send(from(1, Solicit, na(1), func(q *Query) { q.Port = 1 })), frame.NoSubnet)
}

// What cannot be made durable is neither committed nor advertised; options still flow.
func TestAFailedJournalIsSilent(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.failed = true
	for _, typ := range []uint8{Solicit, Request, Renew, Rebind, Release, Decline} {
		b.wantSilence(b.send(from(1, typ, na(1, "2001:db8:0:1::10"))), frame.NotDurable)
	}
	b.wantType(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10"))), Reply)
	b.wantType(b.send(from(1, InformationRequest)), Reply)
}
