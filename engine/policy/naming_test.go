// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"xdhcp/engine/lease"
)

// hostChars are letters, digits, dots and dashes.
func hostChars() *[4]uint64 {
	var set [4]uint64
	for c := range 256 {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			set[c>>6] |= 1 << (c & 63)
		}
	}
	return &set
}

// What a client is told in options 81 and 12, and what its lease keeps, are one name.
func TestNames(t *testing.T) {
	const S, E = "\x01\x00\x00", "\x05\x00\x00"
	plain := FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}
	kea := plain
	kea.CompleteAll, kea.Lower, kea.Characters, kea.Prefix = true, true, hostChars(), "myhost"
	with := func(s FQDNSpec, edit func(*FQDNSpec)) FQDNSpec { edit(&s); return s }
	always := with(kea, func(s *FQDNSpec) { s.Generate = GenerateAlways })
	present := with(kea, func(s *FQDNSpec) { s.Generate = GenerateWhenPresent })
	absent := with(kea, func(s *FQDNSpec) { s.Generate = GenerateWhenNotPresent })
	bare := with(kea, func(s *FQDNSpec) { s.Suffix = "" })
	dashes := with(kea, func(s *FQDNSpec) { s.Instead = '-' })
	only := with(plain, func(s *FQDNSpec) { s.Prefix = "h" })
	for _, tt := range []struct {
		what                  string
		spec                  FQDNSpec
		asked, host, reserved string
		told, toldHost, keeps string // "-": nothing
	}{
		{"a reservation says more", plain, S + "pc", "tv", "printer", "printer.example.net", "printer", "printer.example.net."},
		{"in the wire's form", plain, E + "\x02pc", "", "printer", "\x07printer\x07example\x03net\x00", "printer", "printer.example.net."},
		{"whole", plain, S + "pc", "", "printer.example.org", "printer.example.org", "printer.example.org", "printer.example.org."},
		{"without option 81", plain, "", "tv", "printer", "-", "printer", "printer.example.net."},
		{"the client's own stays as it is", plain, S + "P_c 1.x", "T v", "", "P_c 1.x", "T v", "T v"},

		{"all are completed", kea, S + "pc.example.org", "tv", "", "pc.example.org.example.net", "tv.example.net", "pc.example.org.example.net."},
		{"but for a dot", kea, S + "pc.example.org.", "tv.org", "", "pc.example.org", "tv.org", "pc.example.org."},
		{"but for the suffix", kea, S + "pc.EXAMPLE.net", "TV", "", "pc.example.net", "tv.example.net", "pc.example.net."},
		{"its own letters", kea, S + "P_C 1", "T?v", "", "pc1.example.net", "tv.example.net", "pc1.example.net."},
		{"something instead", dashes, S + "P_C 1", "T?v", "", "p-c-1.example.net", "t-v.example.net", "p-c-1.example.net."},
		{"labels", kea, E + "\x03P_C\x03net\x00", "", "", "\x02pc\x03net\x00", "-", "pc.net."},
		{"without a suffix", bare, E + "\x02pc", "tv", "", "\x02pc\x00", "tv", "tv"},
		{"an empty name", kea, E, "", "", "\x11myhost-192-0-2-77\x07example\x03net\x00", "-", "myhost-192-0-2-77.example.net."},
		{"an empty name, as text", only, S, "", "", "h-192-0-2-77.example.net", "-", "h-192-0-2-77.example.net."},
		{"always", always, S + "pc", "tv", "", "myhost-192-0-2-77.example.net", "myhost-192-0-2-77.example.net", "myhost-192-0-2-77.example.net."},
		{"always, nothing sent", always, "", "", "", "-", "myhost-192-0-2-77.example.net", "myhost-192-0-2-77.example.net."},
		{"always, reserved", always, S + "pc", "tv", "printer", "printer.example.net", "printer.example.net", "printer.example.net."},
		{"when present", present, "", "tv", "", "-", "myhost-192-0-2-77.example.net", "myhost-192-0-2-77.example.net."},
		{"when present, nothing sent", present, "", "", "", "-", "-", ""},
		{"when not present", absent, "", "", "", "-", "myhost-192-0-2-77.example.net", "myhost-192-0-2-77.example.net."},
		{"when not present, sent", absent, S + "pc", "", "", "pc.example.net", "myhost-192-0-2-77.example.net", "pc.example.net."},
		{"nothing is left of it", kea, S + "pc", "???", "", "pc.example.net", "-", "pc.example.net."},
	} {
		f := mustBuild(t, Spec{FQDN: tt.spec}).FQDN
		n := Names{Host: []byte(tt.host), Addr: 0xc000024d}
		if tt.asked != "" {
			n.Asked = []byte(tt.asked)
		}
		if tt.reserved != "" {
			n.Reserved = []byte(tt.reserved)
		}
		var room [255]byte
		var space NameRoom
		told, toldHost := "-", "-"
		if v := f.Answer(&n, &room, &space); v != nil {
			told = string(v[3:])
		}
		if v := f.HostName(&n, &space); v != nil {
			toldHost = string(v)
		}
		var kept [lease.MaxHost]byte
		if keeps := string(f.Record(&n, &kept, &space)); told != tt.told || toldHost != tt.toldHost || keeps != tt.keeps {
			t.Errorf("%s: told %q and %q, kept %q\nwant %q and %q, %q", tt.what, told, toldHost, keeps, tt.told, tt.toldHost, tt.keeps)
		}
		if a := testing.AllocsPerRun(20, func() {
			f.Answer(&n, &room, &space)
			f.HostName(&n, &space)
			f.Record(&n, &kept, &space)
		}); a != 0 {
			t.Errorf("%s: %v allocations", tt.what, a)
		}
	}
}

// A name that cannot be is not made one.
func FuzzNames(f *testing.F) {
	spec := FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net", CompleteAll: true, Lower: true, Characters: hostChars(), Instead: '-', Prefix: "h"}
	p, err := Build(Spec{FQDN: spec})
	if err != nil {
		f.Fatal(err)
	}
	plain, err := Build(Spec{FQDN: FQDNSpec{Updates: true, Record: true, HostNames: true, Suffix: "example.net"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("\x05\x00\x00\x02pc"), []byte("tv"), []byte("printer"))
	f.Fuzz(func(t *testing.T, asked, host, reserved []byte) {
		for _, q := range []*FQDN{&p.FQDN, &plain.FQDN} {
			n := Names{Asked: asked, Host: host, Reserved: reserved, Addr: 1}
			var room [255]byte
			var space NameRoom
			var kept [lease.MaxHost]byte
			if v := q.Answer(&n, &room, &space); v != nil {
				if v[0]&fqdnE != 0 && !WireName(v[3:]) {
					t.Errorf("%x", v)
				}
				if v[0]&fqdnN != 0 && v[0]&fqdnS != 0 {
					t.Errorf("flags %x", v[0])
				}
			}
			q.HostName(&n, &space)
			name := q.Record(&n, &kept, &space)
			if dot := len(name) > 0 && name[len(name)-1] == '.'; dot && !hasDot(name[:len(name)-1]) {
				t.Errorf("keeps %q", name)
			}
		}
	})
}
