// SPDX-License-Identifier: Apache-2.0

package option

import (
	"bytes"
	"testing"
)

// FuzzDecode: any octets under any definition decode without a panic, and what
// they decode to encodes to the same octets.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "00", "0a000001", "03656e67056170706c6503636f6d00c004", "180a0000c0000201", "0104000000020204", "c000"} {
		f.Add(uint16(119), true, unhex(f, s))
		f.Add(uint16(43), true, unhex(f, s))
		f.Add(uint16(17), false, unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, code uint16, v4 bool, content []byte) {
		space := DHCP6
		if v4 {
			space, code = DHCP4, code&255
		}
		d, ok := ByCode(space, code)
		if !ok {
			d = Raw(space, code)
		}
		v, _ := Decode(d, content)
		again, err := Encode(d, v)
		if err != nil || !bytes.Equal(again, content) {
			t.Fatalf("%s: %x decodes to %#v, which encodes to %x, %v", d, content, v, again, err)
		}
		Format(d, content)
	})
}

// FuzzEncodeText: any text for any option is encoded or refused.
func FuzzEncodeText(f *testing.F) {
	for _, s := range []string{"10.0.0.1", "hex:", "text:", "10.0.0.0/8 via 10.0.0.1", "a.b", "1h", "-1", "2001:db8::/32", "0 0 0 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, space := range []Space{DHCP4, DHCP6, Agent4, MSFT4} {
			for _, d := range All(space) {
				for _, v := range []any{s, []any{s}, Map{{s, s}}, Map{{"name", s}, {"options", Map{{s, s}}}}} {
					if b, err := Encode(d, v); err == nil {
						if back, ok := Decode(d, b); ok {
							if again, err := Encode(d, back); err != nil || !bytes.Equal(b, again) {
								t.Fatalf("%s: %q is %x, comes back as %#v", d, s, b, back)
							}
						}
					}
				}
			}
		}
	})
}
