// SPDX-License-Identifier: Apache-2.0

package dhcp6

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/insomniacslk/dhcp/dhcpv6"
	hwtypes "github.com/insomniacslk/dhcp/iana"

	"xdhcp/engine/frame"
)

// flat is a message's options as gopacket reads them.
func flat(b []byte) (*layers.DHCPv6, error) {
	var g layers.DHCPv6
	err := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
	return &g, err
}

// FuzzRead reads arbitrary packets beside two independent decoders.
func FuzzRead(f *testing.F) {
	for _, m := range corpus() {
		f.Add([]byte(m.m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4096 { // a frame; gopacket's lengths wrap beyond 65532
			return
		}
		before := bytes.Clone(b)
		var c Chain
		var o Options
		why := c.Unwrap(b)
		if why == frame.OK {
			compareRelays(t, b, &c)
			if why = CheckType(c.Msg()); why == frame.OK {
				why = o.Scan(c.Msg())
				compareMessage(t, c.Msg(), &o, why)
			}
			wrapAnything(t, &c)
		}
		if !bytes.Equal(before, b) {
			t.Fatal("the packet was written to")
		}
	})
}

// compareRelays holds an unwrapped chain against gopacket, level by level, and
// insomniacslk, which decodes all at once.
func compareRelays(t *testing.T, b []byte, c *Chain) {
	for i := range c.N() {
		g, err := flat(b)
		if err != nil || g.MsgType != layers.DHCPv6MsgTypeRelayForward {
			t.Fatalf("level %d: gopacket reads %v, %v", i, g, err)
		}
		link, peer := *c.LinkAddr(i), *c.PeerAddr(i)
		if g.HopCount != c.Hops(i) || !bytes.Equal(g.LinkAddr, link[:]) || !bytes.Equal(g.PeerAddr, peer[:]) {
			t.Fatalf("level %d: header %v", i, g)
		}
		want := map[uint16][]byte{}
		for _, x := range g.Options {
			want[uint16(x.Code)] = x.Data
		}
		for code, get := range map[uint16]func(int) ([]byte, bool){
			OptInterfaceID: c.InterfaceID, OptRemoteID: c.RemoteID, OptSubscriberID: c.SubscriberID, OptRelayID: c.RelayID,
		} {
			got, ok := get(i)
			if x, has := want[code]; ok != has || !bytes.Equal(got, x) {
				t.Fatalf("level %d, option %d: % x, %v; gopacket reads % x", i, code, got, ok, x)
			}
		}
		b = want[OptRelayMsg]
	}
	if !bytes.Equal(b, c.Msg()) {
		t.Fatalf("message % x, not % x", c.Msg(), b)
	}
}

func compareMessage(t *testing.T, m Msg, o *Options, why frame.Reason) {
	g, err := flat(m)
	if err != nil && (why == frame.OK || why == frame.BadRequest) {
		t.Fatalf("Scan says %v, gopacket %v", why, err)
	}
	if why != frame.OK {
		return
	}
	first := map[uint16][]byte{}
	asked := map[uint16]bool{}
	var ias [][]byte
	for _, x := range g.Options {
		code := uint16(x.Code)
		if _, again := first[code]; !again {
			first[code] = x.Data
		}
		switch code {
		case OptORO:
			for d := x.Data; len(d) >= 2; d = d[2:] {
				asked[binary.BigEndian.Uint16(d)] = true
			}
		case OptIANA, OptIATA, OptIAPD:
			ias = append(ias, x.Data)
		}
	}
	for code := range uint16(numOpts) {
		data, ok := o.Get(m, code)
		if x, has := first[code]; ok != has || !bytes.Equal(data, x) {
			t.Fatalf("option %d: % x, %v; gopacket reads % x", code, data, ok, x)
		}
		if o.Requested(code) != asked[code] {
			t.Fatalf("Requested(%d) = %v", code, o.Requested(code))
		}
	}
	if len(ias) != o.NumIAs() {
		t.Fatalf("%d IAs, gopacket reads %d", o.NumIAs(), len(ias))
	}
	i, err := dhcpv6.MessageFromBytes(m)
	if err != nil { // it judges options that a server does not act upon
		return
	}
	compareIAs(t, m, o, i)
}

func secs(v uint32) time.Duration { return time.Duration(v) * time.Second }

// compareIAs holds all IAs and leases against those that insomniacslk found.
func compareIAs(t *testing.T, m Msg, o *Options, i *dhcpv6.Message) {
	n := map[uint16]int{}
	for k := range o.NumIAs() {
		ia := o.IA(m, k)
		id := [4]byte(binary.BigEndian.AppendUint32(nil, ia.ID))
		at := n[ia.Code]
		n[ia.Code]++
		var addrs []*dhcpv6.OptIAAddress
		var prefixes []*dhcpv6.OptIAPrefix
		ok := false
		switch ia.Code {
		case OptIANA:
			x := i.Options.IANA()[at]
			ok, addrs = x.IaId == id && x.T1 == secs(ia.T1) && x.T2 == secs(ia.T2), x.Options.Addresses()
		case OptIATA:
			x := i.Options.IATA()[at]
			ok, addrs = x.IaId == id, x.Options.Addresses()
		case OptIAPD:
			x := i.Options.IAPD()[at]
			ok, prefixes = x.IaId == id && x.T1 == secs(ia.T1) && x.T2 == secs(ia.T2), x.Options.Prefixes()
		}
		if !ok {
			t.Fatalf("IA %+v differs", ia)
		}
		leases := 0
		var l Lease
		for w := ia.Leases(); w.Next(&l); leases++ {
			if ia.Code != OptIAPD {
				x := addrs[leases]
				ok = x.IPv6Addr.Equal(l.Addr[:]) && x.PreferredLifetime == secs(l.Preferred) && x.ValidLifetime == secs(l.Valid) && l.Len == 128
			} else {
				x := prefixes[leases]
				ok = x.PreferredLifetime == secs(l.Preferred) && x.ValidLifetime == secs(l.Valid)
				if l.Len > 0 { // it drops the prefix of ::/0
					ones, _ := x.Prefix.Mask.Size()
					ok = ok && ones == int(l.Len) && x.Prefix.IP.Equal(l.Addr[:])
				}
			}
			if !ok {
				t.Fatalf("lease %+v of IA %+v differs", l, ia)
			}
		}
		if leases != len(addrs)+len(prefixes) {
			t.Fatalf("%d leases, %d addresses and %d prefixes there", leases, len(addrs), len(prefixes))
		}
	}
}

// wrapAnything answers an accepted chain: gopacket must find the relays' headers
// and the reply in it.
func wrapAnything(t *testing.T, c *Chain) {
	reply := []byte{7, 1, 2, 3, 0, 14, 0, 0}
	at := c.Overhead()
	buf := bytes.Repeat([]byte{0xa5}, at+len(reply)+8)
	copy(buf[at:], reply)
	off, n, ok := c.Wrap(buf, at, len(reply))
	if !ok || off != 0 || n != at+len(reply) || !bytes.Equal(buf[n:], bytes.Repeat([]byte{0xa5}, 8)) {
		t.Fatalf("Wrap = %d, %d, %v", off, n, ok)
	}
	b := buf[:n]
	for i := range c.N() {
		g, err := flat(b)
		link, peer := *c.LinkAddr(i), *c.PeerAddr(i)
		if err != nil || g.MsgType != layers.DHCPv6MsgTypeRelayReply || g.HopCount != c.Hops(i) ||
			!bytes.Equal(g.LinkAddr, link[:]) || !bytes.Equal(g.PeerAddr, peer[:]) {
			t.Fatalf("level %d of the reply: %v, %v", i, g, err)
		}
		inner, ids := []byte(nil), 0
		for _, x := range g.Options {
			switch uint16(x.Code) {
			case OptRelayMsg:
				inner = x.Data
			case OptInterfaceID:
				ids++
				if want, ok := c.InterfaceID(i); !ok || !bytes.Equal(x.Data, want) {
					t.Fatalf("level %d: Interface-Id % x", i, x.Data)
				}
			}
		}
		if _, want := c.InterfaceID(i); want != (ids == 1) || ids > 1 {
			t.Fatalf("level %d: %d Interface-Ids", i, ids)
		}
		b = inner
	}
	if !bytes.Equal(b, reply) {
		t.Fatalf("the reply inside is % x", b)
	}
}

// script hands out the fuzzer's bytes.
type script []byte

func (s *script) byte() byte {
	if len(*s) == 0 {
		return 0
	}
	v := (*s)[0]
	*s = (*s)[1:]
	return v
}

func (s *script) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = s.byte()
	}
	return b
}

func (s *script) u32() uint32 { return binary.BigEndian.Uint32(s.bytes(4)) }

var scripts = []string{
	"\x02\x04duid\x00\x01\x03\x02addr", "\x05\x11\x22\x33\x44\x55\x66\x77\x88\x99",
	"\xff\xfe\xfd\xfc\xfb\xfa", "\x10\x20\x30\x40\x50\x60\x70\x80\x90\xa0\xb0\xc0\xd0\xe0\xf0",
}

// FuzzOthersMessages: messages that insomniacslk builds, behind relays that it
// adds, read here with the same content.
func FuzzOthersMessages(f *testing.F) {
	for _, s := range scripts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := script(raw)
		duid := &dhcpv6.DUIDEN{EnterpriseNumber: s.u32(), EnterpriseIdentifier: s.bytes(1 + int(s.byte())%124)}
		m, err := dhcpv6.NewMessage(dhcpv6.WithClientID(duid))
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(s.byte()) % 5 {
			id := [4]byte{3: byte(i)}
			var as, ps dhcpv6.Options
			for range int(s.byte()) % 4 {
				as.Add(&dhcpv6.OptIAAddress{IPv6Addr: s.bytes(16), PreferredLifetime: secs(s.u32()), ValidLifetime: secs(s.u32())})
				ps.Add(&dhcpv6.OptIAPrefix{PreferredLifetime: secs(s.u32()), ValidLifetime: secs(s.u32()),
					Prefix: &net.IPNet{IP: s.bytes(16), Mask: net.CIDRMask(int(s.byte())%129, 128)}})
			}
			m.AddOption(&dhcpv6.OptIANA{IaId: id, T1: secs(s.u32()), T2: secs(s.u32()), Options: dhcpv6.IdentityOptions{Options: as}})
			m.AddOption(&dhcpv6.OptIATA{IaId: id, Options: dhcpv6.IdentityOptions{Options: as}})
			m.AddOption(&dhcpv6.OptIAPD{IaId: id, T1: secs(s.u32()), T2: secs(s.u32()), Options: dhcpv6.PDOptions{Options: ps}})
		}
		oro := []dhcpv6.OptionCode{dhcpv6.OptionCode(s.byte()), dhcpv6.OptionCode(s.u32() >> 16)}
		m.AddOption(dhcpv6.OptRequestedOption(oro...))
		m.AddOption(dhcpv6.OptElapsedTime(time.Duration(s.byte()) * 10 * time.Millisecond))
		class := s.bytes(int(s.byte()))
		m.AddOption(&dhcpv6.OptVendorClass{EnterpriseNumber: 311, Data: [][]byte{class, {}}})
		m.AddOption(&dhcpv6.OptUserClass{UserClasses: [][]byte{class}})

		packet := dhcpv6.DHCPv6(m)
		var ids [][]byte
		var links []net.IP
		for range int(s.byte()) % 9 {
			link, id := net.IP(s.bytes(16)), s.bytes(int(s.byte())%40)
			r, err := dhcpv6.EncapsulateRelay(packet, dhcpv6.MessageTypeRelayForward, link, s.bytes(16))
			if err != nil {
				t.Fatal(err)
			}
			r.AddOption(dhcpv6.OptInterfaceID(id))
			r.AddOption(dhcpv6.OptClientLinkLayerAddress(hwtypes.HWTypeEthernet, net.HardwareAddr(id[:min(len(id), 6)])))
			if len(id) == 0 {
				r.Options.Del(dhcpv6.OptionClientLinkLayerAddr)
			}
			packet, ids, links = r, append(ids, id), append(links, link)
		}

		var c Chain
		var o Options
		b := packet.ToBytes()
		if why := c.Unwrap(b); why != frame.OK || c.N() != len(ids) {
			t.Fatalf("Unwrap: %v, %d levels of %d: % x", why, c.N(), len(ids), b)
		}
		compareRelays(t, b, &c)
		for i := range ids { // outermost first here, innermost first there
			got, _ := c.InterfaceID(c.N() - 1 - i)
			if link := *c.LinkAddr(c.N() - 1 - i); !bytes.Equal(got, ids[i]) || !links[i].Equal(link[:]) {
				t.Fatalf("relay %d: % x, % x", i, got, link)
			}
		}
		if len(ids) > 0 {
			_, hw, _ := c.LinkLayer()
			if !bytes.Equal(hw, ids[0][:min(len(ids[0]), 6)]) {
				t.Fatalf("link-layer address % x", hw)
			}
		}
		in := c.Msg()
		if why := CheckType(in); why != frame.OK {
			t.Fatal(why)
		}
		if why := o.Scan(in); why != frame.OK {
			t.Fatalf("Scan: %v of % x", why, in)
		}
		if why := o.Check(in, serverDUID); why != frame.OK {
			t.Fatal(why)
		}
		if id, _ := o.Get(in, OptClientID); !bytes.Equal(id, duid.ToBytes()) {
			t.Fatalf("client DUID % x", id)
		}
		for _, code := range oro {
			if code < numOpts && !o.Requested(uint16(code)) {
				t.Fatalf("option %d was requested", code)
			}
		}
		data, _ := o.Vendor(in, OptVendorClass, EnterpriseMS)
		if got, rest, _ := Tuples(data).Next(); !bytes.Equal(got, class) || len(rest) != 2 {
			t.Fatalf("vendor class % x", data)
		}
		compareIAs(t, in, &o, m)
	})
}

// FuzzWriter: replies written here, around which relay headers are put, read by
// insomniacslk with the same content.
func FuzzWriter(f *testing.F) {
	for _, s := range scripts {
		f.Add([]byte(s), 4000)
	}
	f.Add([]byte(scripts[1]), 100)
	f.Fuzz(func(t *testing.T, raw []byte, room int) {
		s := script(raw)
		room = max(0, min(room, 8000))
		request := msg(1, clientID)
		levels := int(s.byte()) % 5
		for i := range levels {
			request = relayed(byte(i), [16]byte(s.bytes(16)), [16]byte(s.bytes(16)), opt(18, s.bytes(int(s.byte())%20)...), opt(9, request...))
		}
		var c Chain
		if why := c.Unwrap(request); why != frame.OK {
			t.Fatal(why)
		}
		at := c.Overhead()
		buf := bytes.Repeat([]byte{0xa5}, at+room+16)
		w := NewMessage(buf[at:at+room], Reply, 0x010203)
		w.Put(OptServerID, serverDUID)
		type ia struct {
			code   uint16
			t1, t2 uint32
			leases []Lease
			status uint16
			text   string
		}
		var want []ia
		for i := range int(s.byte()) % 6 {
			x := ia{code: []uint16{3, 4, 25}[s.byte()%3], t1: s.u32(), t2: s.u32(), status: uint16(s.byte()) % 7, text: string(s.bytes(int(s.byte()) % 30))}
			m := w.OpenIA(x.code, uint32(i), 0, 0)
			for range int(s.byte()) % 4 {
				l := Lease{Addr: [16]byte(s.bytes(16)), Len: s.byte() % 129, Preferred: s.u32(), Valid: s.u32()}
				x.leases = append(x.leases, l)
				if x.code == OptIAPD {
					w.PutPrefix(l.Addr, l.Len, l.Preferred, l.Valid)
				} else {
					w.PutAddr(l.Addr, l.Preferred, l.Valid)
				}
			}
			w.PutStatus(x.status, x.text)
			w.Close(m)
			if x.code != OptIATA {
				w.SetTimes(m, x.t1, x.t2)
			}
			want = append(want, x)
		}
		n, ok := w.End()
		if !bytes.Equal(buf[at+room:], bytes.Repeat([]byte{0xa5}, 16)) {
			t.Fatal("written past the buffer")
		}
		if !ok {
			return
		}
		off, n, ok := c.Wrap(buf, at, n)
		if !ok {
			t.Fatal("Wrap")
		}
		d, err := dhcpv6.FromBytes(buf[off : off+n])
		if err != nil {
			t.Fatal(err)
		}
		if levels > 0 {
			for i, r := 0, d; r.IsRelay(); i++ {
				x := r.(*dhcpv6.RelayMessage)
				id, _ := c.InterfaceID(i)
				link, peer := *c.LinkAddr(i), *c.PeerAddr(i)
				if x.Type() != dhcpv6.MessageTypeRelayReply || x.HopCount != c.Hops(i) || !x.LinkAddr.Equal(link[:]) || !x.PeerAddr.Equal(peer[:]) ||
					!bytes.Equal(x.Options.InterfaceID(), id) {
					t.Fatalf("level %d: %v", i, x)
				}
				r = x.Options.RelayMessage()
			}
		}
		m, err := d.GetInnerMessage()
		if err != nil {
			t.Fatal(err)
		}
		if m.MessageType != dhcpv6.MessageTypeReply || m.TransactionID != [3]byte{1, 2, 3} || !bytes.Equal(m.Options.ServerID().ToBytes(), serverDUID) {
			t.Fatalf("read %v", m)
		}
		k := map[uint16]int{}
		for i, x := range want {
			at := k[x.code]
			k[x.code]++
			id := [4]byte{3: byte(i)}
			var got []dhcpv6.Option
			var status *dhcpv6.OptStatusCode
			ok := false
			switch x.code {
			case OptIANA:
				y := m.Options.IANA()[at]
				ok, got, status = y.IaId == id && y.T1 == secs(x.t1) && y.T2 == secs(x.t2), y.Options.Get(dhcpv6.OptionIAAddr), y.Options.Status()
			case OptIATA:
				y := m.Options.IATA()[at]
				ok, got, status = y.IaId == id, y.Options.Get(dhcpv6.OptionIAAddr), y.Options.Status()
			case OptIAPD:
				y := m.Options.IAPD()[at]
				ok, got, status = y.IaId == id && y.T1 == secs(x.t1) && y.T2 == secs(x.t2), y.Options.Get(dhcpv6.OptionIAPrefix), y.Options.Status()
			}
			if !ok || len(got) != len(x.leases) || uint16(status.StatusCode) != x.status || status.StatusMessage != x.text {
				t.Fatalf("IA %+v was read as %v", x, m)
			}
			for j, l := range x.leases {
				var wantData []byte
				if x.code == OptIAPD {
					wantData = slices.Concat(num(4, uint64(l.Preferred)), num(4, uint64(l.Valid)), []byte{l.Len}, l.Addr[:])
					if l.Len == 0 {
						wantData = append(wantData[:9], zero[:]...) // its encoder has no ::1/0
					}
				} else {
					wantData = slices.Concat(l.Addr[:], num(4, uint64(l.Preferred)), num(4, uint64(l.Valid)))
				}
				if !bytes.Equal(got[j].ToBytes(), wantData) {
					t.Fatalf("lease %+v was read as %v", l, got[j])
				}
			}
		}
	})
}
