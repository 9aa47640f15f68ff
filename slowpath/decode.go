// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"xdhcp/engine/frame"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// decoder holds gopacket's layers for reuse. gopacket finds the structure; the
// lengths that it trusts are proved before (eth.Parse, dhcp4.Check: it wraps on
// hlen > 227).
type decoder struct {
	ip   layers.IPv4
	dhcp layers.DHCPv4

	ipParser   *gopacket.DecodingLayerParser
	dhcpParser *gopacket.DecodingLayerParser
	found      []gopacket.LayerType
	plain      []byte // a frame without its IP options
}

func (d *decoder) init() {
	d.ipParser = gopacket.NewDecodingLayerParser(layers.LayerTypeIPv4, &d.ip)
	d.dhcpParser = gopacket.NewDecodingLayerParser(layers.LayerTypeDHCPv4, &d.dhcp)
	// Each decodes one layer and leaves what it carries to others.
	d.ipParser.IgnoreUnsupported = true
	d.dhcpParser.IgnoreUnsupported = true
}

// frame finds the layers of an Ethernet frame. It returns the frame that l
// describes: b, or a copy of it without IP options.
func (d *decoder) frame(b []byte, l *eth.Layers) ([]byte, frame.Reason) {
	why := eth.Parse(b, l)
	if why == frame.PuntAddressing {
		if b, why = d.withoutIPOptions(b); why == frame.OK {
			why = eth.Parse(b, l)
		}
	}
	if why == frame.OK && l.V6 {
		why = frame.NotDHCP // of version 4
	}
	return b, why
}

// withoutIPOptions copies a frame whose IPv4 header has options (RFC 791 §3.1)
// and leaves them out, for they say nothing to a DHCP server: what is left has
// the form that eth.Parse judges. The UDP checksum does not cover them.
func (d *decoder) withoutIPOptions(b []byte) ([]byte, frame.Reason) {
	off, typ := network(b)
	if typ != eth.TypeIPv4 {
		return b, frame.NotDHCP // IPv6 with extension headers
	}
	if err := d.ipParser.DecodeLayers(b[off:], &d.found); err != nil {
		return b, frame.BadIP // malformed options
	}
	if d.ipParser.Truncated {
		return b, frame.Truncated
	}
	d.plain = append(d.plain[:0], b[:off+eth.LenIPv4]...)
	d.plain = append(d.plain, d.ip.Payload...)
	ip := eth.IPv4(d.plain[off:])
	ip[0] = 4<<4 | eth.LenIPv4/4
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	ip.SetChecksum()
	return d.plain, frame.OK
}

// network finds where the network layer of a frame begins, behind its VLAN
// tags, and its EtherType. eth.Parse must have walked the frame before.
func network(b []byte) (off int, typ uint16) {
	for off = eth.LenEther; ; off += eth.LenTag {
		typ = binary.BigEndian.Uint16(b[off-2:])
		if typ != eth.TypeVLAN && typ != eth.TypeQinQ && typ != eth.TypeQinQOld {
			return off, typ
		}
	}
}

// message decodes the DHCP message m into o.
func (d *decoder) message(m dhcp4.Msg, o *options) frame.Reason {
	if why := dhcp4.Check(m); why != frame.OK {
		return why
	}
	if err := d.dhcpParser.DecodeLayers(m, &d.found); err != nil {
		return frame.BadOption // Check has proved all else
	}
	return o.collect(m, d.dhcp.Options)
}
