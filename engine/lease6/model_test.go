// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"xdhcp/engine/lease"
)

// The model: what is known of each prefix, in a map, found by looking at all of them.
// It does not choose, it judges the table's choice.

type who struct {
	scope lease.ScopeID
	n     int // client; 0: nobody
	ia    IA
}

type place struct {
	state   lease.Status // Offered, Bound, Expired (free), Declined
	by      who          // nobody: free or declined, and nobody can have it back
	expires lease.Time
	cltt    lease.Time
	version uint32
	freed   lease.Ticket // of the change that made it free
	was     lease.Time   // Offered: to the IA that it is remembered for since then
}

func (p *place) active() bool { return p != nil && p.state != lease.Expired }

type model struct {
	rt       *rapid.T
	tab      *Table
	opts     Options
	layout   Layout
	reserved map[who]Prefix // by client and type; IAID 0
	now      lease.Time

	at map[Prefix]*place

	lanes   []*lease.Batch
	log     [][]byte
	numbers map[lease.Ticket]int
	synced  int
}

const modelHold = 7

func (m *model) durable(k lease.Ticket) bool {
	at, logged := m.numbers[k]
	return k == 0 || logged && at < m.synced
}

func newModel(rt *rapid.T) *model {
	m := &model{rt: rt, now: 1000, at: map[Prefix]*place{}, numbers: map[lease.Ticket]int{}}
	m.opts = Options{Shards: 1 << rapid.IntRange(0, 3).Draw(rt, "shards"), Seed: rapid.Uint64Range(1, 9).Draw(rt, "seed"),
		Remember: 50, Durable: m.durable}
	m.drawLayout()
	m.start()
	return m
}

// The prefixes that the model knows: sixteen addresses, and a /52 with all lengths
// down to /56.
var (
	modelAddrs = ip("2001:db8::1")
	modelBlock = pfx("2001:db8:100::/52")
)

// drawLayout cuts addresses and the block into pools.
func (m *model) drawLayout() {
	m.layout = Layout{Generation: m.layout.Generation + 1}
	m.reserved = map[who]Prefix{}
	scope := func() lease.ScopeID { return lease.ScopeID(1 + rapid.IntRange(0, 1).Draw(m.rt, "scope")) }
	for at := 0; at < 16; {
		n := rapid.IntRange(1, 8).Draw(m.rt, "size")
		last := min(at+n, 16) - 1
		if rapid.IntRange(0, 3).Draw(m.rt, "gap") > 0 {
			m.layout.Pools = append(m.layout.Pools, Pool{Scope: scope(), Len: 128, Name: fmt.Sprint("a", at),
				Method: Method(rapid.IntRange(0, 3).Draw(m.rt, "method")),
				Ranges: []Range{{modelAddrs.plus(IP6{0, uint64(at)}), modelAddrs.plus(IP6{0, uint64(last)})}}})
		}
		at = last + 1
	}
	for at := range 4 { // quarters of the block
		if rapid.IntRange(0, 3).Draw(m.rt, "gap") == 0 {
			continue
		}
		quarter := Prefix{modelBlock.plus(IP6{uint64(at) << 10, 0}), 54}
		m.layout.Pools = append(m.layout.Pools, Pool{Scope: scope(), Len: uint8(rapid.IntRange(54, 56).Draw(m.rt, "length")),
			Name: fmt.Sprint("p", at), Method: Method(rapid.IntRange(0, 3).Draw(m.rt, "method")), Ranges: []Range{RangeOf(quarter)}})
	}
	for i := range rapid.IntRange(0, 3).Draw(m.rt, "reservations") {
		p := m.drawPrefix()
		t := NA
		if p.Len < 128 {
			t = PD
		}
		overlap := false
		for _, q := range m.reserved {
			overlap = overlap || q.Overlaps(p)
		}
		if !overlap {
			m.reserved[who{scope(), 1 + i, IA{t, 0}}] = p
			m.layout.Reserved = append(m.layout.Reserved, Reserved{p, 0})
		}
	}
}

func (m *model) start() {
	tab, err := New(m.opts)
	if err != nil {
		m.rt.Fatal(err)
	}
	if err := tab.Reconfigure(m.layout); err != nil {
		m.rt.Fatal(err)
	}
	m.tab = tab
	m.lanes = nil
	for lane := range uint8(3) {
		m.lanes = append(m.lanes, lease.NewBatch(lane))
	}
}

func (m *model) drawWho() who {
	return who{lease.ScopeID(1 + rapid.IntRange(0, 1).Draw(m.rt, "scope")), 1 + rapid.IntRange(0, 5).Draw(m.rt, "client"),
		IA{IAType(rapid.SampledFrom([]int{1, 1, 2, 3, 3, 3}).Draw(m.rt, "type")), uint32(rapid.IntRange(1, 2).Draw(m.rt, "iaid"))}}
}

func (m *model) drawPrefix() Prefix {
	if rapid.Bool().Draw(m.rt, "address") {
		return AddrPrefix(modelAddrs.plus(IP6{0, uint64(rapid.IntRange(0, 15).Draw(m.rt, "which"))}))
	}
	n := uint8(rapid.IntRange(53, 57).Draw(m.rt, "length"))
	return PrefixFrom(modelBlock.plus(IP6{uint64(rapid.IntRange(0, 31).Draw(m.rt, "which")) << 7, 0}), n)
}

// drawOf draws a prefix that w has to do with, or any.
func (m *model) drawOf(w who) Prefix {
	var own []Prefix
	for p, pl := range m.at {
		if pl.by == w {
			own = append(own, p)
		}
	}
	if len(own) == 0 || rapid.IntRange(0, 3).Draw(m.rt, "any") == 0 {
		return m.drawPrefix()
	}
	slices.SortFunc(own, Prefix.Compare)
	return rapid.SampledFrom(own).Draw(m.rt, "own")
}

func (m *model) drawBatch() *lease.Batch { return rapid.SampledFrom(m.lanes).Draw(m.rt, "lane") }

func duidOf(w who) []byte { return bytes.Repeat([]byte{byte(w.n)}, 1+w.n*w.n) }

func (m *model) request(w who) *Request {
	r := &Request{Client: Client{DUID: duidOf(w)}, IA: w.ia, Scope: w.scope, Layout: m.layout.Generation}
	variant := rapid.IntRange(0, 4).Draw(m.rt, "variant")
	r.Client.InterfaceID = bytes.Repeat([]byte{'i'}, variant*7)
	r.Client.LinkLayer = bytes.Repeat([]byte{'l'}, variant%2*8)
	r.Client.Host = bytes.Repeat([]byte{'h'}, variant/2*20)
	r.Reserved = m.reservedFor(w)
	for i, p := range m.layout.Pools {
		if p.Scope == w.scope {
			r.Pools = append(r.Pools, lease.PoolID(i))
		}
	}
	return r
}

func (m *model) reservedFor(w who) Prefix { return m.reserved[who{w.scope, w.n, IA{w.ia.Type, 0}}] }

// mayHave says whether the configuration lets w have the prefix.
func (m *model) mayHave(w who, p Prefix) bool {
	if r := m.reservedFor(w); !r.IsNone() {
		return p == r
	}
	for _, q := range m.reserved {
		if q.Overlaps(p) {
			return false
		}
	}
	for _, q := range m.layout.Pools {
		if q.Scope == w.scope && q.Len == p.Len && (q.Len < 128) == (w.ia.Type == PD) &&
			!p.IP6.Less(q.Ranges[0].First) && !q.Ranges[0].Last.Less(p.IP6) {
			return true
		}
	}
	return false
}

// blocked says whether a prefix overlaps another that is in use, or not durably free.
func (m *model) blocked(p Prefix) bool {
	for q, pl := range m.at {
		if q != p && q.Overlaps(p) && (pl.active() || !m.durable(pl.freed)) {
			return true
		}
	}
	return false
}

// free says whether a client that does not have it may have the prefix now.
func (m *model) free(p Prefix) bool {
	pl := m.at[p]
	return (pl == nil || pl.state == lease.Expired && m.durable(pl.freed)) && !m.blocked(p)
}

// all are the prefixes that w may have.
func (m *model) all(w who) (ps []Prefix) {
	for i := range uint64(16) {
		if p := AddrPrefix(modelAddrs.plus(IP6{0, i})); m.mayHave(w, p) {
			ps = append(ps, p)
		}
	}
	for n := uint8(53); n <= 57; n++ {
		for i := range uint64(1) << (n - 52) {
			if p := (Prefix{modelBlock.plus(IP6{i << (64 - n), 0}), n}); m.mayHave(w, p) {
				ps = append(ps, p)
			}
		}
	}
	return ps
}

// rest makes a place free, and leaves its IA no other memory.
func (m *model) rest(p Prefix, pl *place) {
	pl.state = lease.Expired
	if pl.by.ia.Type == TA {
		pl.by = who{}
	}
	if pl.by.n == 0 {
		return
	}
	for q, o := range m.at {
		if q == p || o.state != lease.Expired || o.by != pl.by {
			continue
		}
		if o.expires > pl.expires {
			pl.by = who{}
			return
		}
		o.by = who{}
	}
}

// takeBack ends an offer.
func (m *model) takeBack(p Prefix, pl *place) {
	if pl.was > 0 {
		pl.expires, pl.was = pl.was, 0
		m.rest(p, pl)
	} else if pl.version == 0 {
		delete(m.at, p)
	} else {
		*pl = place{state: lease.Expired, version: pl.version}
	}
}

func (m *model) offer(rt *rapid.T) {
	w := m.drawWho()
	r := m.request(w)
	if rapid.Bool().Draw(rt, "hint") {
		r.Hint = m.drawOf(w)
		if rapid.Bool().Draw(rt, "length only") {
			r.Hint.IP6 = IP6{}
		}
	}
	p, out := m.tab.Offer(r, modelHold, m.now)

	wished := false // a pool has just the length that is wished for
	for _, q := range m.layout.Pools {
		wished = wished || w.ia.Type == PD && q.Len < 128 && q.Scope == w.scope && q.Len == r.Hint.Len && r.Reserved.IsNone()
	}
	var right [3][]Prefix // bound, offered, remembered
	for q, pl := range m.at {
		if pl.by != w || !m.mayHave(w, q) {
			continue
		}
		fits := !wished || q.Len == r.Hint.Len
		switch {
		case pl.state == lease.Bound:
			right[0] = append(right[0], q)
		case pl.state == lease.Offered && fits:
			right[1] = append(right[1], q)
		case pl.state == lease.Expired && fits && !m.blocked(q):
			right[2] = append(right[2], q)
		}
	}
	want := append(append(right[0], right[1]...), right[2]...)
	for _, some := range right {
		if len(some) > 0 {
			want = some
			break
		}
	}
	anyFree, anyDeclined := false, false
	earliest := lease.Never
	for _, q := range m.all(w) {
		anyFree = anyFree || m.free(q)
		if pl := m.at[q]; pl != nil && pl.state == lease.Declined && pl.by.n != 0 && m.durable(pl.freed) && r.Reserved.IsNone() {
			anyDeclined, earliest = true, min(earliest, pl.expires)
		}
	}
	if out != lease.OK {
		if out != lease.Full && out != lease.Taken || out == lease.Taken && r.Reserved.IsNone() {
			rt.Fatalf("%v gets %v", w, out)
		}
		if len(want) > 0 || anyFree || anyDeclined {
			rt.Fatalf("%v gets %v; it should have one of %v, there is something free: %v, on probation: %v", w, out, want, anyFree, anyDeclined)
		}
		return
	}
	pl := m.at[p]
	own := pl != nil && pl.by == w && pl.state != lease.Declined
	switch {
	case len(want) > 0:
		if !slices.Contains(want, p) {
			rt.Fatalf("%v is offered %v, not one of %v", w, p, want)
		}
		if slices.Contains(want, r.Hint) && p != r.Hint {
			rt.Fatalf("%v is offered %v, not %v", w, p, r.Hint)
		}
	case !m.mayHave(w, p):
		rt.Fatalf("%v is offered %v, which is not for it", w, p)
	case pl != nil && pl.state == lease.Declined:
		if anyFree || pl.expires > earliest || m.blocked(p) {
			rt.Fatalf("%v is offered %v, on probation until %d", w, p, pl.expires)
		}
		own = false
	case !m.free(p):
		rt.Fatalf("%v is offered %v, which is %v or not durably free", w, p, pl)
	case r.Reserved.IsNone() && !r.Hint.IsZero() && m.mayHave(w, r.Hint) && m.free(r.Hint) && p != r.Hint:
		rt.Fatalf("%v is offered %v, not %v as it wishes", w, p, r.Hint)
	}
	switch {
	case pl != nil && own && pl.state == lease.Bound:
	case pl != nil && own && pl.state == lease.Offered:
		pl.expires = max(pl.expires, m.now+modelHold)
	case pl != nil && own && len(want) > 0: // remembered
		pl.state, pl.was, pl.expires = lease.Offered, pl.expires, m.now+modelHold
	default:
		if r.Reserved.IsNone() {
			for q, o := range maps.Clone(m.at) {
				if o.by == w && o.state == lease.Offered {
					m.takeBack(q, o)
				}
			}
		}
		var version uint32
		if pl != nil {
			version = pl.version
		}
		m.at[p] = &place{state: lease.Offered, by: w, expires: m.now + modelHold, version: version}
	}
}

func (m *model) commit(rt *rapid.T) {
	w := m.drawWho()
	r := m.request(w)
	p := m.drawOf(w)
	valid := uint32(rapid.SampledFrom([]int{0, 3, 20, 40, 100, -1}).Draw(rt, "valid"))
	b := m.drawBatch()
	before := len(b.Bytes())
	pl := m.at[p]
	own := pl != nil && pl.by == w && pl.state != lease.Declined
	right := m.mayHave(w, p) && (own && !(pl.state == lease.Expired && m.blocked(p)) || !own && m.free(p))
	leases := 0
	for _, o := range m.at {
		if o.by == w && o.state == lease.Bound {
			leases++
		}
	}
	g, out := m.tab.Commit(r, p, valid/2, valid, m.now, b)
	if leases >= MaxLeases && (!own || pl.state != lease.Bound) {
		if out == lease.OK {
			rt.Fatalf("%v has %v, its lease number %d", w, p, leases+1)
		}
		return
	}
	if (out == lease.OK) != right {
		rt.Fatalf("%v asks for %v (%+v) and gets %v", w, p, pl, out)
	}
	if !right {
		if out != lease.NotYours && out != lease.Taken || len(b.Bytes()) != before {
			rt.Fatalf("%v asks for %v and gets %v", w, p, out)
		}
		return
	}
	if !own {
		old := uint32(0)
		if pl != nil {
			old = pl.version
		}
		pl = &place{by: w, version: old}
		m.at[p] = pl
	}
	promised := after(m.now, g.Valid)
	if promised > g.Expires || g.Preferred > g.Valid || valid != lease.Infinite && g.Valid > valid || valid == lease.Infinite && g.Expires != lease.Never {
		rt.Fatalf("asked for %d s of %v from %d: %+v", valid, p, m.now, g)
	}
	if pl.state == lease.Bound && pl.expires != lease.Never && pl.expires > m.now && g.Expires < pl.expires {
		rt.Fatalf("%v ends at %d, but was promised to %d", p, g.Expires, pl.expires)
	}
	if len(b.Bytes()) == before { // a retransmission
		if pl.state != lease.Bound || g.Expires != pl.expires || m.now-pl.cltt > retransmission {
			rt.Fatalf("%v is bound without a change", p)
		}
		return
	}
	c := m.one(b, before)
	if c.Op != OpGrant && c.Op != OpRenew || c.Prefix != p || c.Version <= pl.version || c.Expires != g.Expires ||
		!bytes.Equal(c.Client.DUID, duidOf(w)) || c.IA != w.ia || c.Scope != w.scope || g.Ticket != b.Ticket() {
		rt.Fatalf("%v is bound by %+v, %+v", p, c, g)
	}
	if alive := pl.state == lease.Bound && pl.expires > m.now; !alive && c.Op != OpGrant {
		rt.Fatalf("a new binding of %v is a %v", p, c.Op)
	}
	*pl = place{state: lease.Bound, by: w, expires: g.Expires, cltt: m.now, version: c.Version}
}

// one is the only change that was added to a batch.
func (m *model) one(b *lease.Batch, before int) Change {
	rec, rest, err := lease.Next(b.Bytes()[before:])
	if err != nil || len(rest) != 0 {
		m.rt.Fatalf("not one change: %v, %d bytes left", err, len(rest))
	}
	c, err := ParseChange(rec)
	if err != nil {
		m.rt.Fatal(err)
	}
	return c
}

func (m *model) release(rt *rapid.T) {
	w := m.drawWho()
	p := m.drawOf(w)
	b := m.drawBatch()
	before := len(b.Bytes())
	decline := rapid.IntRange(0, 2).Draw(rt, "decline") == 0
	pl := m.at[p]
	own := pl != nil && pl.by == w && (pl.state == lease.Bound || pl.state == lease.Offered)
	var out lease.Outcome
	if decline {
		out = m.tab.Decline(w.scope, duidOf(w), w.ia, p, 20, m.now, b)
	} else {
		out = m.tab.Release(w.scope, duidOf(w), w.ia, p, m.now, b)
	}
	if (out == lease.OK) != own {
		rt.Fatalf("%v gives %v back (%+v) and gets %v", w, p, pl, out)
	}
	switch {
	case !own:
	case decline:
		c := m.one(b, before)
		*pl = place{state: lease.Declined, by: w, expires: m.now + 20, cltt: m.now, version: c.Version, freed: b.Ticket()}
	case pl.state == lease.Offered:
		m.takeBack(p, pl)
	default:
		c := m.one(b, before)
		if c.Version <= pl.version {
			rt.Fatalf("version %d after %d", c.Version, pl.version)
		}
		pl.version, pl.freed, pl.expires = c.Version, b.Ticket(), m.now
		m.rest(p, pl)
	}
}

func (m *model) withdraw(rt *rapid.T) {
	w := m.drawWho()
	m.tab.Withdraw(w.scope, duidOf(w), w.ia, m.now)
	for p, pl := range maps.Clone(m.at) {
		if pl.by == w && pl.state == lease.Offered {
			m.takeBack(p, pl)
		}
	}
}

func (m *model) expire(rt *rapid.T) {
	m.now += lease.Time(rapid.SampledFrom([]int{0, 1, 3, 10, 30, 70}).Draw(rt, "wait"))
	if rapid.Bool().Draw(rt, "only time") {
		return
	}
	b := m.drawBatch()
	before := len(b.Bytes())
	m.tab.Expire(m.now, 10000, b)
	for rest := b.Bytes()[before:]; len(rest) > 0; {
		rec, tail, err := lease.Next(rest)
		if err != nil {
			rt.Fatal(err)
		}
		rest = tail
		c, err := ParseChange(rec)
		if err != nil {
			rt.Fatal(err)
		}
		pl := m.at[c.Prefix]
		if c.Op != OpExpire || pl == nil || !pl.active() || pl.state == lease.Offered || pl.expires > m.now || c.Version <= pl.version {
			rt.Fatalf("%+v ends %+v", c, pl)
		}
		if pl.state == lease.Declined {
			pl.by = who{}
		}
		pl.version, pl.freed = c.Version, b.Ticket()
		m.rest(c.Prefix, pl)
	}
	for p, pl := range maps.Clone(m.at) {
		if pl.state == lease.Offered && pl.expires <= m.now {
			m.takeBack(p, pl)
		}
		// A lease of no seconds that is made after the reaper came by ends a second later.
		if pl.active() && pl.expires < m.now && pl.state != lease.Offered {
			rt.Fatalf("%v is not over: %+v", p, pl)
		}
	}
	// What is forgotten is no more in the table.
	for p, pl := range m.at {
		var e Entry
		if pl.state == lease.Expired && !m.tab.Lookup(p, &e) {
			if !m.durable(pl.freed) {
				rt.Fatalf("%v is forgotten before it is durably free", p)
			}
			pl.by = who{}
		}
	}
}

func (m *model) append(rt *rapid.T) {
	b := m.drawBatch()
	if b.Len() == 0 {
		return
	}
	m.numbers[b.Ticket()] = len(m.log)
	m.log = append(m.log, slices.Clone(b.Bytes()))
	b.Reset()
}

func (m *model) sync(rt *rapid.T) { m.synced = rapid.IntRange(m.synced, len(m.log)).Draw(rt, "synced") }

func (m *model) reload(rt *rapid.T) {
	m.drawLayout()
	if err := m.tab.Reconfigure(m.layout); err != nil {
		rt.Fatal(err)
	}
}

// crash begins anew with what is durable, read from the log or from a snapshot of that.
func (m *model) crash(rt *rapid.T) {
	m.log = m.log[:m.synced]
	m.start()
	m.at = map[Prefix]*place{}
	m.numbers = map[lease.Ticket]int{}
	for _, data := range m.log {
		replay(rt, m.tab, data)
		m.replay(data)
	}
	m.tab.Settle()
	if rapid.Bool().Draw(rt, "snapshot") {
		var snap []byte
		m.tab.Each(func(e *Entry) bool { snap = e.AppendTo(snap); return true })
		m.start()
		replay(rt, m.tab, snap)
		m.tab.Settle()
	}
}

// replay is what the log means.
func (m *model) replay(data []byte) {
	for len(data) > 0 {
		rec, rest, err := lease.Next(data)
		if err != nil {
			m.rt.Fatal(err)
		}
		data = rest
		c, err := ParseChange(rec)
		if err != nil {
			m.rt.Fatal(err)
		}
		pl := m.at[c.Prefix]
		if pl == nil {
			pl = &place{state: lease.Expired}
			m.at[c.Prefix] = pl
		}
		if c.Version <= pl.version {
			continue
		}
		was := pl.state
		pl.version = c.Version
		if c.Full {
			pl.by = who{c.Scope, int(c.Client.DUID[0]), c.IA}
		}
		switch c.Op {
		case OpGrant, OpRenew:
			pl.state, pl.expires, pl.cltt = lease.Bound, c.Expires, c.At
		case OpDecline:
			pl.state, pl.expires = lease.Declined, c.Expires
		default:
			if c.Op == OpRelease || pl.expires == 0 {
				pl.expires = c.At
			}
			if was == lease.Declined {
				pl.by = who{}
			}
			m.rest(c.Prefix, pl)
		}
	}
}

// check compares all records with the model, and no two of them overlap.
func (m *model) check(rt *rapid.T) {
	sound(rt, m.tab)
	seen := 0
	var active []Prefix
	m.tab.Each(func(e *Entry) bool {
		pl := m.at[e.Prefix]
		state := e.Status
		if state == lease.Released {
			state = lease.Expired
		}
		if pl == nil || pl.state != state {
			rt.Fatalf("%v is %v, not %+v", e.Prefix, e.Status, pl)
		}
		if state != lease.Expired {
			active = append(active, e.Prefix)
			if e.Expires != pl.expires || state != lease.Offered && e.Version != pl.version {
				rt.Fatalf("%v: %+v, not %+v", e.Prefix, e, pl)
			}
		}
		if pl.by.n != 0 && (e.Scope != pl.by.scope || e.IA != pl.by.ia || !bytes.Equal(e.DUID, duidOf(pl.by))) || pl.by.n == 0 && len(e.DUID) > 0 {
			rt.Fatalf("%v is %v %x's, not %v's", e.Prefix, e.IA, e.DUID, pl.by)
		}
		if pl.active() || pl.by.n != 0 {
			seen++
		}
		return true
	})
	for _, pl := range m.at {
		if pl.active() || pl.by.n != 0 {
			seen--
		}
	}
	if seen != 0 {
		rt.Fatalf("%d records too many, or too few", seen)
	}
	for i, p := range active {
		for _, q := range active[:i] {
			if p.Overlaps(q) {
				rt.Fatalf("%v and %v are both in use", p, q)
			}
		}
	}
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"offer":    m.offer,
			"commit":   m.commit,
			"commit2":  m.commit,
			"release":  m.release,
			"withdraw": m.withdraw,
			"expire":   m.expire,
			"append":   m.append,
			"sync":     m.sync,
			"reload":   m.reload,
			"crash":    m.crash,
			"":         m.check,
		})
	})
}
