// SPDX-License-Identifier: Apache-2.0

package option

import (
	"bytes"
	"strings"
	"testing"
)

// A space of one's own is as wide as the options that have it, and may lie in another,
// whatever the order of the definitions.
func TestDefineAll(t *testing.T) {
	r := NewRegistry()
	for i, err := range r.DefineAll([]Definition{
		{Name: "inner", Code: 5, Space: "outer-space", Encapsulates: "inner-space"},
		{Name: "leaf", Code: 7, Type: "u16", Array: true, Space: "inner-space"},
		{Name: "both4", Code: 224, Encapsulates: "outer-space"},
		{Name: "both6", Code: 60000, Space: "dhcp6", Type: "rec(u8 a, ipv4 b)", Encapsulates: "outer-space"},
		{Name: "cable", Code: 2, Type: "ipv4", Space: "dhcp4-vendor-4491"},
		{Name: "cable", Code: 300, Type: "ipv4", Space: "vendor-4491"},
		{Name: "acs", Code: 1, Type: "str", Space: VendorSpecific},
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, tt := range []struct {
		space       Space
		name, value string
		want        string
		text        string // "" : as it was written
	}{
		{DHCP4, "both4", "{inner: {leaf: [1, 2]}}", "05 06 0704 0001 0002", ""},
		{DHCP6, "both6", "{a: 1, b: 192.0.2.1, options: {inner: {leaf: [1, 2]}}}", "01 c0000201 0005 0008 0007 0004 0001 0002", ""},
		{DHCP6, "both6", "{a: 1, b: 192.0.2.1}", "01 c0000201", ""},
		{DHCP4, "vi-vendor-opts", "[{enterprise: 4491, options: {cable: 192.0.2.1}}, {enterprise: 9, options: {2: 'hex:01'}}]",
			"0000118b 06 0204 c0000201 00000009 03 0201 01", `[{enterprise: 4491, options: {cable: 192.0.2.1}}, {enterprise: 9, options: {2: "hex:01"}}]`},
		{DHCP6, "vendor-opts", "{enterprise: 4491, options: {cable: 192.0.2.1}}", "0000118b 012c 0004 c0000201", ""},
		{DHCP4, "vendor-specific", "{acs: x, ms-release-on-shutdown: 1}", "01 01 78 02 04 00000001", "-"},
	} {
		d, ok := r.ByName(tt.space, tt.name)
		if !ok {
			t.Fatalf("no %s", tt.name)
		}
		got, err := r.Encode(d, fromYAML(t, tt.value))
		if want := unhex(t, tt.want); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v; want %x", tt.value, got, err, want)
			continue
		}
		want := tt.text
		if want == "" {
			want = tt.value
		}
		if text := r.Format(d, got); text != want && want != "-" {
			t.Errorf("%s: %s", tt.value, text)
		}
	}
}

func TestDefineAllRefuses(t *testing.T) {
	inner := Definition{Name: "z", Code: 1, Type: "u8", Space: "own"}
	for _, tt := range []struct {
		d         Definition
		key, want string
	}{
		{Definition{Name: "x", Code: 224, Type: "u8", Space: "nowhere"}, "space", `"nowhere" is not dhcp4`},
		{Definition{Name: "x", Code: 224, Type: "u8", Space: "vendor-x"}, "space", `"vendor-x" is not dhcp4`},
		{Definition{Name: "x", Code: 224, Encapsulates: "vendor-9"}, "encapsulates", `"vendor-9" is not the name`},
		{Definition{Name: "x", Code: 224, Encapsulates: "vendor-specific"}, "encapsulates", `"vendor-specific" is not the name`},
		{Definition{Name: "x", Code: 224, Encapsulates: "a b"}, "encapsulates", `"a b" is not the name`},
		{Definition{Name: "x", Code: 224, Encapsulates: "empty"}, "encapsulates", "no option is defined in the space empty"},
		{Definition{Name: "x", Code: 224, Type: "u8", Array: true, Encapsulates: "own"}, "array", "cannot be an array"},
		{Definition{Name: "x", Code: 224, Type: "u8[]", Encapsulates: "own"}, "type", "a list cannot have"},
	} {
		errs := NewRegistry().DefineAll([]Definition{{Name: "y", Code: 225, Encapsulates: "own"}, inner, tt.d})
		e, ok := errs[2].(*DefinitionError)
		if !ok || e.Key != tt.key || !strings.HasPrefix(e.Msg, tt.want) && !strings.Contains(e.Msg, tt.want) || errs[0] != nil || errs[1] != nil {
			t.Errorf("%+v: %v", tt.d, errs)
		}
	}
}
