// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"net"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
	"xdhcp/engine/policy"
)

// exactly reports an answer that does not have these options in this order.
func (r *reply) exactly(t *testing.T, want ...uint8) {
	t.Helper()
	if !bytes.Equal(r.order, want) {
		t.Errorf("options %v, want %v", r.order, want)
	}
}

// RFC 4039 §3.1 step 2: a DISCOVER with option 80 is acknowledged at once, with
// option 80; the ACK waits for the disk as any other.
func TestRapidCommit(t *testing.T) {
	s := spec()
	s.Subnets[0].RapidCommit = true
	r := newRig(t, s)
	a := r.ask(direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, option(55, 1), option(80)).ToBytes()))
	if a.typ() != dhcpv4.MessageTypeAck || a.verdict != frame.Await || r.batch.Len() != 1 {
		t.Errorf("%v, %v, %d changes", a.typ(), a.verdict, r.batch.Len())
	}
	a.exactly(t, 53, 54, 51, 58, 59, 1, 3, 6, 15, 80)
	if v := a.option(80); len(v) != 0 {
		t.Errorf("option 80 = %x", v)
	}

	// Without the client's wish, or the operator's, it is an offer.
	a = r.ask(direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, option(55, 1)).ToBytes()))
	if a.typ() != dhcpv4.MessageTypeOffer {
		t.Errorf("%v to who did not ask", a.typ())
	}
	a = newRig(t, spec()).ask(direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, option(55, 1), option(80)).ToBytes()))
	if a.typ() != dhcpv4.MessageTypeOffer || a.option(80) != nil {
		t.Errorf("%v where it is not configured", a.typ())
	}
}

// RFC 4702 §4: option 81 is answered with the server's flags and 255 in both
// RCODE fields; E as the client has it.
func TestFQDN(t *testing.T) {
	r := newRig(t, spec())
	a := r.ask(direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, option(55, 1), option(81, append([]byte{4, 0, 0}, "\x04host\x07example\x03net\x00"...)...)).ToBytes()))
	a.exactly(t, 53, 54, 51, 58, 59, 1, 3, 6, 15, 81)
	if v := a.option(81); len(v) < 3 || v[0]&4 == 0 || v[0]&1 != 0 || v[1] != 255 || v[2] != 255 {
		t.Errorf("option 81 = %x", v)
	}
}

// [MS-DHCPE] §3.2.5.4: who looks for rogue servers is told of this one in option
// 43, which then is not what the configuration says.
func TestOwnOptionReplacesTheConfigured(t *testing.T) {
	s := spec()
	s.Options = append(s.Options, policy.Option{Code: 43, Data: []byte{1, 4, 0, 0, 0, 2}, Always: true})
	r := newRig(t, s)
	around := packet{src: clientMAC, dst: portMAC, from: net.IP{192, 0, 2, 150}, to: server, sport: 68, dport: 67}
	in := func(mods ...dhcpv4.Modifier) []byte {
		return around.frame(t, message(t, dhcpv4.MessageTypeInform, append(mods, option(55, 43, 1), ciaddr(net.IP{192, 0, 2, 150}))...).ToBytes())
	}
	a := r.ask(in())
	a.exactly(t, 53, 54, 43, 1, 3, 6, 15)
	if !bytes.Equal(a.option(43), []byte{1, 4, 0, 0, 0, 2}) {
		t.Errorf("option 43 = %x", a.option(43))
	}
	a = r.ask(in(option(43, 94, 0)))
	a.exactly(t, 53, 54, 1, 3, 6, 15, 43)
	if v := a.option(43); len(v) < 2 || v[0] != 95 {
		t.Errorf("option 43 = %x", v)
	}
	buf, msg := make([]byte, 2048), in(option(43, 94, 0))
	if n := testing.AllocsPerRun(50, func() {
		f := frame.Frame{Data: buf[:copy(buf, msg)]}
		if v, why, _ := r.h.Handle(&f, r.batch); v != frame.Reply {
			t.Fatal(v, why)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// RFC 6607 §7.2: of a selection that is followed, 152 does not come back; of one
// that is not, neither 151 nor 152. A server that knows of no virtual networks
// returns both.
func TestVirtualSubnetSelection(t *testing.T) {
	vpn := []byte{0, 'r', 'e', 'd'}
	r82 := append(append([]byte{1, 2, 'c', '1', 151, 4}, vpn...), 152, 0, 2, 2, 'r', '1')
	for _, tt := range []struct {
		name string
		vss  [3][]byte // of the subnets
		want []byte
	}{
		{"unknown", [3][]byte{}, r82},
		{"followed", [3][]byte{1: vpn}, append(append([]byte{1, 2, 'c', '1', 151, 4}, vpn...), 2, 2, 'r', '1')},
		{"not followed", [3][]byte{2: vpn}, []byte{1, 2, 'c', '1', 2, 2, 'r', '1'}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec()
			for i, v := range tt.vss {
				s.Subnets[i].VSS = v
			}
			r := newRig(t, s)
			a := r.ask(relayed().frame(t, message(t, dhcpv4.MessageTypeDiscover, giaddr(relayIP), option(55, 1), option(82, r82...)).ToBytes()))
			a.exactly(t, 53, 54, 51, 58, 59, 1, 3, 6, 15, 82)
			if !bytes.Equal(a.option(82), tt.want) {
				t.Errorf("option 82 = %x, want %x", a.option(82), tt.want)
			}
		})
	}
	// A selection and nothing else: the whole option goes.
	s := spec()
	s.Subnets[2].VSS = vpn
	r := newRig(t, s)
	a := r.ask(relayed().frame(t, message(t, dhcpv4.MessageTypeDiscover, giaddr(relayIP), option(55, 1), option(82, append(append([]byte{151, 4}, vpn...), 152, 0)...)).ToBytes()))
	a.exactly(t, 53, 54, 51, 58, 59, 1, 3, 6, 15)
}

// A class that needs an expression evaluated is the slow path's, and nothing has
// changed when it gets the message.
func TestExpressionsArePunted(t *testing.T) {
	s := spec()
	s.Classes = []policy.ClassSpec{{Name: "odd", Match: &policy.Match{By: policy.MatchExpr, Expr: "exists(200)"}, Drop: true}}
	r := newRig(t, s)
	_, v, why := r.handle(direct().frame(t, message(t, dhcpv4.MessageTypeDiscover).ToBytes()), 2048)
	if v != frame.Punt || why != frame.PuntClass || r.batch.Len() != 0 {
		t.Errorf("%v, %v, %d changes", v, why, r.batch.Len())
	}
}
