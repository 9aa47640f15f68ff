// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"encoding/binary"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
)

// RFC 8415 §18.3.3: "If all of the addresses in the Confirm message pass this test, the server
// returns a status of Success. If any of the addresses do not pass this test, the server
// returns a status of NotOnLink."
func TestConfirm(t *testing.T) {
	b := newBench(t)
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10"))), Success)
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10", "2001:db8:0:1::ffff"), ta(1, "2001:db8:0:1:1:2:3:4"))), Success)
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10"), na(2, "2001:db8:1::10"))), NotOnLink)
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10"), via(relay1))), NotOnLink)
	// Both prefixes of a shared network are on its link.
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:3::10", "2001:db8:33::10"), via(relay3))), Success)
	// It is about the link only: whose the address is does not matter.
	b.lease(2, na(1))
	b.wantTop(b.send(from(1, Confirm, na(1, "2001:db8:0:1::10"))), Success)
	if b.batch.Len() != 1 {
		t.Errorf("%d changes", b.batch.Len())
	}
}

// RFC 8415 §18.3.3: "If the server is unable to perform this test … or there were no addresses
// in any of the IAs sent by the client, the server MUST NOT send a Reply to the client."
func TestConfirmWithoutAddressesIsSilent(t *testing.T) {
	b := newBench(t)
	b.wantSilence(b.send(from(1, Confirm)), frame.BadRequest)
	b.wantSilence(b.send(from(1, Confirm, na(1), na(2))), frame.BadRequest)
	b.wantSilence(b.send(from(1, Confirm, pd(1, "2001:db8:8000::/48"))), frame.BadRequest)
	b.wantSilence(b.send(from(1, Confirm, na(1, "2001:db8::1"), via("2001:db8:dead::1"))), frame.NoSubnet)
}

// RFC 8415 §18.3.7: "If the IAs in the message are in a binding for the client and the leases
// in the IAs have been assigned by the server to those IAs, the server deletes the leases from
// the IAs and makes the leases available for assignment to other clients. The server ignores
// leases not assigned to the IAs". "the server generates a Reply message and includes a Status
// Code option with the value Success". "For each IA in the Release message for which the server
// has no binding information, the server adds an IA option … with the value NoBinding …. No
// other options are included in the IA option."
func TestRelease(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1)) // ::10
	b.lease(1, na(2)) // ::11
	b.lease(2, na(1)) // ::12
	p := b.lease(1, pd(1))
	changes := b.batch.Len()
	a := b.send(from(1, Release, na(1, "2001:db8:0:1::10", "2001:db8:0:1::12", "2001:db8:0:1::19"), na(9, "2001:db8:0:1::12"), pd(1, p.String())))
	b.wantType(a, Reply)
	if !a.Status.Set || a.Status.Code != Success || a.NIAs != 1 || a.Options != nil {
		t.Errorf("status %+v, %d IAs", a.Status, a.NIAs)
	}
	b.wantStatus(a, lease6.NA, 9, NoBinding)
	b.wantHolder("2001:db8:0:1::10", lease.Released, 1)
	b.wantHolder("2001:db8:0:1::11", lease.Bound, 1)
	b.wantHolder("2001:db8:0:1::12", lease.Bound, 2)
	b.wantHolder(p.String(), lease.Released, 1)
	if b.batch.Len() != changes+2 || a.Wait != b.batch.Ticket() {
		t.Errorf("%d changes, waits for %v", b.batch.Len()-changes, a.Wait)
	}
	// Again: there is no binding any more.
	a = b.send(from(1, Release, na(1, "2001:db8:0:1::10")))
	b.wantStatus(a, lease6.NA, 1, NoBinding)
	if a.Status.Code != Success || !a.Status.Set || a.Wait != 0 {
		t.Errorf("status %+v, waits for %v", a.Status, a.Wait)
	}
	// An IA that has a binding, but not of this address, is known.
	if a = b.send(from(1, Release, na(2, "2001:db8:0:1::10"))); a.NIAs != 0 || a.Type != Reply {
		t.Errorf("%d IAs", a.NIAs)
	}
}

// A client that has moved gives back what it had on the link before.
func TestReleaseFromAnotherLink(t *testing.T) {
	for typ, want := range map[uint8]lease.Status{Release: lease.Released, Decline: lease.Declined} {
		b := newBench(t)
		b.lease(1, na(1))
		if a := b.send(from(1, typ, na(1, "2001:db8:0:1::10"), via(relay1))); a.Type != Reply || a.NIAs != 0 {
			t.Errorf("message %d: type %d, %d IAs", typ, a.Type, a.NIAs)
		}
		if s, _ := b.holder("2001:db8:0:1::10"); s != want {
			t.Errorf("message %d: the address is %v", typ, s)
		}
	}
}

// A released address goes to others last, and to its client first ("A server may choose to
// retain a record of assigned leases and IAs", §18.3.7).
func TestAReleasedAddressIsRemembered(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1))
	b.send(from(1, Release, na(1, "2001:db8:0:1::10")))
	if got := b.lease(2, na(1)); got == at("2001:db8:0:1::10") {
		t.Error("the next client gets the address that was just released")
	}
	if got := b.lease(1, na(1)); got != at("2001:db8:0:1::10") {
		t.Errorf("its client gets %v", got)
	}
}

// RFC 8415 §18.3.8: "the server SHOULD mark the addresses declined by the client so that those
// addresses are not assigned to other clients". Success on top, NoBinding for what is unknown;
// nothing but the addresses listed is touched.
func TestDecline(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Probation = 1000 })
	b.lease(1, na(1)) // ::10
	b.lease(1, na(2)) // ::11
	b.lease(2, na(1)) // ::12
	a := b.send(from(1, Decline, na(1, "2001:db8:0:1::10", "2001:db8:0:1::12"), na(7, "2001:db8:0:1::12")))
	b.wantType(a, Reply)
	if !a.Status.Set || a.Status.Code != Success || a.NIAs != 1 || a.Wait != b.batch.Ticket() {
		t.Errorf("status %+v, %d IAs, waits for %v", a.Status, a.NIAs, a.Wait)
	}
	b.wantStatus(a, lease6.NA, 7, NoBinding)
	if s, _ := b.holder("2001:db8:0:1::10"); s != lease.Declined {
		t.Errorf("the declined address is %v", s)
	}
	b.wantHolder("2001:db8:0:1::11", lease.Bound, 1)
	b.wantHolder("2001:db8:0:1::12", lease.Bound, 2)
	// Neither its client nor another gets it.
	if got := b.lease(1, na(1)); got != at("2001:db8:0:1::13") {
		t.Errorf("the client then gets %v", got)
	}
	b.wantLeases(b.send(from(3, Request, na(1, "2001:db8:0:1::10"))), lease6.NA, 1, "2001:db8:0:1::14")
	b.wait(1001)
	b.server.Table.Expire(b.now, 1000, b.batch)
	if s, _ := b.holder("2001:db8:0:1::10"); s == lease.Declined {
		t.Error("the probation does not end")
	}
}

// A Decline is about addresses that are in use; a prefix is not one.
func TestPrefixesAreNotDeclined(t *testing.T) {
	b := newBench(t)
	p := b.lease(1, pd(1))
	if a := b.send(from(1, Decline, pd(1, p.String()))); a.Type != Reply || a.NIAs != 0 {
		t.Errorf("type %d, %d IAs", a.Type, a.NIAs)
	}
	b.wantHolder(p.String(), lease.Bound, 1)
}

// RFC 8415 §18.3.6: "The server determines all configuration parameters appropriate to the
// client". "If the Information-request message received from the client did not include a
// Client Identifier option, the server SHOULD respond with a Reply message containing any
// configuration parameters that are not determined by the client's identity."
func TestInformationRequest(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) {
		first(s).Reservations = []policy6.ReservationSpec{{DUID: duid(1), Options: []policy6.Option{{Code: 24, Data: []byte{1, 'x', 0}}}}}
	})
	q := from(1, InformationRequest, asks(24))
	a := b.send(q)
	b.wantType(a, Reply)
	if v, _ := option(a, q, 24); string(v) != "\x01x\x00" {
		t.Errorf("the client with a reservation gets %q", v)
	}
	if a.NIAs != 0 || a.Status.Set || a.Wait != 0 || b.batch.Len() != 0 {
		t.Errorf("%d IAs, status %+v, waits for %v, %d changes", a.NIAs, a.Status, a.Wait, b.batch.Len())
	}
	q = from(1, InformationRequest, asks(24), noClient)
	if v, _ := option(b.send(q), q, 24); string(v) != "\x07example\x00" {
		t.Errorf("nobody gets %q", v)
	}
}

// RFC 8415 §21.23: "A server sending a Reply to an Information-request message SHOULD include
// this option if it is requested …. The option value MUST NOT be smaller than IRT_MINIMUM." "It
// is only used in Reply messages in response to Information-request messages."
func TestInformationRefreshTime(t *testing.T) {
	b := newBench(t)
	q := from(1, InformationRequest, asks(32))
	if v, _ := option(b.send(q), q, 32); len(v) != 4 || binary.BigEndian.Uint32(v) != 86400 {
		t.Errorf("by default % x", v)
	}
	q = from(1, InformationRequest)
	if _, ok := option(b.send(q), q, 32); ok {
		t.Error("without being asked for")
	}
	for _, q := range []*Query{from(1, Solicit, na(1), asks(32)), from(1, Request, na(1), asks(32)), from(1, Renew, na(1), asks(32))} {
		if _, ok := option(b.send(q), q, 32); ok {
			t.Errorf("in the answer to message %d", q.Type)
		}
	}
	value := func(v uint32) []policy6.Option {
		return []policy6.Option{{Code: 32, Data: binary.BigEndian.AppendUint32(nil, v), Always: true}}
	}
	b.reload(func(s *policy6.Spec) { first(s).Options = value(600) })
	q = from(1, InformationRequest)
	if v, _ := option(b.send(q), q, 32); len(v) != 4 || binary.BigEndian.Uint32(v) != 600 {
		t.Errorf("as configured % x", v)
	}
	spec := baseSpec()
	spec.Options = value(599)
	if _, err := policy6.Build(spec); err == nil {
		t.Error("599 is accepted")
	}
}

// RFC 8415 §21.24, §21.25 (RFC 7083): "The DHCP server MAY include the SOL_MAX_RT option in any
// response it sends to a client that has included the SOL_MAX_RT option code in an Option
// Request option"; "MUST be in this range: 60 <= 'value' <= 86400".
func TestSolMaxRTAndInfMaxRT(t *testing.T) {
	value := func(code uint16, v uint32) policy6.Option {
		return policy6.Option{Code: code, Data: binary.BigEndian.AppendUint32(nil, v)}
	}
	b := newBench(t, func(s *policy6.Spec) { s.Options = []policy6.Option{value(82, 3600), value(83, 86400)} })
	for _, q := range []*Query{from(1, Solicit, na(1), asks(82, 83)), from(1, InformationRequest, asks(82, 83))} {
		a := b.send(q)
		for code, want := range map[uint16]uint32{82: 3600, 83: 86400} {
			if v, _ := option(a, q, code); len(v) != 4 || binary.BigEndian.Uint32(v) != want {
				t.Errorf("message %d: option %d is % x", q.Type, code, v)
			}
		}
	}
	q := from(1, Solicit, na(1))
	if _, ok := option(b.send(q), q, 82); ok {
		t.Error("option 82 without being asked for")
	}
	// §18.2.9: it counts also where there is nothing else to be had.
	b.reload(func(s *policy6.Spec) {
		s.Options = []policy6.Option{value(82, 3600)}
		first(s).Pools = nil
	})
	q = from(2, Solicit, na(1), asks(82))
	a := b.send(q)
	b.wantStatus(a, lease6.NA, 1, NoAddrsAvail)
	if _, ok := option(a, q, 82); !ok {
		t.Error("no option 82 where there is no address")
	}
	for _, bad := range []policy6.Option{value(82, 59), value(82, 86401), value(83, 59), {Code: 83, Data: []byte{1}}} {
		spec := baseSpec()
		spec.Options = []policy6.Option{bad}
		if _, err := policy6.Build(spec); err == nil {
			t.Errorf("option %d % x is accepted", bad.Code, bad.Data)
		}
	}
}
