// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"

	"xdhcp/engine/lease"
)

// What a lease keeps agrees with what the client was told in option 81.
func TestTheNameThatALeaseKeeps(t *testing.T) {
	const S, E, N = 1, 4, 8
	on := FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}
	client, none, hosts, ignore := on, on, on, on
	client.OverrideClient = true
	none.OverrideNoUpdate = true
	hosts.HostNames = false
	ignore.Ignore = true
	long := strings.Repeat("a", 60)
	for _, c := range []struct {
		what  string
		spec  FQDNSpec
		flags int // -1: no option 81
		name  string
		host  string
		want  string
		told  byte // flags of the answer, without O and E
	}{
		{"we do both", on, S, "pc", "", "pc.example.net.", S},
		{"wire form", on, S | E, "\x02pc", "", "pc.example.net.", S},
		{"wire form, complete", on, S | E, "\x02PC\x03org\x00", "other", "PC.org.", S},
		{"complete", on, S, "pc.example.org", "", "pc.example.org.", S},
		{"the client does the A record", on, 0, "pc", "", "pc.example.net", 0},
		{"overridden", client, 0, "pc", "", "pc.example.net.", S},
		{"no update", on, N, "pc.example.org", "", "pc", N},
		{"no update, overridden", none, N, "pc", "", "pc.example.net.", S},
		{"too long to be kept", on, S, long, "host", "host", N},
		{"an impossible label", on, S, "p c", "h", "h", N},
		{"a dot in a label", on, S | E, "\x03a.b\x00", "h", "h", N},
		{"the root", on, S | E, "\x00", "h", "h", N},
		{"top level", on, S | E, "\x02pc\x00", "h", "h", N},
		{"empty", on, S, "", "h", "h", N},
		{"host name", on, -1, "", "pc", "pc.example.net.", 0},
		{"host name with dots", on, -1, "", "pc.example.org", "pc.example.org.", 0},
		{"host names are not updated", hosts, -1, "", "pc.example.org", "pc", 0},
		{"a host name that is none", on, -1, "", "p c.x", "p c", 0},
		{"option 81 is ignored", ignore, S, "x.example.org", "pc", "pc.example.net.", 0},
		{"neither", on, -1, "", "", "", 0},
	} {
		f := mustBuild(t, Spec{FQDN: c.spec}).FQDN
		var asked []byte
		if c.flags >= 0 {
			asked = append([]byte{byte(c.flags), 0, 0}, c.name...)
		}
		var room [lease.MaxHost]byte
		if got := string(f.Record(&Names{Asked: asked, Host: []byte(c.host)}, &room, new(NameRoom))); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
		var answer [255]byte
		if v := f.Answer(&Names{Asked: asked}, &answer, new(NameRoom)); v != nil && v[0]&(S|N) != c.told {
			t.Errorf("%s: told %x, want %x", c.what, v[0], c.told)
		}
	}
	// The longest that fits: 63 bytes with the dots.
	f := mustBuild(t, Spec{FQDN: on}).FQDN
	var room [lease.MaxHost]byte
	var space NameRoom
	name := strings.Repeat("a", lease.MaxHost-len(".example.net."))
	asked := []byte("\x01\x00\x00" + name)
	if got := f.Record(&Names{Asked: asked}, &room, &space); len(got) != lease.MaxHost || string(got) != name+".example.net." {
		t.Errorf("%q", got)
	}
	if n := testing.AllocsPerRun(100, func() { f.Record(&Names{Asked: asked}, &room, &space) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
