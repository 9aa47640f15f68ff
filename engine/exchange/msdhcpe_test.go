// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// [MS-DHCPE] §3.2.5: "An unauthorized DHCPv4 or DHCPv6 server does not process or
// respond to any of the messages documented in this section."
func TestAnUnauthorizedServerDoesNothing(t *testing.T) {
	b := newBench(t)
	mine := b.lease(1).String()
	b.reload(func(s *policy.Spec) { s.Authorization = policy.Unauthorized })
	before := b.batch.Len()
	for _, q := range []Query{
		discover(1), selecting(1, mine, ours0), rebooting(1, mine), renewing(1, mine), rebinding(1, mine),
		release(1, mine), decline(1, mine, ours0), inform(1, mine), from(1, Bootp),
	} {
		b.wantSilence(b.send(q), frame.Unauthorized)
	}
	b.wantHolder(mine, lease.Bound, 1)
	if b.batch.Len() != before {
		t.Error("something was journaled")
	}
}

// rogue is the INFORM of a server that looks for others.
func rogueQuery(addr string) Query {
	q := inform(7, addr)
	q.VendorOptions = []byte{94, 0}
	return q
}

// §3.2.5.4: "An Administratively Authorized Server that is Rogue Aware SHOULD reply
// to the DHCPINFORM message by sending a DHCPACK message containing the Rogue
// Detection Reply Option with a non-empty NULL-terminated string in the option
// data. A Rogue Authorized Server … with an empty NULL-terminated string".
func TestRogueDetectionIsAnswered(t *testing.T) {
	for _, c := range []struct {
		what string
		edit func(*policy.Spec)
		want string
	}{
		{"administratively", func(s *policy.Spec) { s.AuthorizationName = "example.org" }, "\x2b\x0e\x5f\x0cexample.org\x00"},
		{"by detection", func(s *policy.Spec) { s.Authorization = policy.AuthorizedByDetection }, "\x2b\x03\x5f\x01\x00"},
	} {
		b := newBench(t, c.edit)
		q := rogueQuery("192.0.2.77")
		var a Answer
		b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
		if a.Type != Ack || string(a.Own.Encoded()) != c.want {
			t.Errorf("%s: %s with %q, want %q", c.what, typeName(a.Type), a.Own.Encoded(), c.want)
		}
		b.wantDest(a, ToCiaddr, "192.0.2.77")
		// Without the request there is no reply.
		if a := b.send(inform(7, "192.0.2.77")); a.Type != Ack || a.Own != nil {
			t.Errorf("%s: %q to an ordinary INFORM", c.what, a.Own.Encoded())
		}
	}
}

// §3.2.5.4: "If the DHCPINFORM message does not contain Rogue Detection Request
// Option, evaluate and apply administrative controls as described in section 1.4".
func TestRogueDetectionIsNotFiltered(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.Filters.Enforce = true })
	if a := b.send(rogueQuery("192.0.2.77")); a.Type != Ack || !a.Own.Has(43) {
		t.Errorf("%s (%v)", typeName(a.Type), a.Reason)
	}
	b.wantSilence(b.send(inform(7, "192.0.2.77")), frame.Filtered)
}

// §1.4: "then the client message is not processed further or responded to"; §3.2.5.1
// and §3.2.5.2 apply the filters to DISCOVER and REQUEST.
func TestFiltersOfMessages(t *testing.T) {
	b := newBench(t)
	mine := b.lease(1).String()
	b.reload(func(s *policy.Spec) {
		s.Filters.Deny = []policy.Match{{By: policy.MatchMAC, Value: hw(1)}}
	})
	for _, q := range []Query{discover(1), selecting(1, mine, ours0), rebooting(1, mine), renewing(1, mine), rebinding(1, mine), inform(1, mine)} {
		b.wantSilence(b.send(q), frame.Filtered)
	}
	if a := b.send(discover(2)); a.Type != Offer {
		t.Errorf("another client: %v", a.Reason)
	}
	// The RELEASE is processed (§3.2.5.7 has no filter).
	b.wantSilence(b.send(release(1, mine)), frame.Released)
}

// §3.2.5.6: "If the option length or any of the values in the User Class option are
// inconsistent with the data sent, the DHCP servers implementing this
// specification MUST silently discard the DHCP message."
func TestAMalformedUserClassIsDropped(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) { s.StrictUserClass = true })
	for _, c := range []struct {
		vendor, user string
		dropped      bool
	}{
		{"", "\x05ab", true}, {"", "iPXE", true}, {"", "\x00", true},
		{"", "\x02ab", false}, {"", "", false},
		{"MSFT 5.0", "\x05ab", false}, // plain bytes from Microsoft clients
		{"MSFT 6.0", "\x05ab", true},
	} {
		q := discover(1)
		q.VendorClass, q.UserClass = []byte(c.vendor), []byte(c.user)
		a := b.send(q)
		if c.dropped {
			b.wantSilence(a, frame.BadOption)
		} else if a.Type != Offer {
			t.Errorf("%q, %q: %v", c.vendor, c.user, a.Reason)
		}
	}
	// Unless it is enabled, such a value is one class.
	b = newBench(t)
	q := discover(1)
	q.UserClass = []byte("iPXE")
	if a := b.send(q); a.Type != Offer {
		t.Errorf("%v", a.Reason)
	}
}

// §3.2.5.4: a DHCPACK "containing one or more User Class Options (one for each user
// class configured on the DHCPv4 Server)" to a DHCPINFORM whose option 55 has 77.
// "If the option request is received in a message other than DHCPINFORM message,
// the request is silently ignored."
func TestTheClassListIsSentInAnswerToAnInform(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{
			classOf("A", policy.Match{By: policy.MatchUserClass, Value: []byte("aa")}),
			classOf("B", policy.Match{By: policy.MatchUserClass, Value: []byte("bb")}),
		}
	})
	mine := b.lease(1).String()
	want := "\x4d\x0e\x00\x02aa\x00\x00\x00\x04\x00A\x00\x00\x00\x02\x00\x00" +
		"\x4d\x0e\x00\x02bb\x00\x00\x00\x04\x00B\x00\x00\x00\x02\x00\x00"
	want = string([]byte(want)[:1]) + "\x10" + want[2:18] + "\x4d\x10" + want[20:]
	q := inform(1, mine)
	q.PRL = []byte{1, 77}
	var a Answer
	b.server.Decide4(b.policy, &q, b.now, b.batch, &a)
	if a.Type != Ack || string(a.Own.Encoded()) != want {
		t.Errorf("%s with %q\nwant %q", typeName(a.Type), a.Own.Encoded(), want)
	}
	for _, q := range []Query{discover(1), selecting(1, mine, ours0), renewing(1, mine), inform(1, mine)} {
		if q.Type != Inform {
			q.PRL = []byte{1, 77}
		}
		if a := b.send(q); a.Type == 0 || a.Own != nil {
			t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
		}
	}
}

// §3.2.5.1, §3.2.5.2: with a client identifier that begins with "RAS ", "the DHCPv4
// server MUST ignore any FQDN Option (Option 81) in the DHCPv4 message".
func TestOption81OfADialInServerIsIgnored(t *testing.T) {
	b := newBench(t)
	for id, answered := range map[string]bool{"RAS \x01\x02": false, "RAS": true, "\x01RAS ": true, "": true} {
		q := discover(1)
		q.Client.ClientID = []byte(id)
		q.FQDN = []byte("\x01\x00\x00pc")
		if a := b.send(q); a.Type != Offer || a.Own.Has(81) != answered {
			t.Errorf("%q: %s, option 81 %v", id, typeName(a.Type), a.Own.Has(81))
		}
	}
}

// §3.2.5.2: the server "MUST include the vendor-specific options … (if configured
// to do so by the administrator) in the DHCPACK"; the OFFER MAY have them
// (§3.2.5.1).
func TestVendorOptionsOfAMicrosoftClass(t *testing.T) {
	const disableNetBIOS = "\x01\x04\x00\x00\x00\x02"
	b := newBench(t, func(s *policy.Spec) {
		s.Classes = []policy.ClassSpec{{
			Name: "windows", VendorClass: []byte("MSFT 5.0"), Options: []policy.Option{{Code: 43, Data: []byte(disableNetBIOS)}},
		}}
	})
	for vendor, want := range map[string]string{"MSFT 5.0": disableNetBIOS, "MSFT 98": "", "": ""} {
		q := discover(1)
		q.VendorClass, q.PRL = []byte(vendor), []byte{1, 43}
		o := b.send(q)
		r := selecting(1, o.Yiaddr.String(), ours0)
		r.VendorClass, r.PRL = q.VendorClass, q.PRL
		for _, a := range []Answer{o, b.send(r)} {
			if v, _ := a.Options.Get(43); string(v) != want {
				t.Errorf("%q: %s with %q", vendor, typeName(a.Type), v)
			}
		}
	}
}

// §2.2.2.6: the text ANDROID_METERED "anywhere in option 43, with or without NUL, not as a
// sub-option": option 43 is octets to us.
func TestMSDHCPE_2_2_2_6_Metered(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].Options = []policy.Option{{Code: 43, Data: []byte("ANDROID_METERED")}}
	})
	for _, vendor := range []string{"android-dhcp-13", "MSFT 5.0", ""} {
		q := discover(1)
		q.VendorClass, q.PRL = []byte(vendor), []byte{43}
		r := selecting(1, b.send(q).Yiaddr.String(), ours0)
		r.VendorClass, r.PRL = q.VendorClass, q.PRL
		if v, _ := b.send(r).Options.Get(43); string(v) != "ANDROID_METERED" {
			t.Errorf("%q: %q", vendor, v)
		}
	}
}

// [MS-DHCPN] §2.2.1: sub-options 220 to 223 of network access protection, which is gone,
// are left alone: what is asked with them is answered as without them.
func TestMSDHCPE_NetworkAccessProtectionIsLeftAlone(t *testing.T) {
	id := append([]byte{222, 130}, make([]byte, 130)...)
	for _, options := range [][]byte{{220, 0}, {220, 1, 0}, {220, 3, 'N', 'A', 'P'}, {221, 4, 0, 255, 255, 255}, append([]byte{220, 0}, id...), {220, 200, 1}, {223, 0}} {
		plain, with := newBench(t), newBench(t)
		for _, q := range []Query{discover(1), selecting(1, "192.0.2.10", ours0), renewing(1, "192.0.2.10"), inform(2, "192.0.2.77")} {
			q.VendorClass = []byte("MSFT 5.0")
			want := plain.send(q)
			q.VendorOptions = options
			got := with.send(q)
			if got.Type != want.Type || got.Type == 0 || got.Yiaddr != want.Yiaddr || got.Own != nil || got.Options.Len() != want.Options.Len() {
				t.Errorf("%x: %s %v, without it %s %v (%v)", options, typeName(got.Type), got.Yiaddr, typeName(want.Type), want.Yiaddr, got.Reason)
			}
		}
	}
	b := newBench(t)
	q := rogueQuery("192.0.2.77")
	q.VendorOptions = []byte{220, 1, 0, 94, 0} // one behind the other
	if a := b.send(q); !a.Own.Has(43) {
		t.Errorf("%s (%v)", typeName(a.Type), a.Reason)
	}
}

// §3.2.5.2: "a request for Option 249 but not for Option 121 …: the Classless
// Static Route information MUST be returned … in Option 249. If … for both …
// SHOULD be returned … in Option 121 only."
func TestRoutesFor249And121(t *testing.T) {
	b := newBench(t, func(s *policy.Spec) {
		s.Subnets[0].Options = []policy.Option{{Code: 121, Data: []byte{0, 192, 0, 2, 1}}}
	})
	for _, c := range []struct {
		prl    []byte
		v, w   bool // 121, 249
		reason string
	}{
		{[]byte{249}, false, true, "only 249"}, {[]byte{121, 249}, true, false, "both"},
		{[]byte{249, 121}, true, false, "both, 249 first"}, {[]byte{121}, true, false, "only 121"}, {[]byte{1}, false, false, "neither"},
	} {
		a := b.send(discover(1))
		if got, ms := sends(a, c.prl, 121), sends(a, c.prl, 249); got != c.v || ms != c.w {
			t.Errorf("%s: 121 %v, 249 %v", c.reason, got, ms)
		}
	}
}
