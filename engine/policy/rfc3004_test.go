// SPDX-License-Identifier: Apache-2.0

package policy

import "testing"

// RFC 3004 §4: "This option MAY carry multiple User Classes."
func TestAClientIsInAllUserClassesThatItNames(t *testing.T) {
	spec := Spec{Classes: []ClassSpec{
		one("a", is(MatchUserClass, "accounting")), one("m", is(MatchUserClass, "mobile")), one("x", is(MatchUserClass, "x")),
	}}
	p := mustBuild(t, spec)
	m := members(p, Facts{UserClass: []byte("\x0aaccounting\x06mobile")})
	if got := inClasses(&spec, &m.In); got != "a m" {
		t.Errorf("classes %q", got)
	}
}

// RFC 3004 §4: "A server that is not equipped to interpret any given user class
// specified by a client MUST ignore it".
func TestAnUnknownUserClassIsIgnored(t *testing.T) {
	spec := Spec{Classes: []ClassSpec{one("a", is(MatchUserClass, "a"))}}
	p := mustBuild(t, spec)
	for value, want := range map[string]string{"\x01b": "", "\x01b\x01a": "a", "\x02aa": "", "": ""} {
		m := members(p, Facts{UserClass: []byte(value)})
		if got := inClasses(&spec, &m.In); got != want {
			t.Errorf("%q: classes %q, want %q", value, got, want)
		}
	}
}

// RFC 3004 §4: "The value in UC_Len_i does not include the length field itself
// and MUST be non-zero. … The length of the option as specified in Len must be
// the sum of the lengths of each of the class names plus m".
func TestTheFormOfOption77(t *testing.T) {
	for value, want := range map[string]bool{
		"\x01a": true, "\x01a\x02bb": true,
		"": false, "\x00": false, "\x01a\x00": false, "\x02a": false, "iPXE": false, "\x01a\x05bb": false,
	} {
		if got := UserClassList([]byte(value)); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// What is not in that form is one class: iPXE sends its name so.
func TestAPlainUserClassIsOne(t *testing.T) {
	p := mustBuild(t, Spec{Classes: []ClassSpec{one("ipxe", is(MatchUserClass, "iPXE"))}})
	if m := members(p, Facts{UserClass: []byte("iPXE")}); !m.In.Has(0) {
		t.Error("iPXE is not recognised")
	}
}
