// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	"xdhcp/engine/lease"
)

// A packetWithHeader is what the complete codec gives expressions.
type packetWithHeader struct {
	options map[uint8]string
	header  map[string]string
}

func (p packetWithHeader) Option(code uint8) ([]byte, bool) {
	v, ok := p.options[code]
	return []byte(v), ok
}

func (p packetWithHeader) Header(name string) []byte { return []byte(p.header[name]) }

func TestExpressionsOnHeadersAndTexts(t *testing.T) {
	f := Facts{
		Client: &lease.Client{HType: 1, HW: []byte{2, 0, 0, 0, 0, 1}}, Giaddr: ip("10.0.0.9"), Src: ip("10.0.0.8"), Dst: ip("10.0.0.7"),
		Packet: packetWithHeader{
			options: map[uint8]string{12: "a.b-c", 93: "\x00\x07", 23: "\xff", 50: "\xc0\x00\x02\x01"},
			header:  map[string]string{"ciaddr": "\x0a\x00\x00\x06", "xid": "\x00\x00\x00\x05"},
		},
	}
	for text, want := range map[string]bool{
		`header("ciaddr") == unhex("0a000006")`:                                  true,
		`header("xid") == long(5)`:                                               true,
		`header("src") + header("dst") == unhex("0a0000080a000007")`:             true,
		`dotted(header("giaddr")) == giaddr`:                                     true,
		`dotted(option(50)) == "192.0.2.1"`:                                      true,
		`dotted(option(12)) == "" or dotted(option(12)) != ""`:                   false, // five octets are no address
		`header("nosuch") == ""`:                                                 true,
		`part(option(12), ".-", 1) == "a"`:                                       true,
		`part(option(12), ".-", 2) == "b" and part(option(12), ".", 2) == "b-c"`: true,
		`part(option(12), ".-", 3) == "c" and part(option(12), ".-", 4) == ""`:   true,
		`part(option(12), ".-", 0) == "" and part("", ".", 1) == ""`:             true,
		`hexpairs(mac, ":") == "02:00:00:00:00:01"`:                              true,
		`decimal(number(option(93))) == "7"`:                                     true,
		`decimal(signed(option(23))) == "-1" and signed("") == 0`:                true,
		`signed(unhex("ffffffffffffffff00")) == -256`:                            true,
	} {
		p, err := compileExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := f.value(p); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	// A packet that has no header to show.
	f.Packet = struct{ Packet }{f.Packet}
	p, err := compileExpr(`header("ciaddr") == ""`)
	if err != nil || !f.value(p) {
		t.Error("a packet without a header has a ciaddr", err)
	}
}
