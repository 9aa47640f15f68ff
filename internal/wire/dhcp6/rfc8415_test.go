// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"xdhcp/engine/frame"
)

// rows of §16: what a server does with a message.
type row struct {
	name string
	m    Msg
	want frame.Reason
}

func check(t *testing.T, rows ...row) {
	t.Helper()
	for _, r := range rows {
		var o Options
		before := bytes.Clone(r.m)
		if got := judge(r.m, &o); got != r.want {
			t.Errorf("%s: %v, want %v", r.name, got, r.want)
		}
		if !bytes.Equal(before, r.m) {
			t.Errorf("%s: the message was written to", r.name)
		}
		quiet(t, func() { judge(r.m, &o) })
	}
}

// withoutServerID is the rows of the types that must have a client identifier
// and must not have a server identifier.
func withoutServerID(typ byte) []row {
	return []row{
		{"client identifier only", msg(typ, clientID), frame.OK},
		{"client identifier missing", msg(typ), frame.NoClientID},
		{"server identifier, ours", msg(typ, clientID, serverID), frame.BadRequest},
		{"server identifier, another's", msg(typ, clientID, opt(2, otherDUID...)), frame.BadRequest},
		{"server identifier instead", msg(typ, serverID), frame.NoClientID},
	}
}

// withServerID is the rows of the types that must have both, and ours.
func withServerID(typ byte) []row {
	return []row{
		{"both", msg(typ, clientID, serverID), frame.OK},
		{"both, in the other order", msg(typ, serverID, clientID), frame.OK},
		{"client identifier missing", msg(typ, serverID), frame.NoClientID},
		{"server identifier missing", msg(typ, clientID), frame.NoServerID},
		{"server identifier, another's", msg(typ, clientID, opt(2, otherDUID...)), frame.OtherServer},
		{"server identifier, ours and more", msg(typ, clientID, opt(2, append(bytes.Clone(serverDUID), 0)...)), frame.OtherServer},
		{"server identifier, ours cut", msg(typ, clientID, opt(2, serverDUID[:9]...)), frame.OtherServer},
	}
}

// §16: "Clients, relay agents, and servers MUST NOT discard messages that
// contain unknown options".
func TestS16UnknownOptionsAreIgnored(t *testing.T) {
	check(t,
		row{"code 0", msg(1, opt(0, 1, 2), clientID), frame.OK},
		row{"code 10, never assigned", msg(1, opt(10), clientID), frame.OK},
		row{"code 255", msg(1, opt(255, 9), clientID), frame.OK},
		row{"code 256", msg(1, opt(256, 9), clientID), frame.OK},
		row{"code 257 is not 1", msg(1, opt(257, 9)), frame.NoClientID},
		row{"code 65535", msg(1, clientID, opt(65535)), frame.OK},
		row{"in an IA", msg(1, clientID, iana(1, opt(999, 1, 2, 3))), frame.OK},
		row{"in a lease", msg(1, clientID, iana(1, iaaddr(addr, opt(999, 1)))), frame.OK},
		row{"vendor options of an unknown enterprise", msg(1, clientID, opt(17, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 1, 7)), frame.OK},
	)
}

// §16: "A client or server MUST discard any received DHCP messages with an
// unknown message type."
func TestS16UnknownTypesAreDiscarded(t *testing.T) {
	for typ := range 256 {
		want := frame.NoType
		switch typ {
		case 1, 3, 4, 5, 6, 8, 9, 11:
			want = frame.OK
		case 2, 7, 10, 13, 15, 16, 17, 19, 21, 37:
			want = frame.FromServer
		case 14, 18, 20, 36: // RFC 5007, 6977, 7341, 9686
			want = frame.PuntType
		}
		if got := CheckType(msg(byte(typ))); got != want {
			t.Errorf("type %d: %v, want %v", typ, got, want)
		}
	}
}

// §16: "A server MUST discard any Solicit, Confirm, Rebind, or
// Information-request messages it receives with a Layer 3 unicast destination
// address."
func TestS16UnicastDestination(t *testing.T) {
	for typ, want := range map[uint8]frame.Reason{
		1: frame.Unicast6, 4: frame.Unicast6, 6: frame.Unicast6, 11: frame.Unicast6,
		3: frame.OK, 5: frame.OK, 8: frame.OK, 9: frame.OK,
	} {
		if got := CheckUnicast(typ); got != want {
			t.Errorf("type %d: %v, want %v", typ, got, want)
		}
	}
}

// §16.2: "Servers MUST discard any Solicit messages that do not include a Client
// Identifier option or that do include a Server Identifier option."
func TestS16_2Solicit(t *testing.T) { check(t, withoutServerID(1)...) }

// §16.3: "Servers and relay agents MUST discard any received Advertise messages."
func TestS16_3Advertise(t *testing.T) {
	check(t, row{"advertise", msg(2, clientID, serverID), frame.FromServer})
}

// §16.4: Request needs both identifiers, and the server's must match.
func TestS16_4Request(t *testing.T) { check(t, withServerID(3)...) }

// §16.5: Confirm needs the client's and must not have the server's.
func TestS16_5Confirm(t *testing.T) { check(t, withoutServerID(4)...) }

// §16.6: Renew needs both, and the server's must match.
func TestS16_6Renew(t *testing.T) { check(t, withServerID(5)...) }

// §16.7: Rebind needs the client's and must not have the server's.
func TestS16_7Rebind(t *testing.T) { check(t, withoutServerID(6)...) }

// §16.8: Decline needs both, and the server's must match.
func TestS16_8Decline(t *testing.T) { check(t, withServerID(9)...) }

// §16.9: Release needs both, and the server's must match.
func TestS16_9Release(t *testing.T) { check(t, withServerID(8)...) }

// §16.10: "Servers and relay agents MUST discard any received Reply messages."
func TestS16_10Reply(t *testing.T) {
	check(t, row{"reply", msg(7, clientID, serverID), frame.FromServer})
}

// §16.11: "Servers and relay agents MUST discard any received Reconfigure messages."
func TestS16_11Reconfigure(t *testing.T) {
	check(t, row{"reconfigure", msg(10, clientID, serverID, opt(19, 5)), frame.FromServer})
}

// §16.12: discarded if "the message includes a Server Identifier option, and the
// DUID in the option does not match the server's DUID" or "the message includes
// an IA option". The client identifier is optional (§18.2.6).
func TestS16_12InformationRequest(t *testing.T) {
	check(t,
		row{"nothing", msg(11), frame.OK},
		row{"client identifier", msg(11, clientID), frame.OK},
		row{"our server identifier", msg(11, serverID), frame.OK},
		row{"another's server identifier", msg(11, clientID, opt(2, otherDUID...)), frame.OtherServer},
		row{"IA_NA", msg(11, clientID, iana(1)), frame.BadRequest},
		row{"IA_TA", msg(11, clientID, iata(1)), frame.BadRequest},
		row{"IA_PD", msg(11, clientID, iapd(1)), frame.BadRequest},
	)
}

// §16.14: "Clients and servers MUST discard any received Relay-reply messages."
func TestS16_14RelayReply(t *testing.T) {
	reply := relayed(0, addr, ll, opt(9, msg(7)...))
	reply[0] = 13
	for _, packet := range []Msg{reply, relayed(1, zero, ll, opt(9, reply...))} {
		var c Chain
		if why := c.Unwrap(packet); why != frame.OK {
			t.Fatal(why)
		}
		if got := CheckType(c.Msg()); got != frame.FromServer {
			t.Errorf("Relay-reply behind %d relays: %v", c.N(), got)
		}
	}
}

// §11.1: "The length of the DUID (not including the type code) is at least 1
// octet and at most 128 octets." Short ones are let be: a DUID is opaque.
func TestS11_1DUIDLength(t *testing.T) {
	for n, want := range map[int]frame.Reason{
		0: frame.BadDUID, 1: frame.OK, 3: frame.OK, 130: frame.OK, 131: frame.BadDUID, 1000: frame.BadDUID,
	} {
		check(t, row{fmt.Sprintf("client DUID of %d bytes", n), msg(1, opt(1, make([]byte, n)...)), want})
		if want == frame.OK {
			want = frame.OtherServer
		}
		check(t, row{fmt.Sprintf("server DUID of %d bytes", n), msg(3, clientID, opt(2, make([]byte, n)...)), want})
	}
	check(t,
		row{"two client identifiers", msg(1, clientID, clientID), frame.BadDUID},
		row{"two server identifiers", msg(3, serverID, clientID, serverID), frame.BadDUID},
	)
}

// §8, figure 2: msg-type in one octet, transaction-id in three.
func TestS8Header(t *testing.T) {
	m := Msg{5, 0x12, 0x34, 0x56, 0, 14, 0, 0}
	if m.Type() != 5 || m.XID() != 0x123456 || !bytes.Equal(m.Opts(), []byte{0, 14, 0, 0}) {
		t.Errorf("type %d, xid %x, options % x", m.Type(), m.XID(), m.Opts())
	}
	for n := range 4 {
		if got := CheckType(m[:n]); got != frame.Truncated {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
	b := make([]byte, 8)
	w := NewMessage(b, 7, 0xff123456)
	w.PutBlock([]byte{0, 14, 0, 0})
	if n, ok := w.End(); n != 8 || !ok {
		t.Errorf("End = %d, %v", n, ok)
	}
	same(t, "written", b, []byte{7, 0x12, 0x34, 0x56, 0, 14, 0, 0})
}

// §21.1: option-code and option-len of two octets each, then option-len octets.
func TestS21_1Option(t *testing.T) {
	o := Opts{0x01, 0x02, 0, 3, 'a', 'b', 'c', 0, 6, 0, 0, 0xff, 0xff, 0, 1, 9}
	want := []struct {
		code uint16
		data string
	}{{0x102, "abc"}, {6, ""}, {0xffff, "\x09"}}
	for _, x := range want {
		code, data, rest, ok := o.Next()
		if !ok || code != x.code || string(data) != x.data || cap(data) != len(data) {
			t.Fatalf("Next = %d, % x (cap %d), %v; want %v", code, data, cap(data), ok, x)
		}
		o = rest
	}
	if _, _, _, ok := o.Next(); ok || len(o) != 0 {
		t.Error("options after the last")
	}
}

// §21.4, figure 15; §21.6: IA_NA with an address, with a status in it.
func TestS21_4IANA(t *testing.T) {
	m := Msg{1, 0, 0, 1,
		0, 1, 0, 3, 0, 9, 7, // client identifier
		0, 3, 0, 49, // IA_NA: 12 + (4+24+4) + (4+1)
		0xde, 0xad, 0xbe, 0xef, // IAID
		0, 0, 0x0e, 0x10, 0, 0, 0x15, 0x18, // T1 3600, T2 5400
		0, 5, 0, 28, // IA Address
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x10,
		0, 0, 0x1c, 0x20, 0, 0, 0x2a, 0x30, // preferred 7200, valid 10800
		0, 14, 0, 0, // an option of the address
		0, 77, 0, 1, 5, // an option of the IA
	}
	var o Options
	if why := judge(m, &o); why != frame.OK || o.NumIAs() != 1 {
		t.Fatalf("%v, %d IAs", why, o.NumIAs())
	}
	ia := o.IA(m, 0)
	if ia.Code != 3 || ia.ID != 0xdeadbeef || ia.T1 != 3600 || ia.T2 != 5400 || !bytes.Equal(ia.Opts, m[27:]) {
		t.Errorf("IA %+v", ia)
	}
	w := ia.Leases()
	var l Lease
	if !w.Next(&l) || l.Addr != addr || l.Len != 128 || l.Preferred != 7200 || l.Valid != 10800 || !bytes.Equal(l.Opts, []byte{0, 14, 0, 0}) {
		t.Errorf("lease %+v", l)
	}
	for range 2 { // and it stays at the end
		if w.Next(&l) {
			t.Error("a second lease")
		}
	}
	quiet(t, func() {
		ia := o.IA(m, 0)
		for w := ia.Leases(); w.Next(&l); {
		}
	})

	out := make([]byte, 100)
	wr := NewMessage(out, 1, 1)
	wr.Put(1, []byte{0, 9, 7})
	na := wr.OpenIA(OptIANA, 0xdeadbeef, 0, 0)
	a := wr.OpenAddr(addr, 7200, 10800)
	wr.Put(OptRapidCommit, nil)
	wr.Close(a)
	wr.PutU8(77, 5)
	wr.Close(na)
	wr.SetTimes(na, 3600, 5400)
	n, ok := wr.End()
	if !ok {
		t.Fatal("full")
	}
	same(t, "the same message, written", out[:n], m)
}

// §21.5, figure 16: an IA_TA has no T1 and no T2.
func TestS21_5IATA(t *testing.T) {
	raw := slices.Concat([]byte{0, 4, 0, 32, 0, 0, 0, 7, 0, 5, 0, 24}, addr[:], []byte{0, 0, 1, 0x2c, 0, 0, 1, 0xf4})
	m := msg(1, clientID, raw)
	var o Options
	if why := judge(m, &o); why != frame.OK || o.NumIAs() != 1 {
		t.Fatalf("%v, %d IAs", why, o.NumIAs())
	}
	ia := o.IA(m, 0)
	w := ia.Leases()
	var l Lease
	if ia.Code != 4 || ia.ID != 7 || ia.T1 != 0 || ia.T2 != 0 || !w.Next(&l) || l.Addr != addr || l.Preferred != 300 || l.Valid != 500 {
		t.Errorf("IA %+v, lease %+v", ia, l)
	}
	out := make([]byte, 50)
	wr := NewWriter(out)
	ta := wr.OpenIA(OptIATA, 7, 99, 99)
	wr.PutAddr(addr, 300, 500)
	wr.Close(ta)
	n, _ := wr.End()
	same(t, "written", out[:n], raw)
}

// §21.21, figure 35 and §21.22, figure 36: IA_PD with a prefix.
func TestS21_21IAPD(t *testing.T) {
	raw := slices.Concat([]byte{0, 25, 0, 41 + 8, 0, 0, 0, 7, 0, 0, 3, 0xe8, 0, 0, 7, 0xd0,
		0, 26, 0, 25 + 8, 0, 0, 1, 0x2c, 0, 0, 1, 0xf4, 56}, prefix[:],
		[]byte{0, 13, 0, 4, 0, 6, 'n', 'o'}) // a status code in the IA Prefix
	m := msg(1, clientID, raw)
	var o Options
	if why := judge(m, &o); why != frame.OK || o.NumIAs() != 1 {
		t.Fatalf("%v, %d IAs", why, o.NumIAs())
	}
	ia := o.IA(m, 0)
	w := ia.Leases()
	var l Lease
	if ia.Code != 25 || ia.ID != 7 || ia.T1 != 1000 || ia.T2 != 2000 || !w.Next(&l) || l.Addr != prefix || l.Len != 56 || l.Preferred != 300 || l.Valid != 500 {
		t.Errorf("IA %+v, lease %+v", ia, l)
	}
	if code, text := l.Opts.Status(); code != StatusNoPrefixAvail || string(text) != "no" {
		t.Errorf("status %d %q", code, text)
	}
	out := make([]byte, 80)
	wr := NewWriter(out)
	pd := wr.OpenIA(OptIAPD, 7, 1000, 2000)
	p := wr.OpenPrefix(prefix, 56, 300, 500)
	wr.PutStatus(StatusNoPrefixAvail, "no")
	wr.Close(p)
	wr.Close(pd)
	n, _ := wr.End()
	same(t, "written", out[:n], raw)
}

// §21.22: "MAY send a non-zero value in the prefix-length field and the
// unspecified value (::) in the IPv6-prefix field"; lengths end at 128.
func TestS21_22PrefixHint(t *testing.T) {
	check(t,
		row{"::/56", msg(1, clientID, iapd(1, iaprefix(zero, 56))), frame.OK},
		row{"::/0", msg(1, clientID, iapd(1, iaprefix(zero, 0))), frame.OK},
		row{"/128", msg(1, clientID, iapd(1, iaprefix(prefix, 128))), frame.OK},
		row{"/129", msg(1, clientID, iapd(1, iaprefix(prefix, 129))), frame.BadOption},
	)
}

// §21.4: "A DHCP message may contain multiple IA_NA options (though each must
// have a unique IAID)"; "The number space for IA_NA IAIDs is separate".
func TestS21_4UniqueIAIDs(t *testing.T) {
	check(t,
		row{"one IAID in each space", msg(1, clientID, iana(1), iata(1), iapd(1)), frame.OK},
		row{"two IA_NA", msg(1, clientID, iana(1), iana(2)), frame.OK},
		row{"two IA_NA of one IAID", msg(1, clientID, iana(1), iapd(2), iana(1)), frame.BadRequest},
		row{"two IA_PD of one IAID", msg(1, clientID, iapd(1), iapd(1)), frame.BadRequest},
		row{"two IA_TA of one IAID", msg(1, clientID, iata(1), iata(1)), frame.BadRequest},
	)
	m := msg(1, clientID, iana(5, iaaddr(addr), iaaddr(ll)), opt(8, 0, 0), iapd(6, iaprefix(prefix, 48)), iana(7), iata(8))
	var o Options
	if why := judge(m, &o); why != frame.OK {
		t.Fatal(why)
	}
	want := []string{"3/5/2", "25/6/1", "3/7/0", "4/8/0"}
	if o.NumIAs() != len(want) {
		t.Fatalf("%d IAs", o.NumIAs())
	}
	for i, x := range want {
		ia := o.IA(m, i)
		var l Lease
		n := 0
		for w := ia.Leases(); w.Next(&l); {
			n++
		}
		if got := fmt.Sprintf("%d/%d/%d", ia.Code, ia.ID, n); got != x {
			t.Errorf("IA %d: %s, want %s", i, got, x)
		}
	}
}

// §21.6: "must be encapsulated in the IA_NA-options field of an IA_NA option or
// the IA_TA-options field"; §21.22: "may appear only in an IA_PD option".
func TestS21_6LeasesOfTheOtherKindMeanNothing(t *testing.T) {
	m := msg(1, clientID, iana(1, iaprefix(prefix, 48)), iapd(1, iaaddr(addr)), iaaddr(addr))
	var o Options
	if why := judge(m, &o); why != frame.OK {
		t.Fatal(why)
	}
	for i := range 2 {
		ia := o.IA(m, i)
		var l Lease
		if w := ia.Leases(); w.Next(&l) {
			t.Errorf("IA %d has lease %+v", i, l)
		}
	}
}

// §21.7: "2 * number of requested options".
func TestS21_7ORO(t *testing.T) {
	m := msg(1, clientID, opt(6, 0, 23, 0, 24, 0xff, 0xff, 1, 23), opt(6, 0, 82))
	var o Options
	if why := judge(m, &o); why != frame.OK {
		t.Fatal(why)
	}
	for code := range uint16(300) {
		if got, want := o.Requested(code), code == 23 || code == 24 || code == 82; got != want {
			t.Errorf("Requested(%d) = %v", code, got)
		}
	}
	// The index is reset between messages.
	if o.Scan(msg(1, clientID)) != frame.OK || o.Requested(23) || o.Has(6) || o.NumIAs() != 0 {
		t.Error("something of the message before is left")
	}
	check(t,
		row{"empty", msg(1, clientID, opt(6)), frame.OK},
		row{"odd", msg(1, clientID, opt(6, 0, 23, 0)), frame.BadOption},
	)
}

// §21.9: elapsed time is two octets, in hundredths of a second.
func TestS21_9ElapsedTime(t *testing.T) {
	m := msg(1, clientID, opt(8, 0x01, 0x2c))
	var o Options
	if judge(m, &o) != frame.OK {
		t.Fatal("refused")
	}
	if v, ok := o.U16(m, OptElapsedTime); !ok || v != 300 {
		t.Errorf("elapsed %d, %v", v, ok)
	}
}

// §21.13: "If the Status Code option does not appear in a message in which the
// option could appear, the status of the message is assumed to be Success."
func TestS21_13StatusCode(t *testing.T) {
	if code, text := Opts(nil).Status(); code != 0 || text != nil {
		t.Errorf("no status: %d %q", code, text)
	}
	if code, text := Opts(opt(13, 0, 3)).Status(); code != StatusNoBinding || len(text) != 0 {
		t.Errorf("status without text: %d %q", code, text)
	}
	b := make([]byte, 64)
	w := NewWriter(b)
	w.PutStatus(StatusNotOnLink, "elsewhere")
	n, _ := w.End()
	same(t, "status", b[:n], append([]byte{0, 13, 0, 11, 0, 4}, "elsewhere"...))
}

// §21.15: "MUST contain one or more instances of user-class-data"; [MS-DHCPE]
// §3.2.5.6: lengths that do not agree with the data drop the message.
func TestS21_15UserClass(t *testing.T) {
	m := msg(1, clientID, opt(15, 0, 2, 'a', 'b', 0, 0, 0, 1, 'c'))
	var o Options
	if why := judge(m, &o); why != frame.OK {
		t.Fatal(why)
	}
	data, _ := o.Get(m, OptUserClass)
	var got []string
	for s, rest, ok := Tuples(data).Next(); ok; s, rest, ok = rest.Next() {
		got = append(got, string(s))
	}
	if !slices.Equal(got, []string{"ab", "", "c"}) {
		t.Errorf("classes %q", got)
	}
	check(t,
		row{"none", msg(1, clientID, opt(15)), frame.BadOption},
		row{"half a length", msg(1, clientID, opt(15, 0)), frame.BadOption},
		row{"length past the end", msg(1, clientID, opt(15, 0, 3, 'a', 'b')), frame.BadOption},
		row{"a byte left over", msg(1, clientID, opt(15, 0, 1, 'a', 0)), frame.BadOption},
	)
}

// §21.16 and §21.17: one instance for each enterprise; 16 holds strings behind
// 16-bit lengths, 17 options.
func TestS21_16VendorClass(t *testing.T) {
	ms := opt(16, append([]byte{0, 0, 1, 0x37, 0, 8}, "MSFT 5.0"...)...)
	m := msg(1, clientID, opt(16, 0, 0, 0, 9), ms, opt(17, 0, 0, 0, 9, 0, 1, 0, 1, 'x'), opt(17, 0, 0, 1, 0x37, 0, 94, 0, 0))
	var o Options
	if why := judge(m, &o); why != frame.OK {
		t.Fatal(why)
	}
	data, ok := o.Vendor(m, OptVendorClass, EnterpriseMS)
	s, rest, _ := Tuples(data).Next()
	if !ok || string(s) != "MSFT 5.0" || len(rest) != 0 {
		t.Errorf("vendor class of Microsoft: %q, %v", data, ok)
	}
	if data, ok = o.Vendor(m, OptVendorClass, 9); !ok || len(data) != 0 {
		t.Errorf("vendor class of 9: %q, %v", data, ok)
	}
	if _, ok = o.Vendor(m, OptVendorClass, 10); ok {
		t.Error("vendor class of 10")
	}
	data, _ = o.Vendor(m, OptVendorOpts, EnterpriseMS)
	if x, ok := Opts(data).Get(94); !ok || len(x) != 0 {
		t.Errorf("vendor options of Microsoft: % x", data)
	}
	quiet(t, func() { o.Vendor(m, OptVendorOpts, EnterpriseMS) })
	check(t,
		row{"no enterprise", msg(1, clientID, opt(16, 0, 0, 1)), frame.BadOption},
		row{"string past the end", msg(1, clientID, opt(16, 0, 0, 1, 0x37, 0, 2, 'a')), frame.BadOption},
		row{"17 without an enterprise", msg(1, clientID, opt(17, 1, 2, 3)), frame.BadOption},
		row{"17, sub-option past the end", msg(1, clientID, opt(17, 0, 0, 0, 9, 0, 1, 0, 2, 'x')), frame.BadOption},
		row{"17, a second one is bad", msg(1, clientID, opt(17, 0, 0, 0, 9), opt(17, 0, 0, 0, 9, 1)), frame.BadOption},
	)

	b := make([]byte, 64)
	w := NewWriter(b)
	v := w.Open(OptVendorOpts, []byte{0, 0, 1, 0x37})
	w.PutString(95, "host\x00")
	w.Close(v)
	n, _ := w.End()
	same(t, "vendor options", b[:n], []byte{0, 17, 0, 13, 0, 0, 1, 0x37, 0, 95, 0, 5, 'h', 'o', 's', 't', 0})
}

// Options of one length only (§21.8, §21.12, §21.14, §21.19, §21.20, §21.23).
func TestS21Lengths(t *testing.T) {
	for code, n := range map[int]int{7: 1, 8: 2, 12: 16, 14: 0, 19: 1, 20: 0, 32: 4, 62: 3, 82: 4, 83: 4} {
		for _, d := range []int{-1, 0, 1} {
			if n+d < 0 {
				continue
			}
			want := frame.BadOption
			if d == 0 {
				want = frame.OK
			}
			check(t, row{fmt.Sprintf("option %d of %d bytes", code, n+d), msg(1, clientID, opt(code, make([]byte, n+d)...)), want})
		}
	}
	check(t,
		row{"status code of one byte", msg(1, clientID, opt(13, 0)), frame.BadOption},
		row{"authentication of 10 bytes", msg(1, clientID, opt(11, make([]byte, 10)...)), frame.BadOption},
		row{"FQDN without flags", msg(1, clientID, opt(39)), frame.BadOption},
	)
}

// The short views of IAs, leases and relays say what the long ones say.
func TestShortViews(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 2000 {
		var b [512]byte
		w := NewMessage(b[:], Solicit, 1)
		for i := range uint32(3) {
			code := []uint16{OptIANA, OptIATA, OptIAPD}[rnd.IntN(3)]
			m := w.OpenIA(code, i+10*uint32(n), 1, 2)
			for range rnd.IntN(3) {
				addr := [16]byte{0x20, 1, 15: byte(rnd.Uint32())}
				if rnd.IntN(2) == 0 {
					w.PutPrefix(addr, byte(rnd.IntN(129)), 3, 4)
				} else {
					w.PutAddr(addr, 3, 4)
				}
			}
			w.Close(m)
		}
		size, _ := w.End()
		msg := Msg(b[:size])
		var o Options
		if why := o.Scan(msg); why != frame.OK {
			t.Fatal(why)
		}
		for i := range o.NumIAs() {
			ia := o.IA(msg, i)
			code, id, leases := o.Walk(msg, i)
			if code != ia.Code || id != ia.ID {
				t.Fatalf("IA %d: %d, %d; want %d, %d", i, code, id, ia.Code, ia.ID)
			}
			var l Lease
			for long := ia.Leases(); long.Next(&l); {
				if addr, bits, ok := leases.NextAddr(); !ok || [16]byte(addr) != l.Addr || bits != l.Len {
					t.Fatalf("IA %d: % x/%d, %v; want % x/%d", i, addr, bits, ok, l.Addr, l.Len)
				}
			}
			if addr, _, ok := leases.NextAddr(); ok {
				t.Fatalf("IA %d: % x is one too many", i, addr)
			}
		}
	}
}
