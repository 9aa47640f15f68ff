// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/internal/wire/dhcp4"
)

// MaxBulk is the longest message of a bulk leasequery (RFC 6926 §6.1).
const MaxBulk = 1<<16 - 1

// lenBulkSize is the length of what stands before each message.
const lenBulkSize = 2

// BulkDecider is the brain behind bulk leasequeries: exchange.Server.
type BulkDecider interface {
	Bulk(p *policy.Policy, q *exchange.BulkQuery, server lease.IP4, clock func() lease.Time, send func(*exchange.Answer) bool)
}

// BulkCodec is the codec of bulk leasequery (RFC 6926): messages as they are
// framed on a TCP connection. It belongs to one goroutine.
type BulkCodec struct {
	server BulkDecider
	dec    decoder
	opts   options
	enc    encoder
	q      exchange.Query
	a      exchange.Answer
	buf    []byte
}

// NewBulkCodec makes a codec around s.
func NewBulkCodec(s BulkDecider) *BulkCodec {
	c := &BulkCodec{server: s, buf: make([]byte, lenBulkSize+MaxBulk)}
	c.dec.init()
	return c
}

// Answer answers the query msg in the name of server. send is called with each
// answer, framed; it is valid during the call. When send returns false nothing
// more is sent. Answer returns false where msg has not even a transaction that could
// be answered: the connection is of no use.
func (c *BulkCodec) Answer(p *policy.Policy, msg []byte, server lease.IP4, clock func() lease.Time, send func([]byte) bool) bool {
	m := dhcp4.Msg(msg)
	if len(m) < dhcp4.OffOptions || m.Op() != dhcp4.BootRequest {
		return false
	}
	give := func(a *exchange.Answer) bool { return send(c.encode(m, a)) }
	if why := c.dec.message(m, &c.opts); why != frame.OK {
		c.refuse(exchange.StatusMalformedQuery, why.Sentence(), server, give)
		return true
	}
	if c.opts.messageType() != exchange.BulkLeaseQuery {
		c.refuse(exchange.StatusNotAllowed, "only DHCPBULKLEASEQUERY is answered here", server, give)
		return true
	}
	o, q := &c.opts, &c.q
	q.Type, q.HType = exchange.BulkLeaseQuery, m.HType()
	q.Ciaddr = lease.IP4(m.Ciaddr())
	q.PRL, _ = o.get(dhcp4.OptParameterList)
	q.VSS, _ = o.get(dhcp4.OptVSS)
	q.Options = o
	q.Client = lease.Client{HType: q.HType, HW: m.Chaddr()}
	q.Client.ClientID, _ = o.get(dhcp4.OptClientID)
	q.Client.Relay, _ = o.get(dhcp4.OptRelay)
	query := exchange.BulkQuery{Query: q, Yiaddr: lease.IP4(m.Yiaddr()), Siaddr: lease.IP4(m.Siaddr())}
	c.server.Bulk(p, &query, server, clock, give)
	return true
}

// Terminated is the answer that ends the stream of the query msg, which Answer has
// taken, before its time (RFC 6926 §8.5).
func (c *BulkCodec) Terminated(msg []byte, text string) []byte {
	exchange.RefuseBulk(&c.q, &c.a, exchange.StatusQueryTerminated, text)
	return c.encode(msg, &c.a)
}

func (c *BulkCodec) refuse(status uint8, text string, server lease.IP4, give func(*exchange.Answer) bool) {
	exchange.RefuseBulk(&c.q, &c.a, status, text)
	c.a.ServerID = server
	give(&c.a)
}

// encode writes an answer to the query req and its size before it.
func (c *BulkCodec) encode(req dhcp4.Msg, a *exchange.Answer) []byte {
	m := dhcp4.Msg(c.buf[lenBulkSize:])
	copy(m, req[:dhcp4.OffOptions]) // xid, giaddr
	m.SetOp(dhcp4.BootReply)
	m.SetHops(0)
	m.SetSecs(0)
	m.SetFlags(0)
	m.SetCiaddr(uint32(a.Ciaddr))
	m.SetYiaddr(0)
	m.SetSiaddr(0)
	m.ClearNames()
	if e := a.Lease; e != nil {
		m.SetHardware(e.HType, e.HW)
	} else {
		m.SetHardware(0, nil)
	}
	binary.BigEndian.PutUint32(m[dhcp4.OffOptions-4:], dhcp4.Cookie)
	n, _ := c.enc.options(m, &c.q, a)
	binary.BigEndian.PutUint16(c.buf, uint16(n))
	return c.buf[:lenBulkSize+n]
}
