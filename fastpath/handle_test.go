// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/worker"
)

// lease takes the client of mods through DISCOVER and REQUEST.
func (r *rig) lease(around packet, mods ...dhcpv4.Modifier) (offer, ack *reply) {
	r.t.Helper()
	offer = r.ask(around.frame(r.t, message(r.t, dhcpv4.MessageTypeDiscover, mods...).ToBytes()))
	if offer.typ() != dhcpv4.MessageTypeOffer || offer.verdict != frame.Reply {
		r.t.Fatalf("%v, %v to a DISCOVER", offer.verdict, offer.typ())
	}
	take := append(append([]dhcpv4.Modifier{}, mods...), option(50, offer.msg.YourIPAddr.To4()...), option(54, offer.option(54)...))
	ack = r.ask(around.frame(r.t, message(r.t, dhcpv4.MessageTypeRequest, take...).ToBytes()))
	if ack.typ() != dhcpv4.MessageTypeAck || !ack.msg.YourIPAddr.Equal(offer.msg.YourIPAddr) {
		r.t.Fatalf("%v of %v after an offer of %v", ack.typ(), ack.msg.YourIPAddr, offer.msg.YourIPAddr)
	}
	return offer, ack
}

// RFC 2131 §3.1: DISCOVER, OFFER, REQUEST, ACK; step 4: the ACK waits for the
// binding to be committed to persistent storage.
func TestLease(t *testing.T) {
	tagged, qinq := direct(), direct()
	tagged.tags, qinq.tags = []uint16{5<<13 | 100}, []uint16{200, 7}
	r82 := option(82, 1, 4, 0, 1, 0, 7, 2, 6, 2, 0xcc, 0, 0, 0, 9)
	for _, tt := range []struct {
		name      string
		around    packet
		mods      []dhcpv4.Modifier
		lo, hi    net.IP
		valid     uint32
		routers   net.IP
		unicastTo net.HardwareAddr
	}{
		{"direct", direct(), nil, net.IP{192, 0, 2, 100}, net.IP{192, 0, 2, 199}, 3600, net.IP{192, 0, 2, 254}, clientMAC},
		{"direct, broadcast", direct(), []dhcpv4.Modifier{flags(0x8000)}, net.IP{192, 0, 2, 100}, net.IP{192, 0, 2, 199}, 3600, net.IP{192, 0, 2, 254}, broadcastMAC[:]},
		{"802.1Q", tagged, nil, net.IP{192, 0, 2, 100}, net.IP{192, 0, 2, 199}, 3600, net.IP{192, 0, 2, 254}, clientMAC},
		{"QinQ", qinq, nil, net.IP{192, 0, 2, 100}, net.IP{192, 0, 2, 199}, 3600, net.IP{192, 0, 2, 254}, clientMAC},
		{"relayed", relayed(), []dhcpv4.Modifier{giaddr(relayIP), r82}, net.IP{10, 1, 1, 0}, net.IP{10, 1, 1, 255}, 600, net.IP{10, 1, 0, 1}, relayMAC},
		{"relayed, link selection (RFC 3527)", relayed(), []dhcpv4.Modifier{giaddr(relayIP), option(82, 5, 4, 10, 2, 0, 0)},
			net.IP{10, 2, 1, 0}, net.IP{10, 2, 1, 255}, 600, net.IP{10, 2, 0, 1}, relayMAC},
		{"reservation", direct(), []dhcpv4.Modifier{dhcpv4.WithHwAddr(net.HardwareAddr{2, 0xcc, 0, 0, 0, 0x77})},
			net.IP{192, 0, 2, 20}, net.IP{192, 0, 2, 20}, 3600, net.IP{192, 0, 2, 254}, net.HardwareAddr{2, 0xcc, 0, 0, 0, 0x77}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, spec())
			mods := append(tt.mods, option(55, 1, 3, 6, 15))
			offer, ack := r.lease(tt.around, mods...)
			for _, a := range []*reply{offer, ack} {
				y := a.msg.YourIPAddr.To4()
				if bytes.Compare(y, tt.lo) < 0 || bytes.Compare(y, tt.hi) > 0 {
					t.Errorf("%v gives %v", a.typ(), y)
				}
				if !bytes.Equal(a.option(51), u32(tt.valid)) || !bytes.Equal(a.option(3), tt.routers) || !bytes.Equal(a.option(54), server) {
					t.Errorf("%v: time %x, routers %x, server %x", a.typ(), a.option(51), a.option(3), a.option(54))
				}
				if !bytes.Equal(a.eth.DstMAC, tt.unicastTo) {
					t.Errorf("%v to %v, want %v", a.typ(), a.eth.DstMAC, tt.unicastTo)
				}
				if len(a.tags) != len(tt.around.tags) {
					t.Errorf("%v has %d tags", a.typ(), len(a.tags))
				}
			}
			if ack.verdict != frame.Await || r.batch.Len() != 1 {
				t.Errorf("the ACK is %v with %d changes", ack.verdict, r.batch.Len())
			}
		})
	}
}

// Zero allocation for every kind of message, together with the bytes that each
// gets: what checkAnswer says.
func TestHandleDoesNotAllocate(t *testing.T) {
	for name, in := range bases(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, spec())
			if v, why := r.try(in); v != frame.Reply && v != frame.Await {
				t.Fatalf("%v: %v", v, why)
			}
			now := start
			buf := make([]byte, 2048)
			if n := testing.AllocsPerRun(200, func() {
				now = now.Add(10 * time.Second) // so that each REQUEST is journaled
				r.batch.Reset()
				r.h.Begin(now, worker.Calm)
				f := frame.Frame{Data: buf[:copy(buf, in)]}
				if v, why, _ := r.h.Handle(&f, r.batch); v != frame.Reply && v != frame.Await {
					t.Fatalf("%v: %v", v, why)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// A base packet and one named mutation for everything that is not answered.
func TestNotAnswered(t *testing.T) {
	list := option(55, 1, 3)
	frameOf := func(p packet, typ dhcpv4.MessageType, mods ...dhcpv4.Modifier) []byte {
		return p.frame(t, message(t, typ, append([]dhcpv4.Modifier{list}, mods...)...).ToBytes())
	}
	discover := func(mods ...dhcpv4.Modifier) []byte { return frameOf(direct(), dhcpv4.MessageTypeDiscover, mods...) }
	request := func(mods ...dhcpv4.Modifier) []byte { return frameOf(direct(), dhcpv4.MessageTypeRequest, mods...) }
	set := func(at int, v ...byte) []byte {
		b := discover()
		copy(b[at:], v)
		return repair(b)
	}
	toPort := func(n uint16) []byte {
		p := direct()
		p.dport = n
		return frameOf(p, dhcpv4.MessageTypeDiscover)
	}
	from := func(ip net.IP) []byte {
		p := direct()
		p.from = ip
		return frameOf(p, dhcpv4.MessageTypeDiscover)
	}
	raw := func(options ...byte) []byte { // options as they are, without a PRL
		m := message(t, dhcpv4.MessageTypeDiscover)
		return direct().frame(t, append(m.ToBytes()[:240], options...))
	}
	withIPOptions := func() []byte {
		b := discover()
		b = append(b[:34:34], append([]byte{1, 1, 1, 0}, b[34:]...)...)
		b[14] = 0x46
		n := len(b) - 14
		b[16], b[17] = byte(n>>8), byte(n)
		return repair(b)
	}
	const bootp = 42
	for _, tt := range []struct {
		name string
		in   []byte
		v    frame.Verdict
		why  frame.Reason
	}{
		{"nothing", nil, frame.Drop, frame.Truncated},
		{"ARP", set(12, 8, 6), frame.Drop, frame.BadEther},
		{"UDP checksum", func() []byte { b := discover(); b[len(b)-1] ^= 1; return b }(), frame.Drop, frame.BadChecksum},
		{"IP options", withIPOptions(), frame.Punt, frame.PuntAddressing},
		{"a fragment", set(20, 0x20), frame.Drop, frame.Fragment},
		{"TCP", set(23, 6), frame.Drop, frame.NotDHCP},
		{"to the client port", toPort(68), frame.Drop, frame.NotDHCP},
		{"to another port", toPort(53), frame.Drop, frame.NotDHCP},
		{"from our own address", from(server), frame.Drop, frame.FromServer},
		{"BOOTREPLY", set(bootp, 2), frame.Drop, frame.FromServer},
		{"op 0", set(bootp, 0), frame.Drop, frame.BadBootp},
		{"hlen 17", set(bootp+2, 17), frame.Drop, frame.BadBootp},
		{"hops 18", set(bootp+3, 18), frame.Drop, frame.BadBootp},
		{"no cookie", set(bootp+236, 0), frame.Drop, frame.BadCookie},
		{"no options", raw(), frame.Punt, frame.PuntBootp},
		{"no type", raw(55, 1, 1, 255), frame.Punt, frame.PuntBootp},
		{"empty type", raw(53, 0, 255), frame.Drop, frame.BadOption},
		{"type 0", raw(53, 1, 0, 255), frame.Drop, frame.NoType},
		{"type OFFER", raw(53, 1, 2, 255), frame.Drop, frame.FromServer},
		{"type ACK", raw(53, 1, 5, 255), frame.Drop, frame.FromServer},
		{"type NAK", raw(53, 1, 6, 255), frame.Drop, frame.FromServer},
		{"type FORCERENEW", raw(53, 1, 9, 255), frame.Drop, frame.NoType},
		{"type LEASEQUERY", raw(53, 1, 10, 255), frame.Punt, frame.PuntType},
		{"type LEASEACTIVE", raw(53, 1, 13, 255), frame.Drop, frame.NoType},
		{"type 19", raw(53, 1, 19, 255), frame.Drop, frame.NoType},
		{"type 255", raw(53, 1, 255, 255), frame.Drop, frame.NoType},
		{"an option past the end", raw(53, 1, 1, 12, 9, 'h'), frame.Drop, frame.BadOption},
		{"option 50 of 3 bytes", raw(53, 1, 1, 50, 3, 1, 2, 3, 255), frame.Drop, frame.BadOption},
		{"option 82 that its sub-options overrun", raw(53, 1, 1, 82, 4, 1, 9, 0, 0, 255), frame.Drop, frame.BadOption},
		{"overload", raw(53, 1, 1, 52, 1, 1, 255), frame.Punt, frame.PuntOverload},
		{"split", raw(53, 1, 1, 43, 1, 1, 43, 1, 2, 255), frame.Punt, frame.PuntSplit},
		{"authentication", discover(option(90, make([]byte, 11)...)), frame.Punt, frame.PuntOption},
		{"subnet allocation", discover(option(220, 0)), frame.Punt, frame.PuntOption},
		{"an unassigned option", discover(option(190, 1)), frame.Punt, frame.PuntOption},
		{"a site's own option", discover(option(224, 1)), frame.Punt, frame.PuntOption},
		{"Microsoft's continuation", discover(option(250, 1)), frame.Punt, frame.PuntOption},
		{"a relay with our address", frameOf(relayed(), dhcpv4.MessageTypeDiscover, giaddr(server)), frame.Drop, frame.FromServer},
		{"a relay of nobody's subnet", frameOf(relayed(), dhcpv4.MessageTypeDiscover, giaddr(net.IP{10, 200, 0, 1})), frame.Drop, frame.NoSubnet},
		{"another server chosen", request(option(50, 192, 0, 2, 150), option(54, 192, 0, 2, 99)), frame.Drop, frame.OtherServer},
		{"a stranger reboots", request(option(50, 192, 0, 2, 150)), frame.Drop, frame.UnknownClient},
		{"neither address nor server", request(), frame.Drop, frame.BadRequest},
		{"RELEASE of nothing", frameOf(direct(), dhcpv4.MessageTypeRelease, ciaddr(net.IP{192, 0, 2, 150}), option(54, server...)), frame.Drop, frame.NotHolder},
		{"DECLINE of nothing", frameOf(direct(), dhcpv4.MessageTypeDecline, option(50, 192, 0, 2, 150), option(54, server...)), frame.Drop, frame.NotHolder},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, spec())
			_, v, why := r.handle(tt.in, 2048)
			if v != tt.v || why != tt.why {
				t.Fatalf("%v, %v; want %v, %v", v, why, tt.v, tt.why)
			}
			buf := make([]byte, 2048)
			f := frame.Frame{Data: buf[:copy(buf, tt.in)]}
			if n := testing.AllocsPerRun(20, func() { r.h.Handle(&f, r.batch) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// RELEASE and DECLINE have no answer, and their changes go into the batch.
func TestReleaseAndDecline(t *testing.T) {
	for typ, want := range map[dhcpv4.MessageType]frame.Reason{
		dhcpv4.MessageTypeRelease: frame.Released,
		dhcpv4.MessageTypeDecline: frame.Declined,
	} {
		r := newRig(t, spec())
		_, ack := r.lease(direct())
		y := ack.msg.YourIPAddr.To4()
		mods := []dhcpv4.Modifier{option(54, server...)}
		if typ == dhcpv4.MessageTypeRelease {
			mods = append(mods, ciaddr(y))
		} else {
			mods = append(mods, option(50, y...))
		}
		r.batch.Reset()
		_, v, why := r.handle(direct().frame(t, message(t, typ, mods...).ToBytes()), 2048)
		if v != frame.Drop || why != want || r.batch.Len() != 1 {
			t.Errorf("%v: %v, %v, %d changes", typ, v, why, r.batch.Len())
		}
	}
}

// Tags, the relay's sub-options and the rest of a Query, as exchange sees them.
func TestQuery(t *testing.T) {
	r := newRig(t, spec())
	around := relayed()
	around.tags = []uint16{7<<13 | 200, 5<<13 | 7}
	host := bytes.Repeat([]byte("h"), 100)
	in := around.frame(t, message(t, dhcpv4.MessageTypeRequest, giaddr(relayIP), ciaddr(net.IP{1, 2, 3, 4}), flags(0x8000),
		option(50, 10, 1, 1, 9), option(51, 0, 0, 2, 88), option(54, 192, 0, 2, 1), option(55, 1, 3), option(57, 5, 220),
		option(60, []byte("MSFT 5.0")...), option(61, 1, 2, 3), option(12, host...), option(118, 10, 1, 0, 0),
		option(43, 94, 0), option(77, 1, 'u'), option(80), option(81, 0, 0, 0), option(93, 0, 7), option(97, 0, 9), option(116, 1),
		option(124, 0, 0, 1, 55, 0), option(125, 0, 0, 1, 56, 0), option(221, 255),
		option(82, 1, 1, 9, 5, 4, 10, 2, 0, 0, 11, 4, 10, 1, 0, 1, 19, 0)).ToBytes())
	f := frame.Frame{Data: in}
	r.h.parse(&f)
	if why := r.h.why; why != frame.OK {
		t.Fatal(why)
	}
	r.h.ask(&f)
	q := &r.h.query
	if q.Type != exchange.Request || q.HType != 1 || q.Hops != 1 || q.Flags != 0x8000 || q.NTags != 2 || q.VLAN != [2]uint16{200, 7} ||
		q.Src != 0x0a010001 || q.Dst != 0xc0000201 || q.Ciaddr != 0x01020304 || q.Giaddr != 0x0a010001 ||
		!q.HasRequested || q.Requested != 0x0a010109 || !q.HasServerID || q.ServerID != 0xc0000201 || !q.HasTime || q.WantTime != 600 ||
		q.LinkSelection != 0x0a020000 || q.ServerOverride != 0x0a010001 || q.SubnetSelection != 0x0a010000 || q.MaxSize != 1500 || !r.h.relayPort {
		t.Errorf("query %+v", q)
	}
	c := &q.Client
	if !bytes.Equal(q.PRL, []byte{1, 3}) || string(q.VendorClass) != "MSFT 5.0" || !bytes.Equal(c.HW, clientMAC) || c.HType != 1 ||
		!bytes.Equal(c.ClientID, []byte{1, 2, 3}) || !bytes.Equal(c.Host, host[:lease.MaxHost]) || len(c.Relay) != 17 {
		t.Errorf("client %+v", c)
	}

	for name, got := range map[string][2][]byte{
		"43": {q.VendorOptions, {94, 0}}, "77": {q.UserClass, {1, 'u'}}, "81": {q.FQDN, {0, 0, 0}}, "93": {q.Arch, {0, 7}}, "97": {q.UUID, {0, 9}}, "116": {q.AutoConf, {1}},
		"124": {q.VendorIdent, {0, 0, 1, 55, 0}}, "125": {q.VendorInfo, {0, 0, 1, 56, 0}}, "221": {q.VSS, {255}},
	} {
		if !bytes.Equal(got[0], got[1]) {
			t.Errorf("option %s is %x, want %x", name, got[0], got[1])
		}
	}
	if !q.RapidCommit {
		t.Error("option 80 was not seen")
	}

	// The next message has none of this, and none of it may stay.
	f = frame.Frame{Data: direct().frame(t, message(t, dhcpv4.MessageTypeDiscover).ToBytes())}
	if r.h.parse(&f); r.h.why != frame.OK {
		t.Fatal(r.h.why)
	}
	r.h.ask(&f)
	if q.Type != exchange.Discover || q.Hops != 0 || q.Flags != 0 || q.NTags != 0 || q.VLAN != [2]uint16{} || q.Src != 0 || q.Dst != 0xffffffff ||
		q.Ciaddr != 0 || q.Giaddr != 0 || q.HasRequested || q.Requested != 0 || q.HasServerID || q.ServerID != 0 || q.HasTime || q.WantTime != 0 ||
		q.LinkSelection != 0 || q.ServerOverride != 0 || q.SubnetSelection != 0 || q.MaxSize != 0 || r.h.relayPort ||
		q.UserClass != nil || q.VendorIdent != nil || q.VendorInfo != nil || q.VendorOptions != nil || q.Arch != nil || q.FQDN != nil ||
		q.VSS != nil || q.AutoConf != nil || q.UUID != nil || q.RapidCommit || q.Options != nil ||
		q.PRL != nil || q.VendorClass != nil || c.ClientID != nil || c.Host != nil || c.Relay != nil {
		t.Errorf("query %+v", q)
	}
}

// DESIGN.md §4, worker: DISCOVER is shed first, then the rest.
func TestPressure(t *testing.T) {
	in := bases(t)
	for _, tt := range []struct {
		p    worker.Pressure
		name string
		shed bool
	}{
		{worker.Calm, "discover", false},
		{worker.ShedNew, "discover", true},
		{worker.ShedNew, "discover, relayed", true},
		{worker.ShedNew, "select", false},
		{worker.ShedNew, "renew", false},
		{worker.ShedAll, "discover", true},
		{worker.ShedAll, "select", true},
		{worker.ShedAll, "renew", true},
		{worker.ShedAll, "inform", false},
	} {
		r := newRig(t, spec())
		r.h.Begin(start, tt.p)
		_, v, why := r.handle(in[tt.name], 2048)
		if shed := v == frame.Drop && why == frame.Overloaded; shed != tt.shed {
			t.Errorf("%s under pressure %d: %v, %v", tt.name, tt.p, v, why)
		}
	}
}

// A port that the policy in force no longer has is not answered.
func TestUnknownPort(t *testing.T) {
	r := newRig(t, spec())
	f := frame.Frame{Data: bases(t)["discover"], Port: 1}
	if v, why, _ := r.h.Handle(&f, r.batch); v != frame.Drop || why != frame.NoSubnet {
		t.Errorf("%v, %v", v, why)
	}
}

// RFC 6864 §4: the identification of datagrams that may be fragmented differs.
func TestIdentification(t *testing.T) {
	r := newRig(t, spec())
	seen := map[uint16]bool{}
	for range 100 {
		a := r.ask(bases(t)["discover"])
		if seen[a.ip.Id] {
			t.Fatalf("identification %d twice", a.ip.Id)
		}
		seen[a.ip.Id] = true
	}
}
