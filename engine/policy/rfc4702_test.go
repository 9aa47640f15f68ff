// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"strings"
	"testing"
)

// RFC 4702 §4: "The server sets to 0 the "S", "O", and "N" bits in its copy …;
// If the client's "N" bit is 1 and the server's configuration allows it to honor
// the client's request …, the server sets the "N" bit to 1. Otherwise, if the
// client's "S" bit is 1 and the server's configuration allows it … sets the "S"
// to 1. If the server's "S" bit does not match the client's "S" bit, the server
// sets the "O" bit to 1."
func TestTheFlagsOfOption81(t *testing.T) {
	const S, O, N = 1, 2, 8
	off, on := FQDNSpec{}, FQDNSpec{Updates: true}
	overClient := FQDNSpec{Updates: true, OverrideClient: true}
	overNone := FQDNSpec{Updates: true, OverrideNoUpdate: true}
	for _, c := range []struct {
		what        string
		spec        FQDNSpec
		asked, want byte
	}{
		{"no updates, client asks for A", off, S, N | O},
		{"no updates, client does A", off, 0, N},
		{"no updates, client wants none", off, N, N},
		{"client asks for A", on, S, S},
		{"client does A", on, 0, 0},
		{"client wants none", on, N, N},
		{"client does A, overridden", overClient, 0, S | O},
		{"client asks for A, nothing to override", overClient, S, S},
		{"client wants none, not overridden", overClient, N, N},
		{"client wants none, overridden", overNone, N, S | O},
		{"client does A, not overridden", overNone, 0, 0},
		// §2.1: "If the 'N' bit is 1, the 'S' bit MUST be 0", so this client is
		// wrong; its wish for no update counts.
		{"client says both", on, N | S, N | O},
		{"reserved bits", on, S | 0xf0, S},
	} {
		f := mustBuild(t, Spec{FQDN: c.spec}).FQDN
		var room [255]byte
		got := f.Answer(&Names{Asked: []byte{c.asked, 1, 2, 'x'}}, &room, new(NameRoom))
		if string(got) != string([]byte{c.want, 255, 255, 'x'}) {
			t.Errorf("%s: % x, want flags %x", c.what, got, c.want)
		}
		if got[0]&N != 0 && got[0]&S != 0 {
			t.Errorf("%s: N and S", c.what)
		}
	}
}

// §4: "The server copies the client's 'E' bit." §2.1: "A server MUST use the same
// encoding as that used by the client."; "The server SHOULD send its notion of the
// complete FQDN for the client in the Domain Name field."
func TestTheNameInOption81(t *testing.T) {
	const E = 4
	long := "\x3f" + strings.Repeat("a", 63)
	for _, c := range []struct {
		what, suffix string
		flags        byte
		name, want   string
	}{
		{"complete", "example.org", E, "\x02pc\x03net\x00", "\x02pc\x03net\x00"},
		{"partial", "example.org", E, "\x02pc", "\x02pc\x07example\x03org\x00"},
		{"partial, no suffix", "", E, "\x02pc", "\x02pc"},
		{"empty", "example.org", E, "", ""},
		{"suffix with dots", ".example.org.", E, "\x02pc", "\x02pc\x07example\x03org\x00"},
		{"no room for the suffix", "example.org", E, long + long + long + "\x30" + strings.Repeat("b", 48), long + long + long + "\x30" + strings.Repeat("b", 48)},
		{"ASCII", "example.org", 0, "pc", "pc.example.org"},
		{"ASCII with a dot", "example.org", 0, "pc.net", "pc.net"},
		{"ASCII, no suffix", "", 0, "pc", "pc"},
		{"ASCII, no room", "example.org", 0, strings.Repeat("c", 245), strings.Repeat("c", 245)},
		{"not a name", "", E, "\x05pc", "none"},
		{"bytes behind the root", "", E, "\x02pc\x00x", "none"},
		{"compressed", "", E, "\x02pc\xc0\x00", "none"},
	} {
		f := mustBuild(t, Spec{FQDN: FQDNSpec{Updates: true, Suffix: c.suffix}}).FQDN
		var room [255]byte
		got := "none"
		if v := f.Answer(&Names{Asked: append([]byte{c.flags | 1, 0, 0}, c.name...)}, &room, new(NameRoom)); v != nil {
			if got = string(v[3:]); v[0] != c.flags|1 {
				t.Errorf("%s: flags %x", c.what, v[0])
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	ignore := mustBuild(t, Spec{FQDN: FQDNSpec{Ignore: true}}).FQDN
	var room [255]byte
	if ignore.Answer(&Names{Asked: []byte{1, 0, 0, 'x'}}, &room, new(NameRoom)) != nil {
		t.Error("answered though it is to be ignored")
	}
	if mustBuild(t, Spec{}).FQDN.Answer(&Names{Asked: []byte{1, 0}}, &room, new(NameRoom)) != nil {
		t.Error("an option that is too short is answered")
	}
	for _, bad := range []string{"a..b", strings.Repeat("a", 64)} {
		if _, err := Build(Spec{FQDN: FQDNSpec{Suffix: bad}}); err == nil {
			t.Errorf("suffix %q", bad)
		}
	}
}

// RFC 1035 §3.1: "domain names … are restricted to 255 octets or less". A longer
// one is not cut in the answer: there is none.
func TestRFC4702_2_3_OverlongNameIsNotAnswered(t *testing.T) {
	var f FQDN
	var room [255]byte
	name := bytes.Repeat([]byte{1, 'a'}, 127) // 254 bytes, with flags 257
	if v := f.Answer(&Names{Asked: append([]byte{fqdnE, 0, 0}, name...)}, &room, new(NameRoom)); v != nil {
		t.Errorf("answered with % x", v)
	}
	if v := f.Answer(&Names{Asked: append([]byte{fqdnE, 0, 0}, name[:252]...)}, &room, new(NameRoom)); len(v) != 255 {
		t.Errorf("the longest that fits is answered with % x", v)
	}
}
