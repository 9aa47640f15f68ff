// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// §4.3.2, SELECTING: "Client inserts the address of the selected server in 'server
// identifier', 'ciaddr' MUST be zero, 'requested IP address' MUST be filled in with
// the yiaddr value from the chosen DHCPOFFER."
func TestRFC2131_4_3_2_Selecting(t *testing.T) {
	b := newBench(t)
	o := b.send(discover(1))
	q := selecting(1, o.Yiaddr.String(), ours0)
	q.Ciaddr = o.Yiaddr
	b.wantSilence(b.send(q), frame.BadRequest)
	q = selecting(1, o.Yiaddr.String(), ours0)
	q.Requested, q.HasRequested = 0, false
	b.wantSilence(b.send(q), frame.BadRequest)
	b.wantAck(b.send(selecting(1, o.Yiaddr.String(), ours0)), o.Yiaddr.String())
}

// §4.3.2, SELECTING: "servers are free to reuse offered network addresses in
// response to subsequent requests. As an implementation detail, servers SHOULD NOT
// reuse offered addresses".
func TestRFC2131_4_3_2_OfferedAddressIsItsClients(t *testing.T) {
	b := newBench(t)
	o := b.send(discover(1))
	b.wantNak(b.send(selecting(2, o.Yiaddr.String(), ours0)))
	b.wantAck(b.send(selecting(1, o.Yiaddr.String(), ours0)), o.Yiaddr.String())
}

// §4.3.2, INIT-REBOOT: "'server identifier' MUST NOT be filled in, 'requested IP
// address' option MUST be filled in with client's notion of its previously assigned
// address. 'ciaddr' MUST be zero."
func TestRFC2131_4_3_2_InitReboot(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.wait(1000)
	a := b.send(rebooting(1, held))
	b.wantAck(a, held)
	if a.Valid != hour || a.Ciaddr != 0 || a.ServerID != ip(ours0) {
		t.Errorf("lease time %d, ciaddr %v, identifier %v", a.Valid, a.Ciaddr, a.ServerID)
	}
	q := rebooting(1, held)
	q.Ciaddr = ip(held)
	b.wantSilence(b.send(q), frame.BadRequest)
	q = rebooting(1, held)
	q.Requested, q.HasRequested = 0, false
	b.wantSilence(b.send(q), frame.BadRequest)
}

// §4.3.2, INIT-REBOOT: "Server SHOULD send a DHCPNAK message to the client if the
// 'requested IP address' is incorrect, or is on the wrong network."
func TestRFC2131_4_3_2_InitRebootWithAWrongAddress(t *testing.T) {
	b := newBench(t)
	b.lease(1)
	b.wantNak(b.send(rebooting(1, "192.0.2.18")))
	b.wantNak(b.send(rebooting(1, "192.0.2.200")))
	b.wantNak(b.send(rebooting(1, "10.1.0.10")))
}

// §4.3.2, INIT-REBOOT: "If the DHCP server detects that the client is on the wrong
// net (i.e., the result of applying the local subnet mask or remote subnet mask (if
// 'giaddr' is not zero) to 'requested IP address' option value doesn't match
// reality), then the server SHOULD send a DHCPNAK message to the client."
func TestRFC2131_4_3_2_WrongNetworkNeedsNoRecord(t *testing.T) {
	for _, edit := range []func(*policy.Spec){func(*policy.Spec) {}, authoritative} {
		b := newBench(t, edit)
		for _, q := range []Query{
			rebooting(1, "192.168.1.5"), rebooting(1, "10.1.0.10"),
			via(relay1, rebooting(1, "192.0.2.10")), via(relay1, rebooting(1, "10.2.0.10")), via(relay3, rebooting(1, "10.3.2.1")),
		} {
			b.wantNak(b.send(q))
		}
		// The link's other subnet is not wrong.
		a := b.send(via(relay3, rebooting(1, "10.3.1.15")))
		if b.policy.Authoritative {
			b.wantNak(a)
		} else {
			b.wantSilence(a, frame.UnknownClient)
		}
	}
}

// §4.3.2, INIT-REBOOT: "If the network is correct, then the DHCP server should check
// if the client's notion of its IP address is correct. If not, then the server SHOULD
// send a DHCPNAK message to the client."
func TestRFC2131_4_3_2_NotionOfTheAddressIsChecked(t *testing.T) {
	b := newBench(t)
	released := b.lease(1).String()
	b.send(release(1, released))
	b.wantNak(b.send(rebooting(1, "192.0.2.18")))
	// It still is this client's, as nobody else has it.
	b.wantAck(b.send(rebooting(1, released)), released)

	// Another holder has it, and the server has no other record of the client.
	one := func(s *policy.Spec) { s.Subnets[0].Pools[0].Ranges[0].Last = addr("192.0.2.10") }
	b = newBench(t, one, authoritative)
	b.lease(1)
	b.send(release(1, "192.0.2.10"))
	b.lease(2)
	b.wantNak(b.send(rebooting(1, "192.0.2.10")))
	b.wantHolder("192.0.2.10", lease.Bound, 2)
}

// §4.3.2, INIT-REBOOT: "If the DHCP server has no record of this client, then it MUST
// remain silent, and MAY output a warning to the network administrator. This behavior
// is necessary for peaceful coexistence of non-communicating DHCP servers on the same
// wire."
func TestRFC2131_4_3_2_UnknownClientIsNotAnswered(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(rebooting(1, "192.0.2.12")), frame.UnknownClient)
	b.wantSilence(b.send(rebooting(1, "192.0.2.200")), frame.UnknownClient)
	b.wantSilence(b.send(via(relay1, rebooting(1, "10.1.0.12"))), frame.UnknownClient)
	// An offer is no record of a lease.
	b.send(discover(2))
	b.wantSilence(b.send(rebooting(2, "192.0.2.200")), frame.UnknownClient)
	b.wantSilence(b.send(rebooting(2, "192.0.2.19")), frame.UnknownClient)
	// Where no other server is, silence only makes the client wait.
	b = newBench(t, authoritative)
	b.wantNak(b.send(rebooting(1, "192.0.2.12")))
}

// §4.3.2, INIT-REBOOT: "If 'giaddr' is 0x0 in the DHCPREQUEST message, the client is
// on the same subnet as the server. The server MUST broadcast the DHCPNAK message to
// the 0xffffffff broadcast address".
func TestRFC2131_4_3_2_NakOnTheWire(t *testing.T) {
	b := newBench(t)
	b.wantDest(b.send(rebooting(1, "10.9.9.9")), ToBroadcast, all)
}

// §4.3.2, INIT-REBOOT: "If 'giaddr' is set in the DHCPREQUEST message, the client is
// on a different subnet. The server MUST set the broadcast bit in the DHCPNAK, so that
// the relay agent will broadcast the DHCPNAK to the client".
func TestRFC2131_4_3_2_NakThroughARelayAgent(t *testing.T) {
	b := newBench(t)
	q := via(relay1, rebooting(1, "10.9.9.9"))
	q.Flags = 0x0002
	a := b.send(q)
	b.wantNak(a)
	b.wantDest(a, ToRelay, relay1)
	if a.Flags != 0x8002 {
		t.Errorf("flags %04x", a.Flags)
	}
}

// §4.3.2, RENEWING: "'server identifier' MUST NOT be filled in, 'requested IP address'
// option MUST NOT be filled in, 'ciaddr' MUST be filled in with client's IP address. In
// this situation, the client is completely configured, and is trying to extend its
// lease."
func TestRFC2131_4_3_2_Renewing(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.wait(1800)
	b.wantAck(b.send(renewing(1, held)), held)
	b.wait(3000) // past the end of the first lease
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantHolder(held, lease.Bound, 1)
	q := renewing(1, held)
	q.Requested, q.HasRequested = ip(held), true
	b.wantSilence(b.send(q), frame.BadRequest)
	q = renewing(1, held)
	q.ServerID, q.HasServerID = ip(ours0), true
	b.wantSilence(b.send(q), frame.BadRequest)
	q = renewing(1, held)
	q.Ciaddr = 0
	b.wantSilence(b.send(q), frame.BadRequest)
}

// §4.3.2, RENEWING: "Because 'giaddr' is therefore not filled in, the DHCP server will
// trust the value in 'ciaddr', and use it when replying to the client."
func TestRFC2131_4_3_2_RenewingFromBehindARouter(t *testing.T) {
	b := newBench(t)
	relayed := b.send(via(relay1, discover(1))).Yiaddr.String()
	b.wantAck(b.send(via(relay1, selecting(1, relayed, ours1))), relayed)
	b.wait(1800)
	q := renewing(1, relayed)
	q.Port, q.Dst = 1, ip(ours1)
	a := b.send(q)
	b.wantAck(a, relayed)
	b.wantDest(a, ToCiaddr, relayed)
	if a.Subnet.Base != ip("10.1.0.0") || a.ServerID != ip(ours1) {
		t.Errorf("subnet %v, identifier %v", a.Subnet.Base, a.ServerID)
	}
}

// §4.3.2, RENEWING: "The server may choose not to extend the lease (as a policy decision
// by the network administrator), but should return a DHCPACK message regardless." We
// choose to extend, also before T1.
func TestRFC2131_4_3_2_RenewingEarly(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.wait(60)
	a := b.send(renewing(1, held))
	b.wantAck(a, held)
	if a.Valid != hour {
		t.Errorf("lease time %d", a.Valid)
	}
}

// A renewal by somebody else is refused, even by a server that is not authoritative: it
// knows whose the address is.
func TestRFC2131_4_3_2_RenewingAnothersAddress(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.lease(2)
	b.wantNak(b.send(renewing(2, held)))
	b.wantNak(b.send(renewing(3, held)))
	b.wantHolder(held, lease.Bound, 1)
}

// A renewal of which there is no record. Decide4 says what is done and why.
func TestRFC2131_4_3_2_RenewingALostLease(t *testing.T) {
	never := func(s *policy.Spec) { s.NoRecreate = true }
	free, outside, elsewhere := "192.0.2.12", "192.0.2.200", "172.16.0.1"
	for _, c := range []struct {
		what string
		q    Query
		edit []func(*policy.Spec)
		want uint8
	}{
		{"free", renewing(1, free), nil, Ack},
		{"free, authoritative", renewing(1, free), []func(*policy.Spec){authoritative}, Ack},
		{"free, not wanted", renewing(1, free), []func(*policy.Spec){never}, 0},
		{"free, not wanted, authoritative", renewing(1, free), []func(*policy.Spec){never, authoritative}, Nak},
		{"outside of the pools", renewing(1, outside), nil, 0},
		{"outside of the pools, authoritative", renewing(1, outside), []func(*policy.Spec){authoritative}, Nak},
		{"not on the link", renewing(1, elsewhere), nil, 0},
		{"not on the link, authoritative", renewing(1, elsewhere), []func(*policy.Spec){authoritative}, Nak},
		{"broadcast", rebinding(1, free), nil, 0},
		{"broadcast, authoritative", rebinding(1, free), []func(*policy.Spec){authoritative}, Ack},
		{"broadcast, outside of the pools", rebinding(1, outside), nil, 0},
		{"broadcast, outside of the pools, authoritative", rebinding(1, outside), []func(*policy.Spec){authoritative}, Nak},
	} {
		b := newBench(t, c.edit...)
		a := b.send(c.q)
		if a.Type != c.want {
			t.Errorf("%s: %s (%v), want %s", c.what, typeName(a.Type), a.Reason, typeName(c.want))
		}
		if a.Type == Ack {
			b.wantHolder(free, lease.Bound, 1)
		}
	}
}

// §4.3.2, REBINDING: "This message MUST be broadcast to the 0xffffffff IP broadcast
// address. The DHCP server SHOULD check 'ciaddr' for correctness before replying to the
// DHCPREQUEST."
func TestRFC2131_4_3_2_Rebinding(t *testing.T) {
	for _, edit := range []func(*policy.Spec){func(*policy.Spec) {}, authoritative} {
		b := newBench(t, edit)
		held := b.lease(1).String()
		b.wait(3200)
		b.wantAck(b.send(rebinding(1, held)), held)
		b.wantNak(b.send(rebinding(1, "192.0.2.18"))) // it has another one
		for _, q := range []Query{rebinding(1, "10.1.0.10"), rebinding(9, held)} {
			a := b.send(q)
			if b.policy.Authoritative {
				b.wantNak(a)
			} else {
				b.wantSilence(a, frame.UnknownClient)
			}
		}
		b.wantHolder(held, lease.Bound, 1)
	}
}

// §4.3.2, REBINDING: through a relay agent, the giaddr says where the client is.
func TestRFC2131_4_3_2_RebindingThroughARelayAgent(t *testing.T) {
	b := newBench(t)
	held := b.send(via(relay1, discover(1))).Yiaddr.String()
	b.wantAck(b.send(via(relay1, selecting(1, held, ours1))), held)
	b.wait(3200)
	a := b.send(via(relay1, rebinding(1, held)))
	b.wantAck(a, held)
	b.wantDest(a, ToRelay, relay1)
	if a.Ciaddr != ip(held) {
		t.Errorf("ciaddr %v", a.Ciaddr)
	}
	b.wantSilence(b.send(via(relay2, rebinding(1, held))), frame.UnknownClient)
}

// §4.3.6, table 4: what no state of a client sends is not answered.
func TestRFC2131_4_3_6_ImpossibleRequests(t *testing.T) {
	b := newBench(t, authoritative)
	held := b.lease(1)
	for i := range 8 {
		q := from(1, Request)
		q.Dst = ip(ours0)
		if i&1 != 0 {
			q.Ciaddr = held
		}
		if i&2 != 0 {
			q.Requested, q.HasRequested = held, true
		}
		if i&4 != 0 {
			q.ServerID, q.HasServerID = ip(ours0), true
		}
		switch i {
		case 1, 2, 6: // RENEWING, INIT-REBOOT, SELECTING
			b.wantAck(b.send(q), held.String())
		default:
			b.wantSilence(b.send(q), frame.BadRequest)
		}
	}
	// Zero is not an address to ask for.
	q := rebooting(1, "0.0.0.0")
	b.wantSilence(b.send(q), frame.BadRequest)
	q = renewing(1, "0.0.0.0")
	q.Requested, q.HasRequested = 0, true
	b.wantSilence(b.send(q), frame.BadRequest)
}
