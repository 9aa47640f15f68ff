// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp6"
)

// judge6 is what the views of internal/wire/dhcp6, with which the in-place path
// works, make of a packet.
func judge6(packet []byte, c *dhcp6.Chain, o *dhcp6.Options) frame.Reason {
	if why := c.Unwrap(packet); why != frame.OK {
		return why
	}
	switch why := dhcp6.CheckType(c.Msg()); why {
	case frame.OK:
	case frame.PuntType:
		if c.Msg().Type() != dhcp6.LeaseQuery { // for others the slow path has no answer either
			return frame.NoType
		}
	default:
		return why
	}
	return o.Scan(c.Msg())
}

// sameDecoding checks that both decoders make the same of a packet: the Reason, and
// if it is good all that they say about it.
func sameDecoding(t testing.TB, m *message6, packet []byte) frame.Reason {
	t.Helper()
	var c dhcp6.Chain
	var o dhcp6.Options
	want := judge6(packet, &c, &o)
	if got := m.decode(packet); got != want {
		t.Fatalf("%v, the views say %v of % x", got, want, packet)
	}
	if want != frame.OK {
		return want
	}
	if len(m.relays) != c.N() || uint8(m.msg.MsgType) != c.Msg().Type() {
		t.Fatalf("%d relays around type %d, the views say %d, %d", len(m.relays), m.msg.MsgType, c.N(), c.Msg().Type())
	}
	for i := range m.relays {
		r := &m.relays[i]
		if r.HopCount != c.Hops(i) || [16]byte(r.LinkAddr) != *c.LinkAddr(i) || [16]byte(r.PeerAddr) != *c.PeerAddr(i) {
			t.Fatalf("relay %d", i)
		}
		for code, view := range map[uint16]func(int) ([]byte, bool){
			dhcp6.OptInterfaceID: c.InterfaceID, dhcp6.OptRemoteID: c.RemoteID, dhcp6.OptSubscriberID: c.SubscriberID, dhcp6.OptRelayID: c.RelayID,
		} {
			x, ok := find(r.Options, code)
			if y, also := view(i); ok != also || !bytes.Equal(x, y) {
				t.Fatalf("relay %d, option %d: % x, the views say % x", i, code, x, y)
			}
		}
	}
	for code := range uint16(256) {
		x, ok := m.get(code)
		if y, also := o.Get(c.Msg(), code); ok != also || !bytes.Equal(x, y) {
			t.Fatalf("option %d: % x, the views say % x", code, x, y)
		}
	}
	if m.asked != *o.Asked() || len(m.ias) != o.NumIAs() {
		t.Fatalf("asks for %x, %d IAs; the views say %x, %d", m.asked, len(m.ias), *o.Asked(), o.NumIAs())
	}
	for i, ia := range m.ias {
		v := o.IA(c.Msg(), i)
		if ia.code != v.Code || ia.id != v.ID || ia.t1 != v.T1 || ia.t2 != v.T2 {
			t.Fatalf("IA %d: %+v, the views say %+v", i, ia, v)
		}
		n := 0
		var l dhcp6.Lease
		for w := v.Leases(); w.Next(&l); n++ {
			if n == len(ia.leases) {
				break
			}
			if x := ia.leases[n]; x.addr != l.Addr || x.bits != l.Len || x.preferred != l.Preferred || x.valid != l.Valid {
				t.Fatalf("IA %d, lease %d: %+v, the views say %+v", i, n, x, l)
			}
		}
		if n != len(ia.leases) {
			t.Fatalf("IA %d: %d leases, the views say %d or more", i, len(ia.leases), n)
		}
	}
	return frame.OK
}

// bases6 are packets of every kind.
func bases6() [][]byte {
	full := request6(3, opt6(2, serverID6...), opt6(14), opt6(20), opt6(15, 0, 1, 'u'), opt6(16, 0, 0, 1, 55, 0, 2, 'v', 'w'), opt6(17, cat([]byte{0, 0, 1, 55}, opt6(1, 'x'))...),
		opt6(39, 1, 1, 'h'), opt6(13, 0, 0), opt6(11, make([]byte, 11)...), opt6(32, 0, 0, 0, 1), opt6(82, 0, 0, 0, 1), opt6(62, 1, 2, 3), iana(7, iaaddr("2001:db8::1"), opt6(13, 0, 0), iaaddr("2001:db8::2")),
		iata(1, iaaddr("2001:db8::3")), iapd(9, iaprefix("2001:db8::/56"), opt6(77, 1)))
	one := envelope6(0, relayA, clientLL, full, opt6(18, 'i'), opt6(37, 0, 0, 0, 9, 'r'), opt6(38, 's'), opt6(79, 0, 1, 2, 0xcc, 0, 0, 0, 9), opt6(135, 0, 0))
	two := envelope6(1, nowhere, relayA, one, opt6(53, 0, 3, 0, 1), opt6(66, opt6(65, 'x')...), opt6(43, 0, 18, 0, 37))
	many := full
	for i := range 32 {
		many = envelope6(byte(i), relayA, clientLL, many)
	}
	return [][]byte{request6(1), full, one, two, many, msg6(11, opt6(6, 0, 23, 0, 32)), msg6(14)}
}

// Each byte of each of them with each value, and each cut; each option's length one
// off, with the lengths around it left as they are.
func TestDecoders6Agree(t *testing.T) {
	var m message6
	reasons := map[frame.Reason]int{}
	for _, base := range bases6() {
		reasons[sameDecoding(t, &m, base)]++
		if testing.Short() {
			continue
		}
		for i := range base {
			b := bytes.Clone(base)
			for _, v := range []byte{0, 1, 2, 3, 4, 5, 9, 12, 13, 25, 26, 0x7f, 0x80, 0xff, base[i] - 1, base[i] + 1} {
				b[i] = v
				reasons[sameDecoding(t, &m, b)]++
			}
			reasons[sameDecoding(t, &m, base[:i])]++
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20000 {
		bases := bases6()
		b := bytes.Clone(bases[rnd.IntN(4)])
		for range 1 + rnd.IntN(3) {
			switch rnd.IntN(3) {
			case 0:
				b[rnd.IntN(len(b))] = byte(rnd.Uint32())
			case 1: // a small number where a code or length may be
				binary.BigEndian.PutUint16(b[rnd.IntN(len(b)-1):], uint16(rnd.IntN(140)))
			default:
				from, to := rnd.IntN(len(b)), rnd.IntN(len(b))
				copy(b[to:], b[from:min(len(b), from+rnd.IntN(60))])
			}
		}
		reasons[sameDecoding(t, &m, b)]++
	}
	for _, want := range []frame.Reason{frame.OK, frame.Truncated, frame.BadOption, frame.BadDUID, frame.BadRequest, frame.NoType, frame.FromServer} {
		if reasons[want] == 0 {
			t.Errorf("no packet was judged %v: %v", want, reasons)
		}
	}
}

// FuzzDecode6: both decoders make the same of every packet.
func FuzzDecode6(f *testing.F) {
	for _, b := range bases6() {
		f.Add(b)
	}
	var m message6
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) <= 0xffff { // what UDP can deliver
			sameDecoding(t, &m, b)
		}
	})
}
