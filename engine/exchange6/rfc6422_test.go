// SPDX-License-Identifier: Apache-2.0

package exchange6

import (
	"testing"

	"xdhcp/engine/policy6"
)

func opt(code uint16, value string) []byte {
	return append([]byte{byte(code >> 8), byte(code), byte(len(value) >> 8), byte(len(value))}, value...)
}

func supplied(levels ...[]byte) func(*Query) {
	return func(q *Query) { copy(q.RSOO[:], levels) }
}

// RFC 6422 §6: "it SHOULD add any options that appear in the RSOO for which it has no internal
// candidate to the list of options that are candidates to send to the DHCP client."
func TestRelaySuppliedOptions(t *testing.T) {
	b := newBench(t)
	for _, typ := range []uint8{Solicit, Request, Renew} {
		q := from(1, typ, na(1), via(relay1), asks(65), supplied(opt(65, "here")))
		if v, _ := option(b.send(q), q, 65); string(v) != "here" {
			t.Errorf("message %d: %q", typ, v)
		}
	}
	q := from(1, Solicit, na(1), via(relay1), supplied(opt(65, "here")))
	if _, ok := option(b.send(q), q, 65); ok {
		t.Error("a client gets what it has not asked for")
	}
}

// RFC 6422 §6: "DHCP servers MUST silently discard any option contained in an RSOO that is not
// RSOO-enabled." "SHOULD have an administrator-configurable list".
func TestOnlyEnabledOptionsOfRelays(t *testing.T) {
	b := newBench(t)
	q := from(1, Solicit, na(1), via(relay1), asks(64, 65), supplied(append(opt(64, "aftr"), opt(65, "here")...)))
	a := b.send(q)
	if _, ok := option(a, q, 64); ok {
		t.Error("an option that is not enabled is sent")
	}
	if v, _ := option(a, q, 65); string(v) != "here" {
		t.Errorf("the one after it is %q", v)
	}
	b.reload(func(s *policy6.Spec) { s.RelayOptions = []uint16{64} })
	a = b.send(q)
	if _, ok := option(a, q, 65); ok {
		t.Error("65 is sent though the list has 64 only")
	}
	if v, _ := option(a, q, 64); string(v) != "aftr" {
		t.Errorf("64 is %q", v)
	}
	spec := baseSpec()
	spec.RelayOptions = []uint16{2}
	if _, err := policy6.Build(spec); err == nil {
		t.Error("a relay agent may say who the server is")
	}
}

// RFC 6422 §6: "The server SHOULD discard any options that appear in the RSOO for which it
// already has one or more candidates."
func TestTheConfigurationGoesBeforeTheRelay(t *testing.T) {
	b := newBench(t, func(s *policy6.Spec) { s.Options = []policy6.Option{{Code: 65, Data: []byte("ours")}} })
	q := from(1, Solicit, na(1), via(relay1), asks(65), supplied(opt(65, "here")))
	if v, _ := option(b.send(q), q, 65); string(v) != "ours" {
		t.Errorf("%q", v)
	}
}

// RFC 6422 §6: "When such a conflict exists, the DHCP server MUST choose no more than one of
// these options …. By default, the DHCP server MUST choose the innermost value".
func TestTheInnermostRelayWins(t *testing.T) {
	b := newBench(t)
	q := from(1, Solicit, na(1), via(relay1), asks(65), supplied(opt(65, "inner"), opt(65, "outer")))
	a := b.send(q)
	if v, _ := option(a, q, 65); string(v) != "inner" || len(a.Own.Codes()) != 1 || len(a.Own.Encoded()) != 4+5 {
		t.Errorf("%q in % x", v, a.Own.Encoded())
	}
}

// What does not fit or is cut short is left out.
func TestBrokenRelayOptions(t *testing.T) {
	b := newBench(t)
	for _, bad := range [][]byte{opt(65, "here")[:6], {0, 65, 0}, {0, 65, 255, 255, 1}, opt(65, string(make([]byte, 2000)))} {
		q := from(1, Solicit, na(1), via(relay1), asks(65), supplied(bad))
		a := b.send(q)
		b.wantType(a, Advertise)
		if _, ok := option(a, q, 65); ok {
			t.Errorf("% x is sent", bad[:min(len(bad), 8)])
		}
	}
}
