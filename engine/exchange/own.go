// SPDX-License-Identifier: Apache-2.0

package exchange

import (
	"bytes"

	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// Options and sub-options that answer a message in particular.
const (
	optVendorOptions = 43
	optUserClass     = 77  // RFC 3004, [MS-DHCPE] §2.2.6
	optRapidCommit   = 80  // RFC 4039
	optFQDN          = 81  // RFC 4702
	optUUID          = 97  // RFC 4578
	optVSS           = 221 // RFC 6607

	subRogueRequest = 94  // of option 43, [MS-DHCPE] §2.2.2.4
	subVSS          = 151 // of option 82, RFC 6607 §3.4
)

// Own is encoded options. A Query has room for one.
type Own struct {
	n    int
	buf  [1024]byte
	have [4]uint64
}

// Encoded are the options as they are sent: code, length, value, and so on.
func (o *Own) Encoded() []byte {
	if o == nil {
		return nil
	}
	return o.buf[:o.n]
}

// Has says whether an option is among them.
func (o *Own) Has(code uint8) bool { return o != nil && o.have[code>>6]>>(code&63)&1 != 0 }

// own adds an option to the answer's own ones. The value has at most 255 bytes.
func (d *decision) own(code uint8, value ...[]byte) {
	o := d.owned()
	n := 0
	for _, v := range value {
		n += len(v)
	}
	if n > 255 || o.n+2+n > len(o.buf) {
		return
	}
	o.have[code>>6] |= 1 << (code & 63)
	o.buf[o.n], o.buf[o.n+1] = code, uint8(n)
	o.n += 2
	for _, v := range value {
		o.n += copy(o.buf[o.n:], v)
	}
}

// ownBlock adds encoded options, as many whole ones as there is room for.
func (d *decision) ownBlock(block []byte) {
	for len(block) >= 2 {
		n := 2 + int(block[1])
		d.own(block[0], block[2:n])
		block = block[n:]
	}
}

func (d *decision) owned() *Own {
	if d.a.Own == nil {
		o := &d.q.own
		o.n, o.have = 0, [4]uint64{}
		d.a.Own = o
	}
	return d.a.Own
}

// machine sends the client's machine identifier back. RFC 4578 §2.3: "This option MUST
// be present in all DHCP and PXE packets sent by PXE-compliant clients and servers"; PXE
// 2.1 has it in a server's OFFER and ACK as it came. A client that sends it is taken for
// one that looks for it, whatever its option 60 says. Its likes, 93 and 94, are of what
// the client is, which a server has not: PXE 2.1 has them in no answer.
func (d *decision) machine() {
	if len(d.q.UUID) > 0 && d.a.Type != Bootp {
		d.own(optUUID, d.q.UUID)
	}
}

// hide leaves an option out of the answer.
func (d *decision) hide(code uint8) {
	o := d.owned()
	o.have[code>>6] |= 1 << (code & 63)
}

// names are what the client at addr is called, with the options that it would get.
func (d *decision) names(options *policy.OptionSet, addr lease.IP4) policy.Names {
	n := policy.Names{Asked: d.q.FQDN, Host: d.q.Client.Host, Addr: addr}
	// [MS-DHCPE] §3.2.5: a client identifier that begins with "RAS " is that of
	// a dial-in server, which asks for its client; option 81 MUST be ignored.
	if bytes.HasPrefix(d.q.Client.ClientID, []byte("RAS ")) {
		n.Asked = nil
	}
	if d.res != nil {
		n.Reserved, _ = options.Get(optHostName)
	}
	return n
}

// merged is the answer's options, whatever the codec wants to be told of them.
func (d *decision) merged() *policy.OptionSet {
	if d.a.Classes != nil {
		return d.p.ForClasses(d.a.Options, d.a.Classes)
	}
	return d.a.Options
}

// hostName answers option 12, unless option 81 has been answered.
func (d *decision) hostName(at *policy.Subnet) {
	if !d.p.EchoHostName {
		return
	}
	n := d.names(d.merged(), d.a.Yiaddr)
	switch name := at.FQDN.HostName(&n, &d.q.name); {
	case d.a.Own.Has(optFQDN):
		if n.Reserved != nil {
			d.hide(optHostName)
		}
	case name != nil:
		d.own(optHostName, name)
	}
}

// fqdn answers option 81.
func (d *decision) fqdn(at *policy.Subnet) {
	if len(d.q.FQDN) == 0 {
		return
	}
	n := d.names(d.merged(), d.a.Yiaddr)
	if v := at.FQDN.Answer(&n, &d.q.fqdn, &d.q.name); v != nil {
		d.own(optFQDN, v)
	}
}

// name makes the host name that the lease of addr keeps: for those who put it into the
// DNS (engine/ddns).
func (d *decision) name(at *policy.Subnet, options *policy.OptionSet, addr lease.IP4) {
	if !at.Records {
		return
	}
	if d.res != nil {
		options = d.p.ForClasses(d.res.Options(options), d.in)
	}
	n := d.names(options, addr)
	d.req.Client.Host = at.FQDN.Record(&n, &d.q.host, &d.q.name)
}
