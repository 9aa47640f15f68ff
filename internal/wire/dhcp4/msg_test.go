// SPDX-License-Identifier: Apache-2.0

package dhcp4

import (
	"bytes"
	"encoding/binary"
	"net"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
)

// request is a client's message with these options (without END).
func request(options ...byte) Msg {
	m := make(Msg, OffOptions, 600)
	m[0], m[1], m[2], m[3] = 1, 1, 6, 2
	binary.BigEndian.PutUint32(m[4:], 0xdeadbeef)
	binary.BigEndian.PutUint16(m[8:], 7)
	binary.BigEndian.PutUint16(m[10:], 0x8000)
	for i := range 16 { // ciaddr, yiaddr, siaddr, giaddr
		m[12+i] = byte(10 + i)
	}
	copy(m[28:], []byte{2, 3, 4, 5, 6, 7})
	copy(m[44:], "server")
	copy(m[108:], "file")
	copy(m[236:], []byte{99, 130, 83, 99})
	return append(m, options...)
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mutate func(m Msg) Msg
		want   frame.Reason
	}{
		{"base", func(m Msg) Msg { return m }, frame.OK},
		{"no options at all", func(m Msg) Msg { return m[:240] }, frame.OK},
		{"cookie cut", func(m Msg) Msg { return m[:239] }, frame.Truncated},
		{"empty", func(m Msg) Msg { return nil }, frame.Truncated},
		{"op 0", func(m Msg) Msg { m[0] = 0; return m }, frame.BadBootp},
		{"op 2, a server's", func(m Msg) Msg { m[0] = 2; return m }, frame.FromServer},
		{"op 3", func(m Msg) Msg { m[0] = 3; return m }, frame.BadBootp},
		{"hlen 0", func(m Msg) Msg { m[2] = 0; return m }, frame.OK},
		{"hlen 16", func(m Msg) Msg { m[2] = 16; return m }, frame.OK},
		{"hlen 17", func(m Msg) Msg { m[2] = 17; return m }, frame.BadBootp},
		{"hlen 255", func(m Msg) Msg { m[2] = 255; return m }, frame.BadBootp},
		{"hops 17", func(m Msg) Msg { m[3] = 17; return m }, frame.OK},
		{"hops 18", func(m Msg) Msg { m[3] = 18; return m }, frame.BadBootp},
		{"no cookie", func(m Msg) Msg { m[239] = 0; return m }, frame.BadCookie},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Check(tt.mutate(request(53, 1, 1, 255))); got != tt.want {
				t.Errorf("Check = %v, want %v", got, tt.want)
			}
		})
	}
}

func ip4(b net.IP) uint32 { return binary.BigEndian.Uint32(b.To4()) }

// Accessors against gopacket's reading of the same bytes.
func TestAccessors(t *testing.T) {
	m := request(255)
	var g layers.DHCPv4
	if err := g.DecodeFromBytes(m, gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if m.Op() != uint8(g.Operation) || m.HType() != uint8(g.HardwareType) || m.HLen() != g.HardwareLen ||
		m.Hops() != g.HardwareOpts || m.XID() != g.Xid || m.Secs() != g.Secs || m.Flags() != g.Flags {
		t.Errorf("header differs from %+v", g)
	}
	if m.Ciaddr() != ip4(g.ClientIP) || m.Yiaddr() != ip4(g.YourClientIP) || m.Siaddr() != ip4(g.NextServerIP) || m.Giaddr() != ip4(g.RelayAgentIP) {
		t.Errorf("addresses differ from %+v", g)
	}
	if !bytes.Equal(m.Chaddr(), g.ClientHWAddr) || !bytes.Equal(m.SName(), g.ServerName) || !bytes.Equal(m.File(), g.File) {
		t.Errorf("fields differ from %+v", g)
	}
	if cap(m.Chaddr()) != 6 || cap(m.SName()) != 64 || cap(m.File()) != 128 {
		t.Error("a field's view reaches into the next field")
	}
}

func TestSetters(t *testing.T) {
	m := request(255)
	m.SetOp(BootReply)
	m.SetHops(0)
	m.SetSecs(0x1234)
	m.SetFlags(0x4321)
	m.SetCiaddr(0x01020304)
	m.SetYiaddr(0x05060708)
	m.SetSiaddr(0x090a0b0c)
	m.SetGiaddr(0x0d0e0f10)
	m.SetSName([]byte("next"))
	m.SetFile(bytes.Repeat([]byte("x"), 200))
	var g layers.DHCPv4
	if err := g.DecodeFromBytes(m, gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	want := append(append([]byte("next"), make([]byte, 60)...), append(bytes.Repeat([]byte("x"), 127), 0)...)
	if got := append(append([]byte{}, g.ServerName...), g.File...); !bytes.Equal(got, want) {
		t.Errorf("sname, file = %q", got)
	}
	if g.Operation != layers.DHCPOpReply || g.HardwareOpts != 0 || g.Secs != 0x1234 || g.Flags != 0x4321 || g.Xid != 0xdeadbeef ||
		g.ClientIP.String() != "1.2.3.4" || g.YourClientIP.String() != "5.6.7.8" ||
		g.NextServerIP.String() != "9.10.11.12" || g.RelayAgentIP.String() != "13.14.15.16" {
		t.Errorf("decoded %+v", g)
	}
	m.SetHardware(6, []byte{9, 8, 7, 6, 5, 4, 3, 2})
	if err := g.DecodeFromBytes(m, gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if g.HardwareType != 6 || g.HardwareLen != 8 || !bytes.Equal(g.ClientHWAddr, []byte{9, 8, 7, 6, 5, 4, 3, 2}) || !bytes.Equal(m[36:44], make([]byte, 8)) {
		t.Errorf("hardware address: %+v, then %x", g, m[36:44])
	}
	m.ClearNames()
	if !bytes.Equal(m[44:236], make([]byte, 192)) || m.Giaddr() != 0x0d0e0f10 || Check(m) != frame.FromServer {
		t.Error("ClearNames")
	}
}
