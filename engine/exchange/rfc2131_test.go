// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// RFC 2131: the tests are in the order of its sections. Section 4.3.2 is in
// rfc2131_request_test.go.

func authoritative(s *policy.Spec) { s.Authoritative = true }

// §3.1, 2: "Each server may respond with a DHCPOFFER message that includes an
// available network address in the 'yiaddr' field (and other configuration
// parameters in DHCP options)."
func TestRFC2131_3_1_OfferCarriesAnAvailableAddress(t *testing.T) {
	b := newBench(t)
	a := b.send(discover(1))
	if a.Type != Offer || a.Yiaddr < ip("192.0.2.10") || a.Yiaddr > ip("192.0.2.19") {
		t.Errorf("%s %v", typeName(a.Type), a.Yiaddr)
	}
	if a.Options == nil || a.Subnet == nil || a.Reason != frame.OK {
		t.Errorf("options %v, subnet %v, reason %v", a.Options, a.Subnet, a.Reason)
	}
	if mask, _ := a.Options.Get(1); string(mask) != "\xff\xff\xff\x00" {
		t.Errorf("subnet mask %x", mask)
	}
}

// §3.1, 2: "Servers need not reserve the offered network address, although the
// protocol will work more efficiently if the server avoids allocating the offered
// network address to another client."
func TestRFC2131_3_1_OfferedAddressIsNotOfferedToOthers(t *testing.T) {
	b := newBench(t)
	seen := map[lease.IP4]bool{}
	for n := range byte(10) {
		a := b.send(discover(n + 1))
		if a.Type != Offer || seen[a.Yiaddr] {
			t.Errorf("client %d: %s %v", n+1, typeName(a.Type), a.Yiaddr)
		}
		seen[a.Yiaddr] = true
	}
	b.wantSilence(b.send(discover(99)), frame.PoolFull)
}

// §3.1, 4: "Those servers not selected by the DHCPREQUEST message use the message
// as notification that the client has declined that server's offer."
func TestRFC2131_3_1_RequestToAnotherServerReturnsOurOffer(t *testing.T) {
	b := newBench(t)
	for n := range byte(10) {
		b.send(discover(n + 1))
	}
	offered := b.send(discover(3)).Yiaddr
	b.wantSilence(b.send(selecting(3, "192.0.2.200", other)), frame.OtherServer)
	// The one address is free again at once, for somebody else.
	if a := b.send(discover(50)); a.Type != Offer || a.Yiaddr != offered {
		t.Errorf("%s %v, want OFFER %v", typeName(a.Type), a.Yiaddr, offered)
	}
	// A lease is not an offer: it stays.
	addr := newBench(t)
	held := addr.lease(1)
	addr.wantSilence(addr.send(selecting(1, "192.0.2.200", other)), frame.OtherServer)
	addr.wantHolder(held.String(), lease.Bound, 1)
}

// §3.1, 4: "The server selected in the DHCPREQUEST message commits the binding for
// the client to persistent storage and responds with a DHCPACK message containing
// the configuration parameters for the requesting client."
func TestRFC2131_3_1_AckWaitsForTheBinding(t *testing.T) {
	b := newBench(t)
	b.onDisk = false
	o := b.send(discover(1))
	if b.batch.Len() != 0 || o.Wait != 0 {
		t.Errorf("an OFFER writes %d changes and waits for %d", b.batch.Len(), o.Wait)
	}
	a := b.send(selecting(1, o.Yiaddr.String(), ours0))
	b.wantAck(a, o.Yiaddr.String())
	if a.Wait != b.batch.Ticket() || b.batch.Len() != 1 {
		t.Errorf("the ACK waits for %d; the batch is %d with %d changes", a.Wait, b.batch.Ticket(), b.batch.Len())
	}
	if a.Options == nil {
		t.Error("no parameters")
	}
	// A retransmission is not a second change; it waits for the first.
	first := a.Wait
	b.batch.Reset()
	b.wait(1)
	a = b.send(selecting(1, o.Yiaddr.String(), ours0))
	b.wantAck(a, o.Yiaddr.String())
	if a.Wait != first || b.batch.Len() != 0 {
		t.Errorf("the retransmission waits for %d, want %d, and writes %d changes", a.Wait, first, b.batch.Len())
	}
}

// §3.1, 4: the same clause: where nothing can be committed, nothing is promised.
func TestRFC2131_3_1_NoStorageNoPromise(t *testing.T) {
	b := newBench(t, authoritative)
	held := b.lease(1).String()
	b.failed = true
	n := b.batch.Len()
	for _, q := range []Query{
		discover(2), discover(1), selecting(1, held, ours0), selecting(2, "192.0.2.200", ours0), rebooting(1, held),
		rebooting(1, "10.9.9.9"), renewing(1, held), rebinding(1, held), renewing(2, "192.0.2.12"), release(1, held), decline(1, held, ours0),
	} {
		b.wantSilence(b.send(q), frame.NotDurable)
	}
	b.wantHolder(held, lease.Bound, 1)
	if b.batch.Len() != n {
		t.Errorf("%d changes", b.batch.Len()-n)
	}
	// An INFORM commits nothing.
	if a := b.send(inform(3, "192.0.2.77")); a.Type != Ack {
		t.Errorf("INFORM: %s %v", typeName(a.Type), a.Reason)
	}
}

// §3.1, 4: "Any configuration parameters in the DHCPACK message SHOULD NOT conflict
// with those in the earlier DHCPOFFER message to which the client is responding."
func TestRFC2131_3_1_AckAgreesWithTheOffer(t *testing.T) {
	b := newBench(t)
	for _, relayed := range []bool{false, true} {
		d, r := discover(1), selecting(1, "0.0.0.0", ours0)
		if relayed {
			d, r = via(relay3, discover(1)), via(relay3, selecting(1, "0.0.0.0", ours1))
		}
		o := b.send(d)
		r.Requested = o.Yiaddr
		a := b.send(r)
		a.Wait = 0
		o.Type = Ack
		if a != o {
			t.Errorf("OFFER %+v\nACK %+v", o, a)
		}
	}
}

// §3.1, 4: "The 'yiaddr' field in the DHCPACK messages is filled in with the
// selected network address."
func TestRFC2131_3_1_AckCarriesTheSelectedAddress(t *testing.T) {
	b := newBench(t)
	b.send(discover(1))
	// Without an offer to this client the address is still free for it.
	b.wantAck(b.send(selecting(2, "192.0.2.15", ours0)), "192.0.2.15")
	b.wantHolder("192.0.2.15", lease.Bound, 2)
}

// §3.1, 4: "If the selected server is unable to satisfy the DHCPREQUEST message
// (e.g., the requested network address has been allocated), the server SHOULD
// respond with a DHCPNAK message."
func TestRFC2131_3_1_SelectedServerThatCannotSaysNak(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	offered := b.send(discover(2)).Yiaddr.String()
	for what, addr := range map[string]string{
		"leased to another":          held,
		"offered to another":         offered,
		"not in a pool":              "192.0.2.200",
		"on another subnet":          "10.1.0.10",
		"on no subnet":               "172.16.0.1",
		"ours":                       ours0,
		"not an address of a client": all,
	} {
		a := b.send(selecting(3, addr, ours0))
		if a.Type != Nak {
			t.Errorf("%s: %s", what, typeName(a.Type))
		}
	}
	b.wantHolder(held, lease.Bound, 1)
}

// §3.1, 4: "The server SHOULD mark an address offered to a client in a DHCPOFFER
// message as available if the server receives no DHCPREQUEST message from that
// client."
func TestRFC2131_3_1_OfferRunsOut(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.OfferHold = 30 })
	for n := range byte(10) {
		b.send(discover(n + 1))
	}
	b.wait(29)
	b.wantSilence(b.send(discover(50)), frame.PoolFull)
	b.wait(2)
	for b.server.Table.Expire(b.now, 100, b.batch) == 100 {
	}
	if a := b.send(discover(50)); a.Type != Offer {
		t.Errorf("%s %v after the hold", typeName(a.Type), a.Reason)
	}
}

// §3.1, 6: "The client identifies the lease to be released with its 'client
// identifier', or 'chaddr' and network address in the DHCPRELEASE message."
func TestRFC2131_3_1_ReleaseNeedsClientAndAddress(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	theirs := b.lease(2).String()
	b.wantSilence(b.send(release(1, theirs)), frame.NotHolder)
	b.wantSilence(b.send(release(3, held)), frame.NotHolder)
	b.wantSilence(b.send(release(1, "172.16.0.1")), frame.NotHolder)
	b.wantHolder(held, lease.Bound, 1)
	b.wantHolder(theirs, lease.Bound, 2)
	q := release(1, held)
	q.Ciaddr = 0
	b.wantSilence(b.send(q), frame.BadRequest)
	b.wantSilence(b.send(release(1, held)), frame.Released)
	b.wantHolder(held, lease.Released, 1)
	b.wantSilence(b.send(release(1, held)), frame.NotHolder)
}

// §3.2, 2: "If 'giaddr' is 0x0 in the DHCPREQUEST message, the client is on the
// same subnet as the server. The server MUST broadcast the DHCPNAK message to the
// 0xffffffff broadcast address".
func TestRFC2131_3_2_NakIsBroadcast(t *testing.T) {
	b := newBench(t, authoritative)
	for _, q := range []Query{rebooting(1, "10.9.9.9"), selecting(1, "10.9.9.9", ours0), renewing(1, "192.0.2.200"), rebinding(1, "10.9.9.9")} {
		a := b.send(q)
		b.wantNak(a)
		b.wantDest(a, ToBroadcast, all)
	}
}

// §3.2, 2: "Otherwise, the server MUST send the DHCPNAK message to the IP address
// of the BOOTP relay agent, as recorded in 'giaddr'."
func TestRFC2131_3_2_NakGoesToTheRelayAgent(t *testing.T) {
	b := newBench(t)
	a := b.send(via(relay1, rebooting(1, "10.9.9.9")))
	b.wantNak(a)
	b.wantDest(a, ToRelay, relay1)
}

// §3.3: "The time value of 0xffffffff is reserved to represent 'infinity'."
func TestRFC2131_3_3_InfiniteLease(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Subnets[0].Times = policy.Times{Valid: lease.Infinite} })
	addr := b.lease(1).String()
	a := b.send(renewing(1, addr))
	b.wantAck(a, addr)
	if a.Valid != 0xffffffff || a.Renew != 0 || a.Rebind != 0 {
		t.Errorf("times %d, %d, %d", a.Valid, a.Renew, a.Rebind)
	}
	b.wait(1 << 30)
	b.server.Table.Expire(b.now, 1000, b.batch)
	b.wantHolder(addr, lease.Bound, 1)
}

// §3.4: "Servers receiving a DHCPINFORM message construct a DHCPACK message with
// any local configuration parameters appropriate for the client without:
// allocating a new address, checking for an existing binding, filling in 'yiaddr'
// or including lease time parameters."
func TestRFC2131_3_4_InformGetsParametersOnly(t *testing.T) {
	b := newBench(t)
	held := b.lease(2).String()
	changes := b.batch.Len()
	for _, addr := range []string{"192.0.2.200", "192.0.2.12", held} {
		a := b.send(inform(1, addr))
		if a.Type != Ack || a.Yiaddr != 0 || a.HasTimes || a.Valid != 0 || a.Renew != 0 || a.Rebind != 0 || a.Wait != 0 {
			t.Errorf("INFORM for %s: %+v", addr, a)
		}
		if a.Ciaddr != ip(addr) || a.Options == nil || a.Subnet != &b.policy.Subnets[2] {
			t.Errorf("INFORM for %s: ciaddr %v, subnet %v", addr, a.Ciaddr, a.Subnet.Base)
		}
	}
	if b.batch.Len() != changes {
		t.Error("an INFORM changes leases")
	}
	b.wantHolder(held, lease.Bound, 2)
}

// §3.4: "The server SHOULD check the network address in a DHCPINFORM message for
// consistency, but MUST NOT check for an existing lease."
func TestRFC2131_3_4_InformIsCheckedForConsistency(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(inform(1, "172.16.0.1")), frame.NoSubnet)
	q := inform(1, "192.0.2.200")
	q.Ciaddr, q.Src = 0, 0
	b.wantSilence(b.send(q), frame.BadRequest)
	// A host of another link of ours gets what fits its address.
	if a := b.send(inform(1, "10.1.0.200")); a.Type != Ack || a.Subnet.Base != ip("10.1.0.0") {
		t.Errorf("%s %v", typeName(a.Type), a.Reason)
	}
	// An address that was forgotten is in the IP header.
	q.Src = ip("192.0.2.200")
	a := b.send(q)
	if a.Type != Ack || a.Ciaddr != 0 {
		t.Errorf("%s, ciaddr %v", typeName(a.Type), a.Ciaddr)
	}
	b.wantDest(a, ToCiaddr, "192.0.2.200")
}

// §3.5: "If a server receives a DHCPREQUEST message with an invalid 'requested IP
// address', the server SHOULD respond to the client with a DHCPNAK message and may
// choose to report the problem to the system administrator. The server may include
// an error message in the 'message' option."
func TestRFC2131_3_5_InvalidRequestedAddressIsRefusedWithAMessage(t *testing.T) {
	b := newBench(t)
	a := b.send(rebooting(1, "10.9.9.9"))
	b.wantNak(a)
	if a.Message == "" {
		t.Error("no message")
	}
}

// §4.1: "A server with multiple network addresses MUST be prepared to to accept any
// of its network addresses as identifying that server in a DHCP message."
func TestRFC2131_4_1_AnyOfOurAddressesIsUs(t *testing.T) {
	b := newBench(t)
	for n, id := range []string{ours0, ours1} {
		o := b.send(discover(byte(n) + 1))
		b.wantAck(b.send(selecting(byte(n)+1, o.Yiaddr.String(), id)), o.Yiaddr.String())
		q := release(byte(n)+1, o.Yiaddr.String())
		q.ServerID = ip(id)
		b.wantSilence(b.send(q), frame.Released)
	}
}

// §4.1: "if the DHCP server and the DHCP client are connected to the same subnet
// …, the server SHOULD select the IP address the server is using for communication
// on that subnet as the 'server identifier'."
func TestRFC2131_4_1_IdentifierOnTheClientsSubnet(t *testing.T) {
	b := newBench(t)
	if a := b.send(discover(1)); a.ServerID != ip(ours0) || a.Source != ip(ours0) {
		t.Errorf("identifier %v, source %v", a.ServerID, a.Source)
	}
}

// §4.1: "If the server has received a message through a DHCP relay agent, the
// server SHOULD choose an address from the interface on which the message was
// recieved as the 'server identifier'".
func TestRFC2131_4_1_IdentifierTowardsRelayAgents(t *testing.T) {
	b := newBench(t)
	if a := b.send(via(relay1, discover(1))); a.ServerID != ip(ours1) || a.Source != ip(ours1) {
		t.Errorf("identifier %v, source %v", a.ServerID, a.Source)
	}
}

// §4.1: "If the 'giaddr' field in a DHCP message from a client is non-zero, the
// server sends any return messages to the 'DHCP server' port on the BOOTP relay
// agent whose address appears in 'giaddr'."
func TestRFC2131_4_1_RepliesGoToGiaddr(t *testing.T) {
	b := newBench(t)
	q := via(relay1, discover(1))
	q.Flags = FlagBroadcast
	o := b.send(q)
	b.wantDest(o, ToRelay, relay1)
	if o.Flags != FlagBroadcast {
		t.Errorf("flags %04x", o.Flags)
	}
	addr := o.Yiaddr.String()
	b.wantDest(b.send(via(relay1, selecting(1, addr, ours1))), ToRelay, relay1)
	b.wantDest(b.send(via(relay1, rebinding(1, addr))), ToRelay, relay1)
	b.wantDest(b.send(via(relay1, selecting(2, addr, ours1))), ToRelay, relay1)
}

// §4.1: "If the 'giaddr' field is zero and the 'ciaddr' field is nonzero, then the
// server unicasts DHCPOFFER and DHCPACK messages to the address in 'ciaddr'."
func TestRFC2131_4_1_RepliesGoToCiaddr(t *testing.T) {
	b := newBench(t)
	addr := b.lease(1).String()
	for _, q := range []Query{renewing(1, addr), rebinding(1, addr)} {
		q.Flags = FlagBroadcast
		a := b.send(q)
		b.wantAck(a, addr)
		b.wantDest(a, ToCiaddr, addr)
	}
}

// §4.1: "If 'giaddr' is zero and 'ciaddr' is zero, and the broadcast bit is set,
// then the server broadcasts DHCPOFFER and DHCPACK messages to 0xffffffff."
func TestRFC2131_4_1_BroadcastBit(t *testing.T) {
	b := newBench(t)
	q := discover(1)
	q.Flags = FlagBroadcast
	o := b.send(q)
	b.wantDest(o, ToBroadcast, all)
	q = selecting(1, o.Yiaddr.String(), ours0)
	q.Flags = FlagBroadcast
	b.wantDest(b.send(q), ToBroadcast, all)
}

// §4.1: "If the broadcast bit is not set and 'giaddr' is zero and 'ciaddr' is zero,
// then the server unicasts DHCPOFFER and DHCPACK messages to the client's hardware
// address and 'yiaddr' address."
func TestRFC2131_4_1_UnicastToYiaddr(t *testing.T) {
	b := newBench(t)
	o := b.send(discover(1))
	b.wantDest(o, ToClient, o.Yiaddr.String())
	a := b.send(selecting(1, o.Yiaddr.String(), ours0))
	b.wantDest(a, ToClient, o.Yiaddr.String())
}

// §4.1: "If unicasting is not possible, the message MAY be sent as an IP broadcast
// using an IP broadcast address (preferably 0xffffffff) as the IP destination
// address".
func TestRFC2131_4_1_BroadcastWhereUnicastIsNotPossible(t *testing.T) {
	b := newBench(t)
	q := discover(1)
	q.HType, q.Client.HType = 32, 32 // InfiniBand
	b.wantDest(b.send(q), ToBroadcast, all)
	q = discover(2)
	q.Client.HW, q.Client.ClientID = nil, []byte("\x00no chaddr")
	b.wantDest(b.send(q), ToBroadcast, all)
}

// §4.1: "In all cases, when 'giaddr' is zero, the server broadcasts any DHCPNAK
// messages to 0xffffffff."
func TestRFC2131_4_1_NakIsBroadcastWhateverCiaddrSays(t *testing.T) {
	b := newBench(t)
	addr := b.lease(1).String()
	b.lease(2)
	a := b.send(renewing(2, addr))
	b.wantNak(a)
	b.wantDest(a, ToBroadcast, all)
}

// §4.2: "If the client supplies a 'client identifier', the client MUST use the same
// 'client identifier' in all subsequent messages, and the server MUST use that
// identifier to identify the client."
func TestRFC2131_4_2_ClientIdentifierIsTheClient(t *testing.T) {
	b := newBench(t)
	with := func(id string) func(*Query) { return func(q *Query) { q.Client.ClientID = []byte(id) } }
	one := b.lease(1, with("\x01one"))
	if two := b.lease(1, with("\x01two")); two == one {
		t.Error("two identifiers on one chaddr share an address")
	}
	if again := b.lease(9, with("\x01one")); again != one {
		t.Errorf("the same identifier on another chaddr gets %v, had %v", again, one)
	}
	if bare := b.lease(1); bare == one {
		t.Error("a client without identifier has the address of one with")
	}
}

// §4.2: "If the client does not provide a 'client identifier' option, the server
// MUST use the contents of the 'chaddr' field to identify the client."
func TestRFC2131_4_2_ChaddrIsTheClientOtherwise(t *testing.T) {
	b := newBench(t)
	one := b.lease(1)
	if two := b.lease(2); two == one {
		t.Error("two chaddr share an address")
	}
	if again := b.lease(1); again != one {
		t.Errorf("the same chaddr gets %v, had %v", again, one)
	}
	typed := b.lease(1, func(q *Query) { q.HType, q.Client.HType = 6, 6 })
	if typed == one {
		t.Error("the hardware type does not tell clients apart")
	}
	// Neither: nothing can be recorded.
	q := discover(1)
	q.Client.HW = nil
	b.wantSilence(b.send(q), frame.BadRequest)
	// The administrator may have it otherwise.
	b = newBench(t, func(s *policy.Spec) { s.Identity = policy.IdentityHW })
	one = b.lease(1)
	if again := b.lease(1, func(q *Query) { q.Client.ClientID = []byte("x1") }); again != one {
		t.Errorf("with identity mac the same chaddr gets %v, had %v", again, one)
	}
}

// §4.3: "A DHCP server can receive the following messages from a client:
// DHCPDISCOVER, DHCPREQUEST, DHCPDECLINE, DHCPRELEASE, DHCPINFORM".
func TestRFC2131_4_3_OtherMessagesAreNotForServers(t *testing.T) {
	b := newBench(t, authoritative)
	for _, typ := range []uint8{Offer, Ack, Nak} {
		b.wantSilence(b.send(from(1, typ)), frame.FromServer)
	}
	for _, typ := range []uint8{0, 9, 14, 15, 18, 200} {
		b.wantSilence(b.send(from(1, typ)), frame.NoType)
	}
}

// §4.3.1: "The client's current address as recorded in the client's current
// binding, ELSE".
func TestRFC2131_4_3_1_CurrentAddressFirst(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	q := discover(1)
	q.Requested, q.HasRequested = ip("192.0.2.18"), true
	b.wantOffer(b.send(q), held)
}

// §4.3.1: "The client's previous address as recorded in the client's (now expired
// or released) binding, if that address is in the server's pool of available
// addresses and not already allocated, ELSE".
func TestRFC2131_4_3_1_PreviousAddressSecond(t *testing.T) {
	b := newBench(t)
	released, expired := b.lease(1).String(), b.lease(2).String()
	b.send(release(1, released))
	b.wait(hour + 1)
	b.server.Table.Expire(b.now, 1000, b.batch)
	for n, had := range map[byte]string{1: released, 2: expired} {
		q := discover(n)
		q.Requested, q.HasRequested = ip("192.0.2.18"), true
		b.wantOffer(b.send(q), had)
	}
	// Allocated to another meanwhile: not any more.
	b = newBench(t, func(s *policy.Spec) { s.Subnets[0].Pools[0].Ranges[0].Last = addr("192.0.2.10") })
	b.lease(1)
	b.send(release(1, "192.0.2.10"))
	if b.lease(2) != ip("192.0.2.10") {
		t.Error("the only address is not the second client's")
	}
	b.wantSilence(b.send(discover(1)), frame.PoolFull)
}

// §4.3.1: "The address requested in the 'Requested IP Address' option, if that
// address is valid and not already allocated, ELSE".
func TestRFC2131_4_3_1_RequestedAddressThird(t *testing.T) {
	b := newBench(t)
	b.lease(1, func(q *Query) { q.Requested, q.HasRequested = ip("192.0.2.17"), true })
	b.wantHolder("192.0.2.17", lease.Bound, 1)
	for n, want := range []string{"192.0.2.17", "192.0.2.200", "10.1.0.10", "10.9.9.9", ours0} {
		q := discover(byte(n) + 2)
		q.Requested, q.HasRequested = ip(want), true
		a := b.send(q)
		if a.Type != Offer || a.Yiaddr == ip(want) || a.Yiaddr < ip("192.0.2.10") || a.Yiaddr > ip("192.0.2.19") {
			t.Errorf("asked for %s: %s %v", want, typeName(a.Type), a.Yiaddr)
		}
	}
}

// §4.3.1: "A new address allocated from the server's pool of available addresses;
// the address is selected based on the subnet from which the message was received
// (if 'giaddr' is 0) or on the address of the relay agent that forwarded the message
// ('giaddr' when not 0)."
func TestRFC2131_4_3_1_PoolOfTheClientsSubnet(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		q           Query
		first, last string
	}{
		{discover(1), "192.0.2.10", "192.0.2.19"},
		{via(relay1, discover(1)), "10.1.0.10", "10.1.0.19"},
		{via(relay2, discover(1)), "10.2.0.10", "10.2.0.19"},
	} {
		a := b.send(c.q)
		if a.Type != Offer || a.Yiaddr < ip(c.first) || a.Yiaddr > ip(c.last) || !a.Subnet.Holds(a.Yiaddr) {
			t.Errorf("%s %v, want one of %s-%s", typeName(a.Type), a.Yiaddr, c.first, c.last)
		}
	}
	b.wantSilence(b.send(via("172.16.0.1", discover(1))), frame.NoSubnet)
	q := discover(1)
	q.Port = 1 // where only relay agents are
	b.wantSilence(b.send(q), frame.NoSubnet)
}

// §4.3.1: "in some network architectures (e.g., internets with more than one IP
// subnet assigned to a physical network segment), it may be the case that the DHCP
// client should be assigned an address from a different subnet than the address
// recorded in 'giaddr'."
func TestRFC2131_4_3_1_OtherSubnetOfTheLink(t *testing.T) {
	b := newBench(t)
	first := b.send(via(relay3, discover(1)))
	b.wantOffer(first, "10.3.0.10")
	second := b.send(via(relay3, discover(2)))
	if second.Type != Offer || second.Yiaddr>>8 != ip("10.3.1.0")>>8 || second.Subnet.Base != ip("10.3.1.0") {
		t.Fatalf("%s %v", typeName(second.Type), second.Yiaddr)
	}
	b.wantAck(b.send(via(relay3, selecting(2, second.Yiaddr.String(), ours1))), second.Yiaddr.String())
	// A relay agent's other address is on the same link: the same client keeps
	// its one lease.
	b.wantOffer(b.send(via("10.3.1.1", discover(2))), second.Yiaddr.String())
}

// §4.3.1: "While not required for correct operation of DHCP, the server SHOULD NOT
// reuse the selected network address before the client responds to the server's
// DHCPOFFER message."
func TestRFC2131_4_3_1_TheSameOfferAgain(t *testing.T) {
	b := newBench(t)
	o := b.send(discover(1))
	for range 5 {
		b.wait(10)
		b.wantOffer(b.send(discover(1)), o.Yiaddr.String())
	}
}

// §4.3.1: "IF the client has not requested a specific lease in the DHCPDISCOVER
// message and the client does not have an assigned network address, the server
// assigns a locally configured default lease time, ELSE". A client that has an
// address gets the same: see discover.
func TestRFC2131_4_3_1_DefaultLeaseTime(t *testing.T) {
	b := newBench(t)
	a := b.send(discover(1))
	if !a.HasTimes || a.Valid != hour {
		t.Errorf("lease time %d", a.Valid)
	}
	b.lease(1)
	b.wait(1000)
	if a = b.send(discover(1)); a.Valid != hour {
		t.Errorf("lease time %d for a client with a lease", a.Valid)
	}
}

// §4.3.1: "IF the client has requested a specific lease in the DHCPDISCOVER message
// (regardless of whether the client has an assigned network address), the server
// may choose either to return the requested lease (if the lease is acceptable to
// local policy) or select another lease."
func TestRFC2131_4_3_1_WantedLeaseTimeIsBounded(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Subnets[0].Times = policy.Times{Valid: hour, Min: 600, Max: 7200} })
	addr := b.lease(1).String()
	for want, get := range map[uint32]uint32{0: 600, 60: 600, 601: 601, 7000: 7000, 7201: 7200, 0xffffffff: 7200} {
		for _, q := range []Query{discover(1), renewing(1, addr), selecting(1, addr, ours0), rebooting(1, addr)} {
			q.WantTime, q.HasTime = want, true
			b.wait(100) // not a retransmission
			if a := b.send(q); a.Valid != get {
				t.Errorf("type %d wants %d: %s with %d, want %d", q.Type, want, typeName(a.Type), a.Valid, get)
			}
		}
	}
}

// §4.3.1, table 3: ciaddr of an OFFER is 0, of an ACK "'ciaddr' from DHCPREQUEST or
// 0"; flags and giaddr are the client's; siaddr is the "IP address of next bootstrap
// server".
func TestRFC2131_Table3_HeaderFields(t *testing.T) {
	b := newBench(t)
	q := discover(1)
	q.Flags = 0x8001
	o := b.send(q)
	if o.Ciaddr != 0 || o.Flags != 0x8001 {
		t.Errorf("OFFER: ciaddr %v, flags %04x", o.Ciaddr, o.Flags)
	}
	q.Ciaddr = ip("192.0.2.200") // of a client that should know better
	if o = b.send(q); o.Ciaddr != 0 {
		t.Errorf("OFFER: ciaddr %v", o.Ciaddr)
	}
	if a := b.send(selecting(1, o.Yiaddr.String(), ours0)); a.Ciaddr != 0 {
		t.Errorf("ACK in SELECTING: ciaddr %v", a.Ciaddr)
	}
	if a := b.send(renewing(1, o.Yiaddr.String())); a.Ciaddr != o.Yiaddr || a.Flags != 0 {
		t.Errorf("ACK in RENEWING: ciaddr %v, flags %04x", a.Ciaddr, a.Flags)
	}
}

// §4.3.1, table 3, column DHCPNAK: yiaddr, ciaddr and siaddr 0; the lease time and
// "All others MUST NOT"; the server identifier MUST.
func TestRFC2131_Table3_Nak(t *testing.T) {
	b := newBench(t)
	q := renewing(1, "192.0.2.12")
	b.lease(2, func(q *Query) { q.Requested, q.HasRequested = ip("192.0.2.12"), true })
	q.Flags = 1
	a := b.send(q)
	want := Answer{Type: Nak, Flags: 1, ServerID: ip(ours0), Source: ip(ours0), To: ToBroadcast, DestIP: ip(all), Message: a.Message}
	if a != want || a.Message == "" {
		t.Errorf("%+v\nwant %+v", a, want)
	}
}

// §4.3.1: "Any parameters specific to this client …, e.g., as configured by the
// network administrator".
func TestRFC2131_4_3_1_ParametersOfTheClient(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].Options = []policy.Option{{Code: 15, Data: []byte("example.net")}}
		s.Subnets[0].Reservations = []policy.ReservationSpec{
			{MAC: hw(1), Address: addr("192.0.2.77"), Options: []policy.Option{{Code: 12, Data: []byte("alice")}}},
			{MAC: hw(2), Options: []policy.Option{{Code: 12, Data: []byte("bob")}}},
		}
	})
	for n, want := range map[byte]string{1: "alice", 2: "bob", 3: ""} {
		q := inform(n, "192.0.2.200")
		for _, a := range []Answer{b.send(discover(n)), b.send(q)} {
			name, _ := a.Options.Get(12)
			domain, _ := a.Options.Get(15)
			if string(name) != want || string(domain) != "example.net" {
				t.Errorf("client %d: name %q, domain %q", n, name, domain)
			}
		}
	}
	b.wantOffer(b.send(discover(1)), "192.0.2.77")
}

// §4.3.1: "the parameters MUST be identified by an exact match between the client's
// vendor class identifiers and the client's classes identified in the server".
func TestRFC2131_4_3_1_VendorClassIsMatchedExactly(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{Name: "phone", VendorClass: []byte("phone"), Options: []policy.Option{{Code: 150, Data: []byte{1}}}}}
	})
	for class, want := range map[string]bool{"phone": true, "phone ": false, "phon": false, "Phone": false, "": false} {
		q := discover(1)
		q.VendorClass = []byte(class)
		if _, got := b.send(q).Options.Get(150); got != want {
			t.Errorf("class %q: option sent: %v", class, got)
		}
	}
}

// §4.3.3: "The server MUST mark the network address as not available".
func TestRFC2131_4_3_3_DeclinedAddressIsNotAvailable(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Probation = 100 })
	held := b.lease(1).String()
	b.wantSilence(b.send(decline(1, held, ours0)), frame.Declined)
	b.wantStatus(held, lease.Declined)
	for n := range byte(9) {
		if b.lease(n+1) == ip(held) {
			t.Error("a declined address is given out")
		}
	}
	// Not to the client that declined it either.
	b.wantNak(b.send(selecting(50, held, ours0)))
	b.wantSilence(b.send(rebooting(60, held)), frame.UnknownClient)
}

// §4.4.4, table 5: in a DHCPDECLINE the requested address and the server identifier
// MUST be there. Whoever does not hold the address cannot take it from others.
func TestRFC2131_4_4_4_DeclineIsTheHoldersOnly(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.wantSilence(b.send(decline(2, held, ours0)), frame.NotHolder)
	b.wantSilence(b.send(decline(1, "192.0.2.200", ours0)), frame.NotHolder)
	b.wantSilence(b.send(decline(1, "172.16.0.1", ours0)), frame.NotHolder)
	b.wantSilence(b.send(decline(1, held, other)), frame.OtherServer)
	q := decline(1, held, ours0)
	q.HasServerID, q.ServerID = false, 0
	b.wantSilence(b.send(q), frame.BadRequest)
	q = decline(1, held, ours0)
	q.HasRequested, q.Requested = false, 0
	b.wantSilence(b.send(q), frame.BadRequest)
	b.wantHolder(held, lease.Bound, 1)
}

// §4.3.4: "Upon receipt of a DHCPRELEASE message, the server marks the network
// address as not allocated. The server SHOULD retain a record of the client's
// initialization parameters for possible reuse in response to subsequent requests
// from the client."
func TestRFC2131_4_3_4_ReleasedAddressIsRemembered(t *testing.T) {
	b := newBench(t)
	held := b.lease(1).String()
	b.wantSilence(b.send(release(1, held)), frame.Released)
	b.wantHolder(held, lease.Released, 1)
	for n := range byte(9) {
		if b.lease(n+10) == ip(held) {
			t.Error("a remembered address goes out before others")
		}
	}
	b.wantOffer(b.send(discover(1)), held)
	b.wantSilence(b.send(release(2, held)), frame.NotHolder)
	q := release(1, held)
	q.ServerID = ip(other)
	b.wantSilence(b.send(q), frame.OtherServer)
}

// §4.3.5: "The server responds to a DHCPINFORM message by sending a DHCPACK message
// directly to the address given in the 'ciaddr' field of the DHCPINFORM message."
func TestRFC2131_4_3_5_InformIsAnsweredToCiaddr(t *testing.T) {
	b := newBench(t)
	q := inform(1, "192.0.2.200")
	q.Flags = FlagBroadcast
	b.wantDest(b.send(q), ToCiaddr, "192.0.2.200")
	b.wantDest(b.send(via(relay1, inform(1, "10.1.0.200"))), ToCiaddr, "10.1.0.200")
	// Without ciaddr only the relay agent can reach the client, by broadcast.
	q = via(relay1, inform(1, "10.1.0.200"))
	q.Ciaddr = 0
	a := b.send(q)
	b.wantDest(a, ToRelay, relay1)
	if a.Flags != FlagBroadcast {
		t.Errorf("flags %04x", a.Flags)
	}
}

// §4.4.5: "T1 defaults to (0.5 * duration_of_lease). T2 defaults to (0.875 *
// duration_of_lease)."
func TestRFC2131_4_4_5_T1AndT2(t *testing.T) {
	b := newBench(t)
	if a := b.send(discover(1)); a.Renew != 1800 || a.Rebind != 3150 {
		t.Errorf("T1 %d, T2 %d", a.Renew, a.Rebind)
	}
	b = newBench(t, func(s *policy.Spec) { s.Subnets[0].Times = policy.Times{Valid: hour, Renew: 100, Rebind: 200} })
	if a := b.send(discover(1)); a.Renew != 100 || a.Rebind != 200 {
		t.Errorf("configured T1 %d, T2 %d", a.Renew, a.Rebind)
	}
}
