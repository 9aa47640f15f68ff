// SPDX-License-Identifier: Apache-2.0

package slowpath

import (
	"bytes"
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
	Bulk(p *policy6.Policy, q *exchange6.Query, clock func() lease.Time, send func(*exchange6.Answer) bool)
}

// BulkCodec6 is the codec of bulk leasequery (RFC 5460): messages as they are framed
// on a TCP connection. It belongs to one goroutine.
type BulkCodec6 struct {
	server BulkDecider6
	c      Codec6
	begun  bool // answers to the message were made
	buf    []byte
}

// NewBulkCodec6 makes a codec around s.
func NewBulkCodec6(s BulkDecider6) *BulkCodec6 { return &BulkCodec6{server: s} }

// Answer answers the query msg. send is called with each answer, framed; it is valid
// during the call. When send returns false nothing more is sent. Answer returns false
// where msg is not a query that could be answered: the connection is of no use.
func (b *BulkCodec6) Answer(p *policy6.Policy, msg []byte, clock func() lease.Time, send func([]byte) bool) bool {
	b.begun = false
	if p == nil || len(msg) < 4 || msg[0] != dhcp6.LeaseQuery {
		return false
	}
	give := func(a *exchange6.Answer) bool {
		framed := b.encode(p, a)
		b.begun = true
		return send(framed)
	}
	why := b.c.m.decode(msg)
	if why == frame.OK {
		why = b.c.query(&Meta6{}, &eth.Layers{}, nil)
	}
	q := &b.c.q
	// RFC 5007 §4.2.1 has such messages discarded; here somebody waits.
	switch {
	case why != frame.OK:
		exchange6.RefuseBulk(&b.c.a, false, exchange6.MalformedQuery, why.Sentence())
		give(&b.c.a)
		return true
	case len(q.Client.DUID) == 0 || q.LeaseQuery == nil:
		exchange6.RefuseBulk(&b.c.a, false, exchange6.MalformedQuery, "no client identifier, or no query")
		give(&b.c.a)
		return true
	case q.HasServerID && !bytes.Equal(q.ServerID, p.ServerID):
		exchange6.RefuseBulk(&b.c.a, false, exchange6.NotAllowed, "this is another server")
		give(&b.c.a)
		return true
	}
	b.server.Bulk(p, q, clock, give)
	return true
}

// Terminated is the answer that ends the answers to the last query before their time
// (RFC 5460 §5.5).
func (b *BulkCodec6) Terminated(p *policy6.Policy, text string) []byte {
	exchange6.RefuseBulk(&b.c.a, b.begun, exchange6.QueryTerminated, text)
	return b.encode(p, &b.c.a)
}

// encode writes an answer and its size before it.
func (b *BulkCodec6) encode(p *policy6.Policy, a *exchange6.Answer) []byte {
	e := &b.c.enc
	e.message(p, &b.c.m, &b.c.q, a, MaxBulk)
	b.buf = binary.BigEndian.AppendUint16(b.buf[:0], uint16(len(e.b)))
	b.buf = append(b.buf, e.b...)
	return b.buf
}
