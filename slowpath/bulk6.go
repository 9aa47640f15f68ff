// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"encoding/binary"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy6"
	"xdhcp/internal/wire/dhcp6"
	"xdhcp/internal/wire/eth"
)

// BulkDecider6 is the brain behind bulk leasequeries of DHCPv6: exchange6.Server.
type BulkDecider6 interface {
	Bulk(p *policy6.Policy, q *exchange6.Query, clock func() lease.Time, send func(*exchange6.Answer) bool) bool
}

// BulkCodec6 is the codec of bulk leasequery for DHCPv6 (RFC 5460): messages as they
// are framed on a TCP connection. It belongs to one goroutine.
type BulkCodec6 struct {
	server BulkDecider6
	codec  Codec6 // of which only what reads a message is used
	enc    encoder6
	buf    []byte
	sent   int // answers to the message that was taken last
}

// NewBulkCodec6 makes a codec around s.
func NewBulkCodec6(s BulkDecider6) *BulkCodec6 { return &BulkCodec6{server: s} }

// Answer answers the query msg. send is called with each answer, framed; it is valid
// during the call. When send returns false nothing more is sent. Answer returns false
// where msg is nothing that could be answered: the connection is of no use.
func (c *BulkCodec6) Answer(p *policy6.Policy, msg []byte, clock func() lease.Time, send func([]byte) bool) bool {
	c.sent = 0
	in := &c.codec.m
	if in.decode(msg) != frame.OK || len(in.relays) > 0 || uint8(in.msg.MsgType) != dhcp6.LeaseQuery {
		return false
	}
	if c.codec.query(&Meta6{}, &eth.Layers{}, nil) != frame.OK {
		return false
	}
	return c.server.Bulk(p, &c.codec.q, clock, func(a *exchange6.Answer) bool {
		c.sent++
		return send(c.encode(p, a))
	})
}

// Terminated is the answer that ends the stream of the query msg, which Answer has
// taken, before its time (RFC 5460 §7.4).
func (c *BulkCodec6) Terminated(p *policy6.Policy, text string) []byte {
	a := exchange6.Answer{Type: exchange6.LeaseQueryReply, Status: exchange6.Status{Set: true, Code: exchange6.QueryTerminated, Text: text}}
	if c.sent > 0 {
		a.Type = exchange6.LeaseQueryDone
	}
	return c.encode(p, &a)
}

// encode writes an answer and its size before it. RFC 5460 §5.2.1: "The Server-ID,
// Client-ID, and OPTION_STATUS_CODE options SHOULD NOT be included" in a LEASEQUERY-DATA;
// §5.2.2: of options a LEASEQUERY-DONE has a status at most.
func (c *BulkCodec6) encode(p *policy6.Policy, a *exchange6.Answer) []byte {
	e, in := &c.enc, &c.codec.m
	e.b = append(append(e.b[:0], a.Type), in.msg.TransactionID...)
	if a.Type == exchange6.LeaseQueryReply {
		if id, ok := in.get(dhcp6.OptClientID); ok {
			e.option(dhcp6.OptClientID, id)
		}
		e.option(dhcp6.OptServerID, p.ServerID)
	}
	e.status(&a.Status)
	e.b = append(e.b, a.Data.Encoded()...)
	c.buf = append(binary.BigEndian.AppendUint16(c.buf[:0], uint16(len(e.b))), e.b...)
	return c.buf
}
