// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/exchange"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/policy"
	"xdhcp/engine/worker"
	"xdhcp/fastpath"
	"xdhcp/slowpath"
)

// chunk is the room that a frame has in the UMEM behind the kernel's headroom.
const chunk = 2048 - 256

// begin is when the tests begin.
var begin = time.Unix(1_700_000_000, 0)

// A world is a server with what it remembers. In the first world of a pair the
// fast path sees each frame and the slow path what it punts; in the second there
// is only the slow path.
type world struct {
	table *lease.Table
	fast  *fastpath.Handler
	slow  *slowpath.Codec
	lanes [2]*lease.Batch // of the fast path and of the slow path
	reply slowpath.Reply
	step  uint64 // the batches of this number are not yet durable

	announce bool // whether the last message was announced to the fast path
}

func newWorld(t testing.TB, p *policy.Policy) *world {
	t.Helper()
	w := &world{step: 1, lanes: [2]*lease.Batch{lease.NewBatch(1), lease.NewBatch(2)}}
	table, err := lease.New(lease.Options{
		Shards: 1, Seed: 1,
		Durable: func(t lease.Ticket) bool { return t.Number() < w.step },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	var source atomic.Pointer[policy.Policy]
	source.Store(p)
	server := &exchange.Server{Table: table}
	w.table, w.fast, w.slow = table, fastpath.New(server, &source), slowpath.NewCodec(server)
	return w
}

// next makes durable what has been changed.
func (w *world) next() {
	for _, b := range w.lanes {
		b.Reset()
	}
	w.step = w.lanes[0].Ticket().Number()
}

// changes is how many changes wait for the journal.
func (w *world) changes() int { return w.lanes[0].Len() + w.lanes[1].Len() }

// state is all that the world remembers, as text.
func (w *world) state() string {
	var es []lease.Entry
	w.table.Each(func(e *lease.Entry) bool {
		c := *e
		c.HW, c.ID, c.ClientID = bytes.Clone(e.HW), bytes.Clone(e.ID), bytes.Clone(e.ClientID)
		c.Relay, c.Host = bytes.Clone(e.Relay), bytes.Clone(e.Host)
		es = append(es, c)
		return true
	})
	slices.SortFunc(es, func(x, y lease.Entry) int { return cmp.Compare(x.Addr, y.Addr) })
	var b bytes.Buffer
	for _, e := range es {
		fmt.Fprintf(&b, "%v scope %x %v kind %d htype %d hw %x id %x client-id %x relay %x host %x version %d start %d expires %d cltt %d pending %v\n",
			e.Addr, e.Scope, e.Status, e.Kind, e.HType, e.HW, e.ID, e.ClientID, e.Relay, e.Host, e.Version, e.Start, e.Expires, e.CLTT, e.Pending.Number() >= w.step)
	}
	st := w.table.Stats()
	st.Steals = 0 // how often the table had to look elsewhere, no matter for whom
	fmt.Fprintf(&b, "%+v\n%+v\n", st, w.table.PoolStats())
	return b.String()
}

// An outcome is what became of a frame in a world.
type outcome struct {
	verdict frame.Verdict
	why     frame.Reason
	waits   bool
	frame   []byte
}

func (o outcome) String() string {
	if o.frame == nil {
		return fmt.Sprintf("%v: %v", o.verdict, o.why)
	}
	m, err := dhcpv4.FromBytes(payload(o.frame))
	if err != nil {
		return fmt.Sprintf("%v: %v in % x", o.verdict, err, o.frame)
	}
	return fmt.Sprintf("%v\n%s\n% x", o.verdict, m.Summary(), o.frame)
}

func (w *world) handle(in []byte, port uint16, now time.Time) outcome {
	w.fast.Begin(now, worker.Calm)
	buf := make([]byte, max(chunk, len(in)))
	f := frame.Frame{Data: buf[:copy(buf, in)], Port: port}
	if w.announce = !w.announce; w.announce {
		w.fast.Prepare([]frame.Frame{f})
	}
	v, why, wait := w.fast.Handle(&f, w.lanes[0])
	o := outcome{verdict: v, why: why, waits: wait != 0}
	if v == frame.Reply || v == frame.Await {
		o.frame = f.Data
	}
	return o
}

func (w *world) answer(p *policy.Policy, in []byte, port uint16, now time.Time) outcome {
	w.slow.Answer(p, in, port, lease.Time(now.Unix()), w.lanes[1], &w.reply)
	r := &w.reply
	return outcome{verdict: r.Verdict, why: r.Reason, waits: r.Wait != 0, frame: bytes.Clone(r.Frame)}
}

// A pair is two worlds that should stay the same.
type pair struct {
	testing.TB
	policy    *policy.Policy
	both, one *world // both paths; the slow path alone
	now       time.Time
}

func newPair(t testing.TB, p *policy.Policy) *pair {
	return &pair{TB: t, policy: p, both: newWorld(t, p), one: newWorld(t, p), now: begin}
}

// wait lets time go by and leases end.
func (p *pair) wait(d time.Duration) {
	p.now = p.now.Add(d)
	for _, w := range []*world{p.both, p.one} {
		w.table.Expire(lease.Time(p.now.Unix()), 1<<20, w.lanes[1])
		w.next()
	}
}

// play gives a frame to both worlds and compares what they make of it. It returns
// what the fast path said, and the answer if there is one.
func (p *pair) play(in []byte, port uint16) (fast, slow outcome) {
	p.Helper()
	before := p.both.state()
	fast = p.both.handle(in, port, p.now)
	slow = p.one.answer(p.policy, in, port, p.now)
	switch fast.verdict {
	case frame.Punt:
		// What the fast path has found out so far it may have had to decide on
		// (PuntNoFit); that must be as if it had not.
		if fast.why != frame.PuntNoFit {
			if after := p.both.state(); after != before || p.both.changes() != 0 {
				p.Fatalf("punted (%v), but changed from\n%s\nto\n%s", fast.why, before, after)
			}
		}
		p.same(p.both.answer(p.policy, in, port, p.now), slow, "punted ("+fast.why.String()+")")
	default:
		p.same(fast, slow, "fast")
	}
	if x, y := p.both.state(), p.one.state(); x != y {
		p.Fatalf("%v, and then the worlds differ:\n%s\n%s", fast, x, y)
	}
	if x, y := p.both.changes(), p.one.changes(); x != y {
		p.Fatalf("%v: %d changes for the journal, with the slow path alone %d", fast, x, y)
	}
	p.both.next()
	p.one.next()
	return fast, slow
}

// same compares two answers: verdict and Reason, and all of the frame but its
// number (the identification of the IP header, which each codec counts on its own).
func (p *pair) same(x, y outcome, what string) {
	p.Helper()
	if x.verdict != y.verdict || x.why != y.why || x.waits != y.waits {
		p.Fatalf("%s: %v\nslow: %v", what, x, y)
	}
	if x.frame == nil {
		return
	}
	a, b := anonymous(x.frame), anonymous(y.frame)
	if !bytes.Equal(a, b) {
		p.Fatalf("%s: %v\nslow: %v", what, x, y)
	}
	// And somebody else can read it.
	m, err := dhcpv4.FromBytes(payload(a))
	if err != nil {
		p.Fatalf("%v: %v", err, x)
	}
	if m.OpCode != dhcpv4.OpcodeBootReply {
		p.Fatalf("op %v", m.OpCode)
	}
}

// network is where the network layer begins.
func network(b []byte) int {
	at := 14
	for i := 0; i < 2 && len(b) >= at && (b[at-2] == 0x81 || b[at-2] == 0x88 || b[at-2] == 0x91); i++ {
		at += 4
	}
	return at
}

// payload is the UDP payload of a frame of ours.
func payload(b []byte) []byte { return b[network(b)+28:] }

// anonymous is a copy of a frame of ours without its number.
func anonymous(b []byte) []byte {
	b = bytes.Clone(b)
	ip := b[network(b):]
	ip[4], ip[5] = 0, 0
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:20]))
	return b
}

// sum is RFC 1071's definition.
func sum(b []byte) uint16 {
	var s uint32
	for i, v := range b {
		if i%2 == 0 {
			s += uint32(v) << 8
		} else {
			s += uint32(v)
		}
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// repair makes the checksums of a mutated frame right, as far as its length fields
// allow, so that what is behind them is reached.
func repair(b []byte) []byte {
	b = bytes.Clone(b)
	off := network(b)
	if len(b) < off+20 {
		return b
	}
	ip := b[off:]
	n := int(ip[0]&15) * 4
	if n < 20 || n > len(ip) {
		return b
	}
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip[:n]))
	total := int(binary.BigEndian.Uint16(ip[2:]))
	if total < n+8 || total > len(ip) {
		return b
	}
	udp := ip[n:total]
	l := int(binary.BigEndian.Uint16(udp[4:]))
	if l < 8 || l > len(udp) {
		return b
	}
	udp[6], udp[7] = 0, 0
	pseudo := append(bytes.Clone(ip[12:20]), 0, 17, udp[4], udp[5])
	binary.BigEndian.PutUint16(udp[6:], ^sum(append(pseudo, udp[:l]...)))
	return b
}
