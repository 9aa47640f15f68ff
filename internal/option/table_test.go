// SPDX-License-Identifier: Apache-2.0

package option

import (
	"strconv"
	"strings"
	"testing"
)

// Every row of the tables that has a type is a definition, under its code and
// its name.
func TestTablesAreComplete(t *testing.T) {
	for _, text := range []string{table4, table6, tableExtra} {
		for line := range strings.Lines(text) {
			col := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			if len(col) < 5 || line[0] == '#' || col[0] == "space" || col[3] == "" {
				continue
			}
			space := Space(col[0])
			lo, hi, isRange := strings.Cut(col[1], "-")
			if !isRange {
				hi = lo
			}
			first, err1 := strconv.Atoi(lo)
			last, err2 := strconv.Atoi(hi)
			if err1 != nil || err2 != nil {
				t.Fatalf("code of %q", line)
			}
			for code := first; code <= last; code++ {
				d, ok := ByCode(space, uint16(code))
				if !ok {
					t.Errorf("%s %d is missing", space, code)
					continue
				}
				if int(d.Code) != code || d.Space != space {
					t.Errorf("%s %d is %s %d", space, code, d.Space, d.Code)
				}
				if byName, ok := ByName(space, d.Name); !ok || byName != d {
					t.Errorf("%s %s: not found by its name", space, d.Name)
				}
				if !isName(d.Name) && d.Name != "6rd" && d.Name != "4rd" && d.Name != "4rd-map-rule" && d.Name != "4rd-non-map-rule" {
					t.Errorf("%s %d: %q is no name", space, code, d.Name)
				}
				if !isRange && renamed[space][uint16(code)] == "" && d.Name != canonical(col[2]) {
					t.Errorf("%s %d is %q, in the table %q", space, code, d.Name, col[2])
				}
			}
		}
	}
}

// The length column is the table's own statement of what the type takes: the
// layouts of refine.go must agree with it.
func TestLayoutsAgreeWithTheLengthColumn(t *testing.T) {
	for line := range strings.Lines(table4 + tableExtra) {
		col := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(col) < 6 || line[0] == '#' || col[0] == "space" || col[3] == "" || strings.Contains(col[1], "-") {
			continue
		}
		code, _ := strconv.Atoi(col[1])
		d, _ := ByCode(Space(col[0]), uint16(code))
		want := col[5]
		n, err := strconv.Atoi(want)
		fixed := err == nil
		size := d.typ.size()
		switch {
		case d.typ.kind == kArray && d.typ.elem.size() > 1:
			if m := strconv.Itoa(d.typ.elem.size()) + "n"; want != m && want != "0 or "+m {
				t.Errorf("%s: an array of %s; the table has length %q", d, d.typ.elem, want)
			}
		case size > 0 && (!fixed || n != size) && want != "-":
			t.Errorf("%s: %s is %d octets; the table has length %q", d, d.typ, size, want)
		case fixed && n > 0 && size != n && d.typ.kind != kBytes:
			t.Errorf("%s: %s has no fixed size; the table has length %q", d, d.typ, want)
		}
	}
}

func TestByName(t *testing.T) {
	tests := []struct {
		space Space
		name  string
		code  uint16
	}{
		{DHCP4, "routers", 3},
		{DHCP4, "domain-name-servers", 6},
		{DHCP4, "Domain_Name_Servers", 6},
		{DHCP4, "vendor-specific", 43}, // the design page's example
		{DHCP4, "vendor-encapsulated-options", 43},
		{DHCP4, "dhcp-lease-time", 51}, // Kea
		{DHCP4, "6", 6},
		{DHCP4, "130", 130},
		{DHCP4, "pxe-undefined-130", 130},
		{DHCP4, "site-specific-224", 224},
		{DHCP4, "249", 249}, // not the private range's
		{DHCP4, "96", 96},   // nobody's
		{MSFT4, "microsoft-disable-netbios", 1},
		{MSFT4, "ms-disable-netbios", 1},
		{DHCP6, "dns-servers", 23}, // Kea, design page
		{DHCP6, "DNS_SERVERS", 23},
		{DHCP6, "domain-search", 24},
		{DHCP6, "500", 500},
		{Vendor4, "7", 7},
	}
	for _, tt := range tests {
		d, ok := ByName(tt.space, tt.name)
		if !ok || d.Code != tt.code {
			t.Errorf("ByName(%s, %q) = %v, %v; want code %d", tt.space, tt.name, d, ok, tt.code)
		}
	}
	for _, name := range []string{"", "routerss", "0", "255", "256", "-1", "microsoft-disable-netbios"} {
		if d, ok := ByName(DHCP4, name); ok {
			t.Errorf("ByName(%q) = %v", name, d)
		}
	}
	if d, ok := ByName(MSFT4, "microsoft-nothing"); ok {
		t.Errorf("found %v", d)
	}
}

// An alias names the option that its own name would.
func TestAliasesLeadSomewhere(t *testing.T) {
	for space, names := range aliases {
		for name, code := range names {
			d, ok := ByName(space, name)
			if !ok || d.Code != code {
				t.Errorf("%s %s: %v, want %d", space, name, d, code)
			}
		}
	}
}

func TestSuggest(t *testing.T) {
	tests := []struct {
		space      Space
		name, want string
	}{
		{DHCP4, "router", "routers"},
		{DHCP4, "domain-name-server", "domain-name-servers"},
		{DHCP4, "dns-servers", "nds-servers"}, // one swap away; v4's name for it is another
		{DHCP4, "domian-name", "domain-name"},
		{DHCP4, "ntp-server", "ntp-servers"},
		{DHCP4, "zzzzzz", ""},
		{MSFT4, "ms-disable-netbois", "ms-disable-netbios"},
		{DHCP6, "dns-server", "dns-servers"},
	}
	for _, tt := range tests {
		if got := Suggest(tt.space, tt.name); got != tt.want {
			t.Errorf("Suggest(%s, %q) = %q, want %q", tt.space, tt.name, got, tt.want)
		}
	}
}

func TestNearestCountsEdits(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1},
		{"abc", "acb", 1}, {"abc", "xyz", 3}, {"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b, 100); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a, 100); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestDefine(t *testing.T) {
	r := NewRegistry()
	if _, err := r.Define(DHCP4, "my-servers", 224, "ipv4", true); err != nil {
		t.Fatal(err)
	}
	d, ok := r.ByName(DHCP4, "my-servers")
	if !ok || d.Code != 224 || d.Type() != "ipv4[]" {
		t.Fatalf("defined %v of type %s", d, d.Type())
	}
	if byCode, _ := r.ByCode(DHCP4, 224); byCode != d {
		t.Fatal("not found by its code")
	}
	if other, _ := ByCode(DHCP4, 224); other == d {
		t.Fatal("the tables have changed")
	}
	bad := []struct {
		name string
		code int
		typ  string
		want string
	}{
		{"my-servers", 225, "ipv4", "the name my-servers is option 224 already"},
		{"routers", 226, "ipv4", "the name routers is option 3 already"},
		{"mine", 3, "ipv4", "code 3 is routers already"},
		{"mine", 224, "ipv4", "code 224 is my-servers already"},
		{"mine", 255, "ipv4", "code 255: codes are 1 to 254"},
		{"mine", 0, "ipv4", "code 0: codes are 1 to 254"},
		{"mine", 230, "ipv5", `type "ipv5": unknown type "ipv5"`},
		{"mine", 230, "rec(u8 a", `type "rec(u8 a": record is not closed`},
		{"2mine", 230, "u8", `"2mine" is not a name: small letters, digits and dashes, beginning with a letter`},
	}
	for _, tt := range bad {
		_, err := r.Define(DHCP4, tt.name, tt.code, tt.typ, false)
		if err == nil || err.Error() != tt.want {
			t.Errorf("Define(%s, %d, %s): %v, want %s", tt.name, tt.code, tt.typ, err, tt.want)
		}
	}
	if _, err := r.Define("dhcp9", "x", 1, "u8", false); err == nil {
		t.Error("defined an option in an unknown space")
	}
}

func TestParseSeconds(t *testing.T) {
	good := []struct {
		s    string
		want uint32
	}{
		{"0", 0}, {"3600", 3600}, {"1h", 3600}, {"52m30s", 3150}, {"1d12h", 129600}, {"2w", 1209600},
		{"infinite", Infinite}, {"4294967294", 4294967294},
	}
	for _, tt := range good {
		got, err := ParseSeconds(tt.s)
		if err != nil || got != tt.want {
			t.Errorf("ParseSeconds(%q) = %d, %v; want %d", tt.s, got, err, tt.want)
		}
		if back, err := ParseSeconds(FormatSeconds(got)); err != nil || back != got {
			t.Errorf("FormatSeconds(%d) = %q", got, FormatSeconds(got))
		}
	}
	for _, s := range []string{"", "h", "1x", "-1", "1.5h", "30s1h", "1h1h", "1h30", "4294967295", "99999999999", "9999w", "1 h", "forever"} {
		if got, err := ParseSeconds(s); err == nil {
			t.Errorf("ParseSeconds(%q) = %d", s, got)
		}
	}
}
