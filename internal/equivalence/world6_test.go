// SPDX-License-Identifier: Apache-2.0

package equivalence

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"

	"xdhcp/engine/exchange"
	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy"
	"xdhcp/engine/policy6"
	"xdhcp/engine/worker"
	"xdhcp/fastpath"
	"xdhcp/slowpath"
)

// A world6 is a world of DHCPv6.
type world6 struct {
	table  *lease6.Table
	fast   *fastpath.Handler
	slow   *slowpath.Codec6
	lanes  [2]*lease.Batch // of the fast path and of the slow path
	reply  slowpath.Reply
	step   uint64 // the batches of this number are not yet durable
	replay uint64
}

func newWorld6(t testing.TB, p *policy6.Policy) *world6 {
	t.Helper()
	w := &world6{step: 1, lanes: [2]*lease.Batch{lease.NewBatch(1), lease.NewBatch(2)}}
	durable := func(t lease.Ticket) bool { return t.Number() < w.step }
	table, err := lease6.New(lease6.Options{Shards: 1, Seed: 1, Durable: durable})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		t.Fatal(err)
	}
	// The counter stands still: asking twice, as for what is punted, is no difference.
	server := &exchange6.Server{Table: table, Durable: durable, Replay: func() (uint64, bool) { return w.replay, true }}
	var source atomic.Pointer[policy6.Policy]
	source.Store(p)
	var none atomic.Pointer[policy.Policy]
	none.Store(&policy.Policy{})
	w.table, w.fast, w.slow = table, fastpath.New(&exchange.Server{}, &none), slowpath.NewCodec6(server)
	w.fast.Serve6(server, &source)
	return w
}

func (w *world6) next() {
	for _, b := range w.lanes {
		b.Reset()
	}
	w.step = w.lanes[0].Ticket().Number()
	w.replay++
}

func (w *world6) changes() int { return w.lanes[0].Len() + w.lanes[1].Len() }

// state is all that the world remembers, as text.
func (w *world6) state() string {
	var lines []string
	w.table.Each(func(e *lease6.Entry) bool {
		lines = append(lines, fmt.Sprintf("%v/%d scope %x %v ia %v duid %x ll %x peer %x if %x remote %x subscriber %x relay %x host %x version %d start %d preferred %d expires %d cltt %d pending %v",
			e.Prefix.IP6, e.Prefix.Len, e.Scope, e.Status, e.IA, e.DUID, e.LinkLayer, e.Peer, e.InterfaceID, e.RemoteID, e.SubscriberID, e.RelayID, e.Host,
			e.Version, e.Start, e.Preferred, e.Expires, e.CLTT, e.Pending.Number() >= w.step))
		return true
	})
	slices.Sort(lines)
	st := w.table.Stats()
	st.Steals = 0
	return fmt.Sprintf("%q\n%+v\n%+v\n", lines, st, w.table.PoolStats())
}

func (w *world6) handle(in []byte, port uint16, now time.Time) outcome {
	w.fast.Begin(now, worker.Calm)
	buf := make([]byte, max(chunk, len(in)))
	f := frame.Frame{Data: buf[:copy(buf, in)], Port: port}
	v, why, wait := w.fast.Handle(&f, w.lanes[0])
	o := outcome{verdict: v, why: why, waits: wait != 0}
	if v == frame.Reply || v == frame.Await {
		o.frame = f.Data
	}
	return o
}

func (w *world6) answer(p *policy6.Policy, in []byte, port uint16, now time.Time) outcome {
	w.slow.Answer(p, in, port, lease.Time(now.Unix()), w.lanes[1], &w.reply)
	r := &w.reply
	return outcome{verdict: r.Verdict, why: r.Reason, waits: r.Wait != 0, frame: bytes.Clone(r.Frame)}
}

// A pair6 is two worlds that should stay the same.
type pair6 struct {
	testing.TB
	policy    *policy6.Policy
	both, one *world6 // both paths; the slow path alone
	now       time.Time
}

func newPair6(t testing.TB, p *policy6.Policy) *pair6 {
	return &pair6{TB: t, policy: p, both: newWorld6(t, p), one: newWorld6(t, p), now: begin}
}

// wait lets time go by and leases end.
func (p *pair6) wait(d time.Duration) {
	p.now = p.now.Add(d)
	for _, w := range []*world6{p.both, p.one} {
		w.table.Expire(lease.Time(p.now.Unix()), 1<<20, w.lanes[1])
		w.next()
	}
}

// play gives a frame to both worlds and compares what they make of it.
func (p *pair6) play(in []byte, port uint16) (fast, slow outcome) {
	p.Helper()
	before := p.both.state()
	fast = p.both.handle(in, port, p.now)
	slow = p.one.answer(p.policy, in, port, p.now)
	if fast.verdict == frame.Punt {
		if fast.why != frame.PuntNoFit {
			if after := p.both.state(); after != before || p.both.changes() != 0 {
				p.Fatalf("punted (%v), but changed from\n%s\nto\n%s", fast.why, before, after)
			}
		}
		p.same(in, p.both.answer(p.policy, in, port, p.now), slow, "punted ("+fast.why.String()+")")
	} else {
		p.same(in, fast, slow, "fast")
	}
	if x, y := p.both.state(), p.one.state(); x != y {
		p.Fatalf("%s, and then the worlds differ:\n%s\n%s", show6(fast), x, y)
	}
	if x, y := p.both.changes(), p.one.changes(); x != y {
		p.Fatalf("%s: %d changes for the journal, with the slow path alone %d", show6(fast), x, y)
	}
	p.both.next()
	p.one.next()
	return fast, slow
}

func show6(o outcome) string { return fmt.Sprintf("%v: %v % x", o.verdict, o.why, o.frame) }

// same compares two answers: verdict, Reason, and every byte of the frame.
func (p *pair6) same(in []byte, x, y outcome, what string) {
	p.Helper()
	if x.verdict != y.verdict || x.why != y.why || x.waits != y.waits || !bytes.Equal(x.frame, y.frame) {
		p.Fatalf("%s: %s\nslow: %s", what, show6(x), show6(y))
	}
	if x.frame != nil {
		checkAnswer6(p, in, x.frame)
	}
}

// reader is insomniacslk's parser of options, but for those that go back as they came
// and may be anything: it takes no strange DUIDs.
func reader(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
	switch code {
	case dhcpv6.OptionServerID, dhcpv6.OptionIANA, dhcpv6.OptionIATA, dhcpv6.OptionIAPD, dhcpv6.OptionStatusCode:
		return dhcpv6.ParseOption(code, data)
	}
	return raw(code, data)
}

// raw leaves the options as they are.
func raw(code dhcpv6.OptionCode, data []byte) (dhcpv6.Option, error) {
	return &dhcpv6.OptionGeneric{OptionCode: code, OptionData: bytes.Clone(data)}, nil
}

// checkAnswer6 reads an answer with insomniacslk and compares it with the request that
// it is made from: whatever the request was, these hold.
func checkAnswer6(t testing.TB, in, out []byte) {
	t.Helper()
	l3 := network(out)
	// What follows the datagram is padding of Ethernet's.
	in = in[:l3+40+int(binary.BigEndian.Uint16(in[l3+44:]))]
	ask, got := in[l3+48:], out[l3+48:]
	if !bytes.Equal(in[12:l3], out[12:l3]) || !bytes.Equal(out[:6], in[6:12]) || !bytes.Equal(out[l3+24:l3+40], in[l3+8:l3+24]) {
		t.Fatalf("headers\n% x answered by\n% x", in[:l3+48], out[:l3+48])
	}
	if !bytes.Equal(repair6(out), out) {
		t.Fatalf("the checksum of % x is wrong", out)
	}
	relayed := false
	for got[0] == 13 {
		relayed = true
		// RFC 8415 §19.3.
		if ask[0] != 12 || !bytes.Equal(ask[1:34], got[1:34]) {
			t.Fatalf("a relay's header % x is answered by % x", ask[:34], got[:34])
		}
		var asked, answered dhcpv6.Options
		if err := asked.FromBytesWithParser(ask[34:], raw); err != nil {
			t.Fatalf("an answer to what insomniacslk cannot read: %v", err)
		}
		if err := answered.FromBytesWithParser(got[34:], raw); err != nil {
			t.Fatalf("insomniacslk: %v in % x", err, out)
		}
		for _, code := range []dhcpv6.OptionCode{18, 135} { // §21.18, RFC 8357 §5.2
			x, y := asked.GetOne(code), answered.GetOne(code)
			if (x == nil) != (y == nil) || x != nil && !bytes.Equal(x.ToBytes(), y.ToBytes()) {
				t.Fatalf("option %d: %v came back as %v", code, x, y)
			}
		}
		ask, got = asked.GetOne(9).ToBytes(), answered.GetOne(9).ToBytes()
	}
	if ask[0] == 12 {
		t.Fatal("a relay's header is not answered")
	}
	if port := int(out[l3+42])<<8 | int(out[l3+43]); !relayed && port != 546 {
		t.Fatalf("to the client's port %d", port)
	}
	var asked, answered dhcpv6.Options
	if err := asked.FromBytesWithParser(ask[4:], raw); err != nil {
		t.Fatalf("an answer to what insomniacslk cannot read: %v", err)
	}
	if err := answered.FromBytesWithParser(got[4:], reader); err != nil {
		t.Fatalf("insomniacslk: %v in % x", err, got)
	}
	want := map[byte]string{1: "\x02\x07", 3: "\x07", 4: "\x07", 5: "\x07", 6: "\x07", 8: "\x07", 9: "\x07", 11: "\x07"}[ask[0]]
	if !bytes.Contains([]byte(want), got[:1]) || !bytes.Equal(got[1:4], ask[1:4]) {
		t.Fatalf("% x is answered by % x", ask[:4], got[:4])
	}
	if id := answered.GetOne(2); id == nil || !bytes.Equal(id.ToBytes(), serverID) {
		t.Fatalf("server identifier %v", id)
	}
	x, y := asked.GetOne(1), answered.GetOne(1)
	if (x == nil) != (y == nil) || x != nil && !bytes.Equal(x.ToBytes(), y.ToBytes()) {
		t.Fatalf("client identifier %v came back as %v", x, y)
	}
	checkIAs6(t, answered)
}

// checkIAs6 checks what holds for all IAs of a reply: RFC 8415 §18.3.2 (T1, T2),
// §21.6, §21.22.
func checkIAs6(t testing.TB, o dhcpv6.Options) {
	t.Helper()
	seen := map[string]bool{}
	lease := func(kind string, id [4]byte, t1, t2, preferred, valid time.Duration) {
		if preferred > valid {
			t.Fatalf("%s %x: preferred %v, valid %v", kind, id, preferred, valid)
		}
		if t2 != 0 && t1 > t2 {
			t.Fatalf("%s %x: T1 %v, T2 %v", kind, id, t1, t2)
		}
	}
	once := func(kind string, id [4]byte) {
		if key := kind + string(id[:]); seen[key] {
			t.Fatalf("%s %x twice", kind, id)
		} else {
			seen[key] = true
		}
	}
	for _, opt := range o {
		switch ia := opt.(type) {
		case *dhcpv6.OptIANA:
			once("IA_NA", ia.IaId)
			for _, a := range ia.Options.Addresses() {
				lease("IA_NA", ia.IaId, ia.T1, ia.T2, a.PreferredLifetime, a.ValidLifetime)
			}
		case *dhcpv6.OptIATA:
			once("IA_TA", ia.IaId)
		case *dhcpv6.OptIAPD:
			once("IA_PD", ia.IaId)
			for _, p := range ia.Options.Prefixes() {
				lease("IA_PD", ia.IaId, ia.T1, ia.T2, p.PreferredLifetime, p.ValidLifetime)
				n, _ := p.Prefix.Mask.Size()
				a, ok := netip.AddrFromSlice(p.Prefix.IP)
				if pfx := netip.PrefixFrom(a, n); p.ValidLifetime > 0 && (!ok || pfx.Masked() != pfx) {
					t.Fatalf("prefix %v with bits behind its length", p.Prefix)
				}
			}
		}
	}
}
