// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
)

// stride is how many frames are parsed ahead: enough that their waits for memory
// overlap, and few enough that all of it stays in the first-level cache.
const stride = 16

// lookAhead is what is known of the next frames of a batch.
//
// With a million leases a message costs less work than waiting for its client's
// record, which is in no cache. Frames whose order is announced are therefore
// parsed some at a time, and the lease table is told about each, so that it has
// their records fetched while the others are parsed (lease.Table.Expect). It is
// a hint and nothing else: verdicts and replies are the same without it.
type lookAhead struct {
	frames  []frame.Frame // announced and not parsed
	parsed  [stride]parsed
	hints   [stride]lease.Hint
	n, next int                       // of parsed: how many, and which comes next
	nobody  lease.Client              // for a look at an address alone
	id      [policy.IdentityRoom]byte // room for a client's identity
}

func (l *lookAhead) drop() { l.frames, l.n, l.next = nil, 0, 0 }

// Prepare announces the frames of a batch, in the order in which Handle will be
// called for them. It is called after Begin. The frames stay where they are, as
// they are, until their turn.
func (h *Handler) Prepare(fs []frame.Frame) {
	h.ahead.drop()
	h.ahead.frames = fs
}

// take makes h.parsed what f is.
func (h *Handler) take(f *frame.Frame) {
	l := &h.ahead
	if l.next == l.n && len(l.frames) > 0 {
		h.look()
	}
	if l.next < l.n {
		h.parsed = &l.parsed[l.next]
		l.next++
		if len(f.Data) == h.size && h.size > 0 && &f.Data[0] == h.at {
			return
		}
		l.drop() // other frames than were announced
	}
	h.parsed = &h.alone
	h.parse(f)
}

// look parses the next frames and tells the lease table about their clients.
func (h *Handler) look() {
	l, table := &h.ahead, h.server.Table
	fs := l.frames[:min(len(l.frames), stride)]
	l.frames = l.frames[len(fs):]
	hints := l.hints[:0]
	for i := range fs {
		h.parsed = &l.parsed[i]
		h.parse(&fs[i])
		switch {
		case h.why != frame.OK:
		case h.v6:
			if shed6(h.pressure, h.parsed.six.msg.Type()) == frame.OK {
				h.six.expect(&fs[i], h.parsed)
			}
		case h.shed() != frame.OK:
		case h.names() != 0:
			table.Expect(0, &l.nobody, h.names())
		default:
			if scope, ok := h.scope(); ok {
				hints = append(hints, table.Expect(scope, &h.query.Client, 0))
			}
		}
	}
	for _, hint := range hints {
		table.Fetch(hint)
	}
	h.six.fetch()
	l.n, l.next = len(fs), 0
}

// names is the address that the message is about, if it says so: in option 50
// or in ciaddr. The table finds it without knowing the client.
func (h *Handler) names() lease.IP4 {
	if q := &h.query; q.Requested != 0 {
		return q.Requested
	}
	return h.query.Ciaddr
}

// scope is where exchange will look for the client, who is identified.
func (h *Handler) scope() (lease.ScopeID, bool) {
	q := &h.query
	h.policy.Identity.Identify(&q.Client, h.ahead.id[:])
	s := h.policy.Select(&policy.Selector{
		Port: q.Port, NTags: q.NTags, VLAN: q.VLAN,
		LinkSelection: q.LinkSelection, SubnetSelection: q.SubnetSelection, Giaddr: q.Giaddr,
	})
	if s == nil {
		return 0, false
	}
	if s.Identity != h.policy.Identity {
		s.Identity.Identify(&q.Client, h.ahead.id[:])
	}
	return s.Scope, true
}
