// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"sync/atomic"
	"time"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
	"xdhcp/internal/wire/dhcp4"
	"xdhcp/internal/wire/eth"
)

// Handler is a worker.Handler. It belongs to one worker; the Server and the
// Policy pointer are shared by all.
type Handler struct {
	server *exchange.Server
	source *atomic.Pointer[policy.Policy]

	policy   *policy.Policy // in force for this batch
	large    bool           // it is (policy.Large)
	now      lease.Time
	pressure worker.Pressure
	ipID     uint16 // IPv4 identification of the next reply

	*parsed // of the frame at hand: one of the next ones, or alone
	alone   parsed
	ahead   lookAhead

	room    exchange.Room // of all queries
	answer  exchange.Answer
	headers eth.Headers4
	cache   cache
	six     six                 // DHCPv6
	echo    [2 * (2 + 255)]byte // options 61 and 82 of the request
}

var _ worker.Handler = (*Handler)(nil)

// New makes a handler that asks server and reads the policy in force from
// source, which must hold one before the first Begin.
func New(server *exchange.Server, source *atomic.Pointer[policy.Policy]) *Handler {
	h := &Handler{server: server, source: source}
	h.parsed = &h.alone
	furnish := func(q *exchange.Query) { q.Room, q.Unmerged = &h.room, true }
	furnish(&h.alone.query)
	for i := range h.ahead.parsed {
		furnish(&h.ahead.parsed[i].query)
	}
	h.cache.init()
	return h
}

// Begin opens a batch with the policy in force and the time.
func (h *Handler) Begin(now time.Time, p worker.Pressure) {
	if in := h.source.Load(); in != h.policy {
		h.policy = in
		h.large = in.Large()
		h.cache.reset()
		// The old policy must not be kept alive.
		for i := range h.ahead.parsed {
			h.ahead.parsed[i].query.Forget()
		}
	}
	h.now = lease.Time(now.Unix())
	h.pressure = p
	h.ahead.drop()
	h.six.begin()
}

// Handle decides on f and answers it in place. Unless the verdict is Reply or
// Await the frame is as it was.
func (h *Handler) Handle(f *frame.Frame, b *lease.Batch) (frame.Verdict, frame.Reason, lease.Ticket) {
	h.take(f)
	f.V6 = h.v6
	why := h.why
	if why == frame.OK {
		if h.v6 {
			return h.handle6(f, b)
		}
		why = h.shed()
	}
	if why != frame.OK {
		return verdict(why), why, 0
	}
	h.server.Decide4(h.policy, &h.query, h.now, b, &h.answer)
	if h.answer.Type == 0 {
		return verdict(h.answer.Reason), h.answer.Reason, 0
	}
	if why := h.encode(f); why != frame.OK {
		return verdict(why), why, 0
	}
	if h.answer.Wait != 0 {
		return frame.Await, frame.OK, h.answer.Wait
	}
	return frame.Reply, frame.OK, 0
}

// verdict is what becomes of a frame that is not answered here.
func verdict(why frame.Reason) frame.Verdict {
	switch why {
	case frame.PuntOverload, frame.PuntSplit, frame.PuntNoFit, frame.PuntOption,
		frame.PuntBootp, frame.PuntAddressing, frame.PuntClass, frame.PuntType:
		return frame.Punt
	}
	return frame.Drop
}

// shed drops messages under pressure before they cost anything: first those
// that begin an exchange, so that a client which was offered an address can
// still take it; then all that would wait for the journal.
func (h *Handler) shed() frame.Reason {
	switch h.pressure {
	case worker.ShedNew:
		if h.typ == dhcp4.Discover {
			return frame.Overloaded
		}
	case worker.ShedAll:
		if h.typ != dhcp4.Inform {
			return frame.Overloaded
		}
	}
	return frame.OK
}
