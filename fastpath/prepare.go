// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"xdhcp/engine/frame"
)

// stride is how many frames are parsed ahead: enough that their waits for memory
// overlap, and few enough that all of it stays in the first-level cache.
const stride = 16

// lookAhead is what is known of the next frames of a batch.
//
// With a million leases, or thousands of subnets, a message costs less work than waiting
// for what concerns its client, which is in no cache. Frames whose order is announced are
// therefore looked at some at a time, one step for each of them before the next step
// (exchange.Server.Locate tells which), so that what a step needs was fetched while the
// step before it was done for the others. Verdicts and replies are the same without it.
type lookAhead struct {
	frames  []frame.Frame // announced and not parsed
	parsed  [stride]parsed
	n, next int // of parsed: how many, and which comes next

	// places in parsed of those that are worth it
	of [stride]uint8
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

// look parses the next frames and looks up what can be told without the leases.
func (h *Handler) look() {
	l, server := &h.ahead, h.server
	fs := l.frames[:min(len(l.frames), stride)]
	l.frames = l.frames[len(fs):]
	l.n, l.next = len(fs), 0
	of := l.of[:0]
	for i := range fs {
		h.parsed = &l.parsed[i]
		h.parse(&fs[i])
		switch {
		case h.why != frame.OK:
		case h.v6:
			if shed6(h.pressure, h.parsed.six.msg.Type()) == frame.OK {
				h.six.expect(&fs[i], h.parsed)
			}
		case h.shed() == frame.OK:
			if h.large {
				server.Locate(h.policy, &h.query)
			} else {
				server.Glance(h.policy, &h.query)
			}
			of = append(of, uint8(i))
		}
	}
	h.six.fetch()
	if !h.large {
		for _, at := range of {
			server.Fetch(&l.parsed[at].query)
		}
		return
	}
	for _, at := range of {
		server.Expect(&l.parsed[at].query)
	}
	for _, at := range of {
		server.Seek(&l.parsed[at].query)
	}
	for _, at := range of {
		p := &l.parsed[at]
		var ask ask
		if ask.set, ask.classes = server.Recognize(h.policy, &p.query); ask.set != nil {
			ask.prl = p.query.PRL
			p.hash, p.hashOf = h.cache.hash(&ask), ask.set.ID()
			h.cache.expect(p.hash)
		}
	}
	for _, at := range of {
		if p := &l.parsed[at]; p.hashOf != 0 {
			h.cache.fetch(p.hash)
		}
	}
}
