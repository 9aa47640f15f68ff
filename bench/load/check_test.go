// SPDX-License-Identifier: Apache-2.0

package load

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// reply is an answer of the stub that a fault is to be put into.
type reply struct {
	f       *frame.Frame
	msg     dhcp4.Msg
	headers eth.Headers4
	raw     bool // keep the frame as the fault has left it
}

// faulty answers as the stub does, but for a fault in each message of a type;
// 0 means all of them.
func faulty(typ uint8, fault func(*reply)) func(*frame.Frame) bool {
	s := newStub()
	return func(f *frame.Frame) bool {
		if !s.Answer(f) {
			return false
		}
		var l eth.Layers
		if why := eth.Parse(f.Data, &l); why != frame.OK {
			panic(why)
		}
		ip, udp := eth.IPv4(f.Data[l.L3:]), eth.UDP(f.Data[l.L4:])
		r := &reply{f: f, msg: dhcp4.Msg(f.Data[l.Payload:l.End]), headers: eth.Headers4{
			Src: ip.Src(), Dst: ip.Dst(), SrcPort: udp.SrcPort(), DstPort: udp.DstPort(), TTL: 64,
			DstMAC: MAC(eth.DstMAC(f.Data)), SrcMAC: MAC(eth.SrcMAC(f.Data)),
		}}
		if typ == 0 || r.option(dhcp4.OptMessageType)[0] == typ {
			fault(r)
		}
		if !r.raw {
			eth.BuildUDP4(f.Data, &l, &r.headers, len(r.msg))
		}
		return true
	}
}

// option is the data of an option, to be changed in place.
func (r *reply) option(code uint8) []byte {
	for i := dhcp4.OffOptions; i < len(r.msg) && r.msg[i] != dhcp4.OptEnd; i += 2 + int(r.msg[i+1]) {
		if r.msg[i] == code {
			return r.msg[i+2 : i+2+int(r.msg[i+1])]
		}
	}
	panic("the stub sends no such option")
}

// header is an option's code and length.
func (r *reply) header(code uint8) []byte {
	d := r.option(code)
	for i := range r.msg {
		if &r.msg[i] == &d[0] {
			return r.msg[i-2 : i]
		}
	}
	panic("not there")
}

// rename makes an option one that nobody knows (site-specific, RFC 3942).
func (r *reply) rename(code uint8) { r.header(code)[0] = 224 }

func TestEachKindOfWrongAnswer(t *testing.T) {
	direct := Config{Clients: 10}
	vlan := Config{Clients: 10, Tags: []Tag{{First: 100}}}
	const cookie = dhcp4.OffOptions - 4
	for _, tc := range []struct {
		name  string
		cfg   Config
		typ   uint8
		fault func(*reply)
		want  Wrong
	}{
		{"a request for an answer", relayed(10), 0, func(r *reply) { r.msg.SetOp(1) }, Unreadable},
		{"no cookie", relayed(10), 0, func(r *reply) { r.msg[cookie]++ }, Unreadable},
		{"hardware address of another length", relayed(10), 0, func(r *reply) { r.msg[2] = 16 }, Unreadable},
		{"an option that runs past the end", relayed(10), 0, func(r *reply) { r.msg[dhcp4.OffOptions+1] = 255 }, Unreadable},
		{"a lease time of three bytes", relayed(10), 0, func(r *reply) {
			d := r.option(dhcp4.OptLeaseTime)
			d[3] = dhcp4.OptPad
			r.header(dhcp4.OptLeaseTime)[1] = 3
		}, Unreadable},
		{"a UDP checksum that is wrong", relayed(10), 0, func(r *reply) { r.raw = true; r.f.Data[len(r.f.Data)-1] ^= 1 }, Unreadable},
		{"an IP checksum that is wrong", relayed(10), 0, func(r *reply) { r.raw = true; r.f.Data[24] ^= 1 }, Unreadable},

		{"somebody else's hardware address", relayed(10), 0, func(r *reply) { r.msg.Chaddr()[0] = 4 }, Foreign},
		{"the hardware address after the last", relayed(10), 0, func(r *reply) { r.msg.Chaddr()[5] = 10 }, Foreign},

		{"another client's transaction", relayed(10), 0, func(r *reply) {
			x := newXIDs(10)
			client, count := x.split(r.msg.XID())
			r.setXID(x.make((client+1)%10, count))
		}, WrongXID},

		{"an ACK for a DISCOVER", relayed(10), dhcp4.Offer, func(r *reply) { r.option(dhcp4.OptMessageType)[0] = dhcp4.Ack }, WrongType},
		{"a NAK for a DISCOVER", relayed(10), dhcp4.Offer, func(r *reply) { r.option(dhcp4.OptMessageType)[0] = dhcp4.Nak }, WrongType},
		{"a client's message", relayed(10), 0, func(r *reply) { r.option(dhcp4.OptMessageType)[0] = dhcp4.Request }, WrongType},

		{"to another relay", relayed(10), 0, func(r *reply) { r.headers.Dst++ }, WrongPlace},
		{"to a relay's client port", relayed(10), 0, func(r *reply) { r.headers.DstPort = 68 }, WrongPlace},
		{"to another machine", relayed(10), 0, func(r *reply) { r.headers.DstMAC[5]++ }, WrongPlace},
		{"to another address than it gives", direct, 0, func(r *reply) { r.headers.Dst++ }, WrongPlace},
		{"to another client's hardware address", direct, 0, func(r *reply) { r.headers.DstMAC[5]++ }, WrongPlace},
		{"to a server's port", direct, 0, func(r *reply) { r.headers.DstPort = 67 }, WrongPlace},
		{"unicast though the flag asks for broadcast", Config{Clients: 10, Broadcast: true}, 0, func(r *reply) {
			r.headers.Dst, r.headers.DstMAC = r.msg.Yiaddr(), MAC(r.msg.Chaddr())
		}, WrongPlace},
		{"in another VLAN", vlan, 0, func(r *reply) { r.f.Data[15]++ }, WrongPlace},

		{"another giaddr", relayed(10), 0, func(r *reply) { r.msg.SetGiaddr(r.msg.Giaddr() + 1) }, WrongRelay},
		{"another circuit", relayed(10), 0, func(r *reply) { r.option(dhcp4.OptRelay)[10]++ }, WrongRelay},
		{"no option 82", relayed(10), 0, func(r *reply) { r.rename(dhcp4.OptRelay) }, WrongRelay},
		{"a giaddr for a client without a relay", direct, 0, func(r *reply) { r.msg.SetGiaddr(u32(relayIP)) }, WrongRelay},

		{"no message type", relayed(10), 0, func(r *reply) { r.rename(dhcp4.OptMessageType) }, MissingOption},
		{"no server identifier", relayed(10), 0, func(r *reply) { r.rename(dhcp4.OptServerID) }, MissingOption},
		{"no lease time", relayed(10), 0, func(r *reply) { r.rename(dhcp4.OptLeaseTime) }, MissingOption},
		{"a required option is not there", Config{Clients: 10, Require: []uint8{dhcp4.OptDNS}}, 0, func(*reply) {}, MissingOption},

		{"another server acknowledges", relayed(10), dhcp4.Ack, func(r *reply) { r.option(dhcp4.OptServerID)[3]++ }, WrongServer},
		{"a server that is not known", Config{Clients: 10, ServerIDs: []netip.Addr{relayIP}}, 0, func(*reply) {}, WrongServer},

		{"another address than the one asked for", relayed(10), dhcp4.Ack, func(r *reply) { r.msg.SetYiaddr(r.msg.Yiaddr() + 100) }, WrongAddress},
		{"no address", relayed(10), dhcp4.Offer, func(r *reply) { r.msg.SetYiaddr(0) }, WrongAddress},
		{"an address outside the pools", Config{Clients: 10, Pools: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}, 0, func(*reply) {}, WrongAddress},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g, err := New(tc.cfg, newMemory(faulty(tc.typ, tc.fault)))
			if err != nil {
				t.Fatal(err)
			}
			virtual(g)
			r, err := g.Run(context.Background(), Load{Window: 10, Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			if r.Wrong[tc.want.String()] != 10 || len(r.Wrong) != 1 || sum(r.Done) != 0 || r.DropRatio != 1 || g.Bound() != 0 {
				t.Errorf("wrong %v, done %v, %d bound", r.Wrong, r.Done, g.Bound())
			}
		})
	}
}

func (r *reply) setXID(x uint32) { binary.BigEndian.PutUint32(r.msg[4:], x) }
