// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

// RFC 8415 §18.3.9: "The server MUST include IA options in the Advertise message
// containing any addresses and/or delegated prefixes that would be assigned to IAs
// contained in the Solicit message from the client."
func TestAdvertiseHasWhatARequestWouldGet(t *testing.T) {
	b := newBench(t)
	a := b.send(from(1, Solicit, na(1), pd(1)))
	b.wantType(a, Advertise)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	_, prefixes := b.answered(a, lease6.PD, 1)
	if len(prefixes) != 1 || a.Wait != 0 || b.batch.Len() != 0 {
		t.Fatalf("%d prefixes, waits for %v, %d changes", len(prefixes), a.Wait, b.batch.Len())
	}
	r := b.send(from(1, Request, na(1, "2001:db8:0:1::10"), pd(1, prefixes[0].Prefix.String())))
	b.wantType(r, Reply)
	b.wantLeases(r, lease6.NA, 1, "2001:db8:0:1::10")
	b.wantLeases(r, lease6.PD, 1, prefixes[0].Prefix.String())
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	if r.Wait != b.batch.Ticket() || b.batch.Len() != 2 {
		t.Errorf("the Reply waits for %v, and there are %d changes", r.Wait, b.batch.Len())
	}
}

// RFC 8415 §12: "each IA has an IAID", and §21.4: "A DHCP message may contain multiple
// IA_NA options". "The number space for IA_NA IAIDs is separate from the number space for
// other IA option types".
func TestEachIAHasItsOwnLease(t *testing.T) {
	b := newBench(t)
	q := from(1, Solicit, na(1), na(2), pd(1), pd(2))
	a := b.send(q)
	seen := map[lease6.Prefix]bool{}
	for i := range a.NIAs {
		ia := a.IAs[i]
		if ia.IA != q.IAs[i].IA || ia.N != 1 || ia.Status.Set {
			t.Errorf("IA %d is %+v", i, ia)
		}
		l := a.Leases[ia.First].Prefix
		if seen[l] || (l.Len == 128) != (ia.Type == lease6.NA) {
			t.Errorf("%v %d gets %v", ia.Type, ia.ID, l)
		}
		seen[l] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d leases for four IAs", len(seen))
	}
}

// As many IAs as there may be; of each its own.
func TestManyIAs(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		first(s).Pools[0].Ranges = []policy6.Range{addrs("2001:db8:0:1::10", "2001:db8:0:1::ffff")}
	})
	q := from(1, Solicit, commitsAtOnce)
	for i := range uint32(MaxIAs) {
		na(i)(q)
	}
	if q.AddIA(lease6.NA, 99) {
		t.Error("there was room for one more IA")
	}
	a := b.send(q)
	if a.Type != Advertise || a.NIAs != MaxIAs || a.NLeases != MaxIAs {
		t.Errorf("type %d, %d IAs, %d leases", a.Type, a.NIAs, a.NLeases)
	}
	q = from(1, Renew, na(0))
	for range MaxLeases {
		q.AddLease(ip("2001:db8:0:1::10"), 128)
	}
	if q.AddLease(ip("2001:db8:0:1::10"), 128) {
		t.Error("there was room for one more lease")
	}
	if a := b.send(q); a.Type != Reply || a.NLeases != 1 {
		t.Errorf("type %d, %d leases", a.Type, a.NLeases)
	}
}

// RFC 8415 §18.3.9: "If the server will not assign any addresses to an IA_NA in subsequent
// Request messages from the client, the server MUST include the IA option in the
// Advertise message with no addresses in that IA and a Status Code option encapsulated in
// the IA option containing status code NoAddrsAvail." Likewise NoPrefixAvail in an IA_PD.
func TestWhatIsNotToBeHadIsSaidInTheIA(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { first(s).Pools = nil })
	a := b.send(from(1, Solicit, na(1), pd(1)))
	b.wantType(a, Advertise)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wantLeases(a, lease6.PD, 1, "2001:db8:8000::/48")
	if a.Status.Set {
		t.Errorf("there is a status on top: %+v", a.Status)
	}
	b.reload(func(s *policy6.Spec) { first(s).Delegate = nil })
	a = b.send(from(2, Solicit, na(1), pd(1)))
	b.wantStatus(a, lease6.PD, 1, NoPrefixAvail)
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	b.reload(func(s *policy6.Spec) { first(s).Pools, first(s).Delegate = nil, nil })
	a = b.send(from(3, Solicit, na(1), pd(1)))
	b.wantType(a, Advertise)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	b.wantStatus(a, lease6.PD, 1, NoPrefixAvail)
}

// RFC 3315 §17.2.2: "If the server will not assign any addresses to any IAs in a subsequent
// Request from the client, the server MUST send an Advertise message to the client that
// includes only a Status Code option with code NoAddrsAvail". RFC 3633 §11.2 keeps the
// status of an IA_PD in it.
func TestStatusOnTopForOldClients(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		s.StatusOnTop = true
		first(s).Pools, first(s).Delegate = nil, nil
	})
	a := b.send(from(1, Solicit, na(1), pd(7), na(2)))
	b.wantType(a, Advertise)
	if a.Status.Code != NoAddrsAvail || !a.Status.Set || a.NIAs != 1 {
		t.Errorf("status %+v and %d IAs", a.Status, a.NIAs)
	}
	b.wantStatus(a, lease6.PD, 7, NoPrefixAvail)
	if a = b.send(from(1, Solicit, pd(7))); a.Status.Set {
		t.Errorf("a status %+v for an IA_PD alone", a.Status)
	}
	b.reload(func(s *policy6.Spec) { s.StatusOnTop = true })
	if a = b.send(from(1, Solicit, na(1), na(2))); a.Status.Set || a.NIAs != 2 {
		t.Errorf("status %+v, %d IAs where there are addresses", a.Status, a.NIAs)
	}
}

// RFC 8415 §18.3.1: "If the client has included a Rapid Commit option in the Solicit
// message and the server has been configured to respond with committed assignments …, the
// server responds to the Solicit with a Reply message. … In this case, the server includes
// a Rapid Commit option in the Reply message". §21.14: "A server MUST include this option".
func TestRapidCommit(t *testing.T) {
	commits := func(s *policy6.Spec) { first(s).RapidCommit = true }
	b := newBench(t, commits)
	q := from(1, Solicit, na(1), pd(1), commitsAtOnce)
	a := b.send(q)
	b.wantType(a, Reply)
	if _, ok := option(a, q, optRapidCommit); !ok {
		t.Error("no Rapid Commit option in the Reply")
	}
	b.wantLeases(a, lease6.NA, 1, "2001:db8:0:1::10")
	b.wantHolder("2001:db8:0:1::10", lease.Bound, 1)
	if a.Wait == 0 || a.Wait != b.batch.Ticket() {
		t.Errorf("the Reply waits for %v", a.Wait)
	}
	// "(2) the client has not included a Rapid Commit option".
	q = from(2, Solicit, na(1))
	a = b.send(q)
	b.wantType(a, Advertise)
	if _, ok := option(a, q, optRapidCommit); ok {
		t.Error("a Rapid Commit option in an Advertise")
	}
	b.wantHolder("2001:db8:0:1::11", lease.Offered, 2)
	// "(3) the server has not been configured".
	b.wantType(b.send(from(3, Solicit, na(1), commitsAtOnce, via(relay1))), Advertise)
	// A Reply without leases would end the client's search for other servers.
	b.reload(commits, func(s *policy6.Spec) { first(s).Pools = nil })
	a = b.send(from(4, Solicit, na(1), commitsAtOnce))
	b.wantType(a, Advertise)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
}

// RFC 8415 §18.3.9: "The server MAY add a Preference option …. The server preference value
// MUST default to 0".
func TestPreference(t *testing.T) {
	b := newBench(t)
	q := from(1, Solicit, na(1))
	if _, ok := option(b.send(q), q, optPreference); ok {
		t.Error("a preference that nobody has configured")
	}
	b.reload(func(s *policy6.Spec) { s.Preference, first(s).RapidCommit = 255, true })
	if v, _ := option(b.send(q), q, optPreference); len(v) != 1 || v[0] != 255 {
		t.Errorf("preference %v", v)
	}
	// §21.8: "A server MAY include a Preference option in an Advertise message".
	q = from(1, Solicit, na(1), commitsAtOnce)
	if v, ok := option(b.send(q), q, optPreference); ok {
		t.Errorf("preference %v in a Reply", v)
	}
}

// RFC 8415 §18.3.1: "if the administrative policy for the server is that it may only respond
// to a client that is willing to accept a Reconfigure message, if the client does not
// include a Reconfigure Accept option in the Solicit message, the server discards the
// Solicit message."
func TestOnlyClientsThatAcceptReconfigure(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.ReconfigureOnly = true })
	b.wantSilence(b.send(from(1, Solicit, na(1))), frame.Filtered)
	b.wantType(b.send(from(1, Solicit, na(1), accepts)), Advertise)
}

func accepts(q *Query) { q.ReconfigureAccept = true }

// RFC 8415 §18.3.9: "If the client has included addresses in the IA Address options in the
// Solicit message, the server MAY use those addresses as hints". "If the server is not
// going to assign an address … received as a hint …, the server MUST NOT include this
// address … in the Advertise message."
func TestHints(t *testing.T) {
	b := newBench(t)
	b.wantLeases(b.send(from(1, Solicit, na(1, "2001:db8:0:1::15"))), lease6.NA, 1, "2001:db8:0:1::15")
	for _, bad := range []string{"2001:db8:0:1::15", "2001:db8:0:1::99", "2001:db8:dead::1", "::"} {
		_, leases := b.answered(b.send(from(2, Solicit, na(1, bad))), lease6.NA, 1)
		if len(leases) != 1 || leases[0].Prefix == at(bad) || leases[0].Prefix == at("2001:db8:0:1::15") {
			t.Errorf("who would like %s is offered %v", bad, leases)
		}
	}
	b.wantLeases(b.send(from(3, Solicit, pd(1, "2001:db8:9000:400::/56"))), lease6.PD, 1, "2001:db8:9000:400::/56")
}

// RFC 8415 §18.3.9 and §18.3: a Solicit is answered with the options that a Reply has; "The
// server MUST include options … for all of the options identified in the Option Request
// option … that the server has been configured to return".
func TestAdvertiseHasTheOptionsAskedFor(t *testing.T) {
	b := newBench(t)
	for _, q := range []*Query{
		from(1, Solicit, na(1), asks(23, 24)), from(1, Request, na(1, "2001:db8:0:1::10"), asks(23, 24)),
		from(1, Renew, na(1, "2001:db8:0:1::10"), asks(23, 24)), from(1, Rebind, na(1, "2001:db8:0:1::10"), asks(23, 24)),
		from(1, InformationRequest, asks(23, 24)),
	} {
		a := b.send(q)
		for _, code := range []uint16{23, 24} {
			if _, ok := option(a, q, code); !ok {
				t.Errorf("message %d: option %d is not in the answer of type %d", q.Type, code, a.Type)
			}
		}
	}
	// §21.7: "or they will not be sent by the server".
	q := from(1, Solicit, na(1), asks(24))
	if _, ok := option(b.send(q), q, 23); ok {
		t.Error("option 23 without being asked for")
	}
	// A Solicit without an IA is one for options.
	q = from(1, Solicit, asks(24))
	a := b.send(q)
	b.wantType(a, Advertise)
	if _, ok := option(a, q, 24); !ok {
		t.Error("no option for a Solicit without IA")
	}
}

// Two clients are never advertised the same, and an advertised lease is kept for its
// client.
func TestAdvertisedLeasesAreHeld(t *testing.T) {
	b := newBench(t)
	for n := range byte(10) {
		_, l := b.answered(b.send(from(n, Solicit, na(1))), lease6.NA, 1)
		if len(l) != 1 {
			t.Fatalf("client %d gets nothing of a pool of ten", n)
		}
	}
	b.wantStatus(b.send(from(10, Solicit, na(1))), lease6.NA, 1, NoAddrsAvail)
	b.wantLeases(b.send(from(3, Solicit, na(1))), lease6.NA, 1, "2001:db8:0:1::13")
	b.wait(policy6.DefaultOfferHold + 1)
	b.server.Table.Expire(b.now, 1000, b.batch)
	if a := b.send(from(10, Solicit, na(1))); a.IAs[0].N != 1 {
		t.Error("nothing is free when the offers have ended")
	}
}

// [MS-DHCPE] §1.3: "The DHCPv6 servers for which the Server Identifier sent by the client in
// DHCPv6 Request does not match the Server Identifier put the offered IPv6 address back
// into the available pool of addresses."
func TestARequestToAnotherServerGivesBackWhatWasAdvertised(t *testing.T) {
	b := newBench(t)
	b.send(from(1, Solicit, na(1), pd(1)))
	b.wantHolder("2001:db8:0:1::10", lease.Offered, 1)
	b.wantSilence(b.send(from(1, Request, na(1), pd(1), other)), frame.OtherServer)
	if s, _ := b.holder("2001:db8:0:1::10"); s == lease.Offered {
		t.Error("the address is still held")
	}
}

// [MS-DHCPE] §3.2.5: "An unauthorized DHCPv4 or DHCPv6 server does not process or respond to
// any of the messages".
func TestAnUnauthorizedServerIsSilent(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Authorization = policy.Unauthorized })
	for _, typ := range []uint8{Solicit, Request, Confirm, Renew, Rebind, Release, Decline} {
		b.wantSilence(b.send(from(1, typ, na(1))), frame.Unauthorized)
	}
	b.wantSilence(b.send(from(1, InformationRequest)), frame.Unauthorized)
}
