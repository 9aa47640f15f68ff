// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"strings"
	"testing"

	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
)

func fqdn(flags byte, name string) func(*Query) {
	return func(q *Query) { q.FQDN = append([]byte{flags}, name...) }
}

// RFC 4704 §6: "Servers MUST only include a Client FQDN option in ADVERTISE and REPLY messages if
// the client included a Client FQDN option and the Client FQDN option is requested by the Option
// Request option in the client's message".
func TestFQDNOnlyIfSentAndRequested(t *testing.T) {
	b := newBench(t)
	for _, typ := range []uint8{Solicit, Request, Renew, Rebind} {
		for _, c := range []struct {
			q    *Query
			want bool
		}{
			{from(1, typ, na(1), fqdn(1, "\x01a\x00"), asks(39)), true},
			{from(1, typ, na(1), fqdn(1, "\x01a\x00")), false},
			{from(1, typ, na(1), asks(39)), false},
		} {
			if _, ok := option(b.send(c.q), c.q, 39); ok != c.want {
				t.Errorf("message %d: answered: %v, want %v", typ, ok, c.want)
			}
		}
	}
}

const (
	flagS, flagO, flagN = 1, 2, 4
)

// RFC 4704 §6: "If the client's 'N' bit is 1 and the server's configuration allows it to honor the
// client's request for no server-initiated DNS updates, the server sets the 'N' bit to 1." "if the
// client's 'S' bit is 1 and the server's configuration allows it …, the server sets the 'S' to 1.
// If the server's 'S' bit does not match the client's 'S' bit, the server sets the 'O' bit to 1."
// §4.1: "If the 'N' bit is 1, the 'S' bit MUST be 0."
func TestFQDNFlags(t *testing.T) {
	for _, c := range []struct {
		name     string
		spec     policy.FQDNSpec
		in, want byte
	}{
		{"no updates here", policy.FQDNSpec{}, flagS, flagN | flagO},
		{"no updates here, none wanted", policy.FQDNSpec{}, flagN, flagN},
		{"no updates here, the client does its own", policy.FQDNSpec{}, 0, flagN},
		{"as the client wants: ours", policy.FQDNSpec{Updates: true}, flagS, flagS},
		{"as the client wants: its own", policy.FQDNSpec{Updates: true}, 0, 0},
		{"as the client wants: none", policy.FQDNSpec{Updates: true}, flagN, flagN},
		{"ours in any case", policy.FQDNSpec{Updates: true, OverrideClient: true}, 0, flagS | flagO},
		{"ours though none is wanted", policy.FQDNSpec{Updates: true, OverrideNoUpdate: true}, flagN, flagS | flagO},
		{"reserved bits are not returned", policy.FQDNSpec{Updates: true}, flagS | 0xf8, flagS},
	} {
		b := newBench(t, func(s *policy6.Spec) { s.FQDN = c.spec })
		q := from(1, Request, na(1), fqdn(c.in, "\x01a\x00"), asks(39))
		if v, _ := option(b.send(q), q, 39); len(v) != 4 || v[0] != c.want {
			t.Errorf("%s: % x, want flags %d", c.name, v, c.want)
		}
	}
	b := newBench(t, func(s *policy6.Spec) { s.FQDN.Ignore = true })
	q := from(1, Request, na(1), fqdn(1, "\x01a\x00"), asks(39))
	if _, ok := option(b.send(q), q, 39); ok {
		t.Error("answered though it is to be ignored")
	}
}

// RFC 4704 §4.2: "Servers SHOULD send the complete fully qualified domain name"; a name without
// the zero at its end is a partial one.
func TestFQDNNames(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.FQDN.Suffix = "home.example." })
	long := ""
	for range 4 {
		long += "\x3e" + string(make([]byte, 62))
	}
	for _, c := range []struct{ in, want string }{
		{"\x04host", "\x04host\x04home\x07example\x00"},
		{"\x04host\x02my\x03net\x00", "\x04host\x02my\x03net\x00"},
		{"", ""},
		{long, long}, // the suffix does not fit
	} {
		q := from(1, Request, na(1), fqdn(0, c.in), asks(39))
		if v, _ := option(b.send(q), q, 39); len(v) < 1 || string(v[1:]) != c.want {
			t.Errorf("%q: %q, want %q", c.in, v, c.want)
		}
	}
	for _, bad := range []string{"\x05host", "\x40" + string(make([]byte, 64)), "\xc0\x00", "\x00\x01a"} {
		q := from(1, Request, na(1), fqdn(0, bad), asks(39))
		a := b.send(q)
		if v, ok := option(a, q, 39); ok || a.Type != Reply {
			t.Errorf("%q is answered with %q", bad, v)
		}
	}
}

// RFC 4704 §6: the server "MAY be configured to modify the supplied name": a reserved name counts, for a client that
// sends the option.
func TestAReservedName(t *testing.T) {
	for hostname, want := range map[string][2]string{
		"printer":             {"\x07printer\x04home\x07example\x00", "printer.home.example."},
		"printer.example.net": {"\x07printer\x07example\x03net\x00", "printer.example.net."},
		"":                    {"\x02pc\x04home\x07example\x00", "pc.home.example."},
	} {
		b := newBench(t, func(s *policy6.Spec) { s.FQDN = policy.FQDNSpec{Suffix: "home.example", Updates: true, Record: true} },
			reserves(policy6.ReservationSpec{DUID: duid(1), Hostname: hostname}))
		q := from(1, Request, na(1), fqdn(flagS, "\x02pc"), asks(39))
		if v, _ := option(b.send(q), q, 39); len(v) < 1 || v[0] != flagS || string(v[1:]) != want[0] {
			t.Errorf("%q: %q", hostname, v)
		}
		var e lease6.Entry
		if b.server.Table.Lookup(at("2001:db8:0:1::10"), &e); string(e.Host) != want[1] {
			t.Errorf("%q: the lease keeps %q", hostname, e.Host)
		}
		// Flags stay the client's; who sends no option is not called anything.
		q = from(1, Renew, na(1, "2001:db8:0:1::10"), fqdn(flagN, "\x02pc"), asks(39))
		if v, _ := option(b.send(q), q, 39); len(v) < 1 || v[0] != flagN {
			t.Errorf("%q: %q", hostname, v)
		}
		q = from(1, Request, na(2), asks(39))
		if v, ok := option(b.send(q), q, 39); ok {
			t.Errorf("%q: %q without a question", hostname, v)
		}
	}
}

// The name is kept with the lease, for those who list leases.
func TestTheNameIsRemembered(t *testing.T) {
	b := newBench(t)
	b.lease(1, na(1), fqdn(0, "\x04host\x04home\x00"))
	var e lease6.Entry
	if !b.server.Table.Lookup(at("2001:db8:0:1::10"), &e) || string(e.Host) != "host.home" {
		t.Errorf("host %q", e.Host)
	}
}

// RFC 4704 §6.1, §6.2, and engine/ddns: where names are put into the DNS, the lease's name says by its dots what
// was promised: the AAAA record and the pointer, the pointer alone, or nothing.
func TestTheLeaseSaysWhatIsPromised(t *testing.T) {
	on := policy.FQDNSpec{Suffix: "home.example.", Updates: true, Record: true}
	long := ""
	for range 3 {
		long += "\x3f" + strings.Repeat("a", 63)
	}
	for _, c := range []struct {
		name  string
		edit  func(*policy.FQDNSpec)
		flags byte
		in    string
		host  string
		want  byte // flags of the answer
	}{
		{"ours", nil, flagS, "\x02pc\x03org\x00", "pc.org.", flagS},
		{"ours, completed", nil, flagS, "\x02pc", "pc.home.example.", flagS},
		{"the client's", nil, 0, "\x02pc", "pc.home.example", 0},
		{"none", nil, flagN, "\x02pc", "pc", flagN},
		{"overridden", func(s *policy.FQDNSpec) { s.OverrideClient = true }, 0, "\x02pc", "pc.home.example.", flagS | flagO},
		{"overridden none", func(s *policy.FQDNSpec) { s.OverrideNoUpdate = true }, flagN, "\x02pc", "pc.home.example.", flagS | flagO},
		{"a top-level domain", nil, flagS, "\x02pc\x00", "", flagN | flagO},
		{"no name", nil, flagS, "", "", flagN | flagO},
		{"no host's name", nil, flagS, "\x03p c", "", flagN | flagO},
		{"a suffix that does not fit", nil, flagS, long + "\x36" + strings.Repeat("b", 54), "", flagN | flagO},
		{"the longest name", nil, flagS, long + "\x3d" + strings.Repeat("b", 61) + "\x00", strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61) + ".", flagS},
		{"no suffix", func(s *policy.FQDNSpec) { s.Suffix = "" }, flagS, "\x02pc", "", flagN | flagO},
		{"ignored", func(s *policy.FQDNSpec) { s.Ignore = true }, flagS, "\x02pc", "", 0xff},
		{"off", func(s *policy.FQDNSpec) { s.Updates, s.Record = false, false }, flagS, "\x02pc\x03org\x00", "pc.org", flagN | flagO},
	} {
		spec := on
		if c.edit != nil {
			c.edit(&spec)
		}
		b := newBench(t, func(s *policy6.Spec) { s.FQDN = spec })
		q := from(1, Request, na(1), fqdn(c.flags, c.in), asks(39))
		v, ok := option(b.send(q), q, 39)
		if c.want == 0xff {
			if ok {
				t.Errorf("%s: answered", c.name)
			}
		} else if len(v) < 1 || v[0] != c.want {
			t.Errorf("%s: % x, want flags %d", c.name, v, c.want)
		}
		var e lease6.Entry
		if !b.server.Table.Lookup(at("2001:db8:0:1::10"), &e) || string(e.Host) != c.host {
			t.Errorf("%s: the lease keeps %q, want %q", c.name, e.Host, c.host)
		}
	}
	// A name that changes is journaled whole, at once.
	b := newBench(t, func(s *policy6.Spec) { s.FQDN = on })
	b.lease(1, na(1), fqdn(flagS, "\x02pc"))
	changes := b.batch.Len()
	b.send(from(1, Renew, na(1, "2001:db8:0:1::10"), fqdn(flagN, "\x02pc")))
	var e lease6.Entry
	if b.server.Table.Lookup(at("2001:db8:0:1::10"), &e); string(e.Host) != "pc" || b.batch.Len() != changes+1 {
		t.Errorf("host %q, %d changes", e.Host, b.batch.Len()-changes)
	}
}
