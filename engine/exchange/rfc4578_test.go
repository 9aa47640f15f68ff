// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"testing"
)

const machineID = "\x000123456789abcdef" // type 0, and the 16 octets of a GUID

func pxe(q Query) Query {
	q.UUID = []byte(machineID)
	return q
}

// §2.3: "This option MUST be present in all DHCP and PXE packets sent by PXE-compliant
// clients and servers": option 97 goes back as it came, in whatever hands out parameters.
func TestRFC4578_2_3_MachineIdentifierGoesBack(t *testing.T) {
	b := newBench(t, rapidly)
	mine := b.send(pxe(discover(1))).Yiaddr.String()
	for name, q := range map[string]Query{
		"discover": discover(1), "rapid commit": hurry(discover(2)), "relayed": via(relay1, discover(3)), "select": selecting(1, mine, ours0),
		"renew": renewing(1, mine), "rebind": rebinding(1, mine), "reboot": rebooting(1, mine), "inform": inform(4, "192.0.2.200"),
	} {
		a := b.send(pxe(q))
		if a.Type != Offer && a.Type != Ack {
			t.Errorf("%s: %s (%v)", name, typeName(a.Type), a.Reason)
			continue
		}
		if got, ok := ownOption(a.Own, optUUID); !ok || got != machineID {
			t.Errorf("%s: option 97 %q, %v", name, got, ok)
		}
		if a := b.send(q); a.Own.Has(optUUID) {
			t.Errorf("%s: option 97 for a client that sent none", name)
		}
	}
}

// RFC 2131 table 3 goes before it: of a NAK's options "All others MUST NOT". And a
// client without option 53 is none of DHCP's.
func TestRFC4578_2_3_NotInNakAndBootp(t *testing.T) {
	b := newBench(t, bootpPool)
	if a := b.send(pxe(rebooting(1, "10.99.0.1"))); a.Type != Nak || a.Own.Has(optUUID) {
		t.Errorf("%s with %q", typeName(a.Type), a.Own.Encoded())
	}
	if a := b.send(pxe(bootp(9))); a.Type != Bootp || a.Own.Has(optUUID) {
		t.Errorf("%s with %q (%v)", typeName(a.Type), a.Own.Encoded(), a.Reason)
	}
}

// ownOption is the value of one of the answer's own options.
func ownOption(o *Own, code uint8) (string, bool) {
	for b := o.Encoded(); len(b) >= 2; b = b[2+int(b[1]):] {
		if b[0] == code {
			return string(b[2 : 2+int(b[1])]), true
		}
	}
	return "", false
}
