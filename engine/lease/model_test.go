// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The model: what is known of each address, in a map, found by looking at all
// of them. It does not choose addresses, it judges the table's choice.

type who struct {
	scope ScopeID
	n     int
}

type place struct {
	state    Status // None, Offered, Bound, Expired (free, whether remembered or not), Declined
	by       who    // Offered, Bound, Declined
	until    Time
	cltt     Time
	version  uint32
	freed    Ticket // of the change that made it free
	heldOver bool   // Offered: to the client that it is remembered for
}

type model struct {
	rt       *rapid.T
	tab      *Table
	opts     Options
	layout   Layout
	reserved map[who]IP4
	now      Time

	at         map[IP4]*place
	remembered map[who]IP4

	lanes   []*Batch
	log     [][]byte       // batches in the order of the log
	numbers map[Ticket]int // place in the log
	synced  int            // so many batches of the log are durable
}

const (
	modelClients = 9
	modelHold    = 7
)

func (m *model) durable(k Ticket) bool {
	at, logged := m.numbers[k]
	return k == 0 || logged && at < m.synced
}

func newModel(rt *rapid.T) *model {
	m := &model{rt: rt, now: 1000, at: map[IP4]*place{}, remembered: map[who]IP4{},
		reserved: map[who]IP4{}, numbers: map[Ticket]int{}}
	m.opts = Options{
		Shards:   1 << rapid.IntRange(0, 4).Draw(rt, "shards"),
		PerShard: rapid.IntRange(1, 3).Draw(rt, "per-shard"),
		Seed:     rapid.Uint64Range(1, 9).Draw(rt, "seed"),
		Durable:  m.durable,
	}
	m.drawLayout()
	m.start()
	return m
}

// drawLayout makes pools of a few addresses in one or two scopes.
func (m *model) drawLayout() {
	m.layout = Layout{Generation: m.layout.Generation + 1}
	m.reserved = map[who]IP4{}
	next := IP4(0x0a000001)
	for i := range rapid.IntRange(1, 4).Draw(m.rt, "pools") {
		p := Pool{Scope: ScopeID(1 + rapid.IntRange(0, 1).Draw(m.rt, "scope")), Name: fmt.Sprint("p", i)}
		for range rapid.IntRange(1, 2).Draw(m.rt, "ranges") {
			next += IP4(rapid.IntRange(0, 2).Draw(m.rt, "gap"))
			n := IP4(rapid.IntRange(1, 4).Draw(m.rt, "size"))
			p.Ranges = append(p.Ranges, Range{next, next + n - 1})
			next += n
		}
		m.layout.Pools = append(m.layout.Pools, p)
	}
	for i := range rapid.IntRange(0, 2).Draw(m.rt, "reservations") {
		w := who{m.layout.Pools[0].Scope, i}
		a := IP4(0x0a000001 + rapid.IntRange(0, 20).Draw(m.rt, "reserved"))
		if !m.isReserved(a) {
			m.reserved[w] = a
			m.layout.Reserved = append(m.layout.Reserved, Reserved{a, w.scope})
		}
	}
}

func (m *model) isReserved(a IP4) bool {
	for _, r := range m.reserved {
		if r == a {
			return true
		}
	}
	return false
}

// start makes an empty table with the layout.
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
		m.lanes = append(m.lanes, NewBatch(lane))
	}
}

func (m *model) place(a IP4) *place {
	if m.at[a] == nil {
		m.at[a] = &place{state: None}
	}
	return m.at[a]
}

// client has an identity of any kind and length; some data changes over time.
func client(w who, variant int) Client {
	c := Client{Kind: KindHW, HType: 1, HW: []byte{2, 0, 0, 0, 0, byte(w.n)}}
	if w.n%5 == 4 { // a hardware address of 16 bytes
		c.HType, c.HW = 32, bytes.Repeat([]byte{byte(w.n)}, 16)
	}
	c.ID = append([]byte{c.HType}, c.HW...)
	switch w.n % 3 {
	case 1:
		c.ClientID = bytes.Repeat([]byte{byte(w.n)}, 7*w.n)
		c.Kind, c.ID = KindClientID, c.ClientID
	case 2:
		c.Kind, c.ID = KindCircuit, fmt.Appendf(nil, "line %d", w.n)
		c.HW = bytes.Repeat([]byte{byte(variant)}, []int{6, 16, 6, 8, 16, 0}[variant]) // any device
	}
	c.Relay = bytes.Repeat([]byte{'r'}, variant*13)
	c.Host = bytes.Repeat([]byte{'h'}, variant%2*9)
	return c
}

func (m *model) drawWho() who {
	p := rapid.SampledFrom(m.layout.Pools).Draw(m.rt, "scope")
	return who{p.Scope, rapid.IntRange(0, modelClients-1).Draw(m.rt, "client")}
}

func (m *model) drawAddr() IP4 {
	return IP4(0x0a000000 + rapid.IntRange(1, 24).Draw(m.rt, "addr"))
}

func (m *model) drawBatch() *Batch { return rapid.SampledFrom(m.lanes).Draw(m.rt, "lane") }

func (m *model) request(w who) *Request {
	r := &Request{Client: client(w, rapid.IntRange(0, 5).Draw(m.rt, "variant")), Scope: w.scope,
		Layout: m.layout.Generation, Reserved: m.reserved[w]}
	for i, p := range m.layout.Pools {
		if p.Scope == w.scope {
			r.Pools = append(r.Pools, PoolID(i))
		}
	}
	return r
}

// mayHave says whether the configuration lets w have the address.
func (m *model) mayHave(w who, a IP4) bool {
	if r := m.reserved[w]; r != 0 {
		return a == r
	}
	if m.isReserved(a) {
		return false
	}
	for _, p := range m.layout.Pools {
		for _, rg := range p.Ranges {
			if p.Scope == w.scope && rg.First <= a && a <= rg.Last {
				return true
			}
		}
	}
	return false
}

// moved says whether a reload has given the address to another scope.
func (m *model) moved(w who, a IP4) bool {
	for _, p := range m.layout.Pools {
		for _, rg := range p.Ranges {
			if p.Scope != w.scope && rg.First <= a && a <= rg.Last {
				return true
			}
		}
	}
	return false
}

// of finds an address of w in a state. After a crash that lost the end of an
// older lease there may be two leases: then it is the latest, or the lower address.
func (m *model) of(w who, state Status) (at IP4, found *place) {
	for a, p := range m.at {
		if p.state == state && p.by == w && (found == nil || p.cltt > found.cltt || p.cltt == found.cltt && a < at) {
			at, found = a, p
		}
	}
	return at, found
}

// leases counts the addresses that w has.
func (m *model) leases(w who) (n int) {
	for _, p := range m.at {
		if p.state == Bound && p.by == w {
			n++
		}
	}
	return n
}

// free says whether another client may have the address now.
func (m *model) free(a IP4) bool {
	p := m.place(a)
	return (p.state == None || p.state == Expired) && m.durable(p.freed)
}

// takeBack ends the offer that w holds, if any.
func (m *model) takeBack(w who) {
	if a, p := m.of(w, Offered); p != nil {
		p.state = Expired
		if p.heldOver {
			m.remembered[w] = a
		}
	}
}

// lose removes an address from the memory of all clients.
func (m *model) lose(a IP4) {
	for w, b := range m.remembered {
		if a == b {
			delete(m.remembered, w)
		}
	}
}

func (m *model) offer(rt *rapid.T) {
	w := m.drawWho()
	r := m.request(w)
	if rapid.Bool().Draw(rt, "wants") {
		r.Want = m.drawAddr()
		if b, p := m.of(w, rapid.SampledFrom([]Status{None, Bound, Offered}).Draw(rt, "its own")); p != nil {
			r.Want = b
		}
	}
	// After a reload a shard may have an address of a scope that it does not
	// serve, until the reaper comes by.
	for i := range m.tab.shards {
		if m.tab.shards[i].exile.next != headExile {
			m.reap(m.lanes[0], 1000)
		}
	}
	a, out := m.tab.Offer(r, modelHold, m.now)

	want := IP4(0) // the one right answer, if there is one
	if b, p := m.of(w, Bound); p != nil && m.mayHave(w, b) {
		want = b
	} else if b, p := m.of(w, Offered); p != nil && m.mayHave(w, b) {
		want = b
	} else if b := m.remembered[w]; b != 0 && m.mayHave(w, b) {
		want = b
	} else if m.reserved[w] == 0 && r.Want != 0 && m.mayHave(w, r.Want) && m.free(r.Want) {
		want = r.Want
	}
	anyFree, anyDeclined := false, false
	earliest := Never
	for b := IP4(0x0a000001); b < 0x0a000040; b++ {
		if m.mayHave(w, b) {
			anyFree = anyFree || m.free(b)
			// What another scope's client declined before a reload comes back at its time only.
			if p := m.place(b); p.state == Declined && p.by.scope == w.scope && m.durable(p.freed) {
				anyDeclined = true
				earliest = min(earliest, p.until)
			}
		}
	}
	if m.reserved[w] != 0 {
		anyDeclined = false // probation of a reservation is kept
	}
	if out != OK {
		if out != Full && out != Taken || out == Taken && m.reserved[w] == 0 {
			rt.Fatalf("%v gets %v", w, out)
		}
		if want != 0 || anyFree || anyDeclined {
			rt.Fatalf("%v gets %v; it should have %v, there is something free: %v, on probation: %v", w, out, want, anyFree, anyDeclined)
		}
		return
	}
	p := m.place(a)
	switch {
	case want != 0:
		if a != want {
			rt.Fatalf("%v is offered %v, not %v", w, a, want)
		}
	case !m.mayHave(w, a):
		rt.Fatalf("%v is offered %v, which is not for it", w, a)
	case p.state == Declined:
		if anyFree || p.until > earliest {
			rt.Fatalf("%v is offered %v, on probation until %d", w, a, p.until)
		}
	case !m.free(a):
		rt.Fatalf("%v is offered %v, which is %v by %v or not durably free", w, a, p.state, p.by)
	}
	if p.state == Bound {
		m.takeBack(w)
		return
	}
	if p.state == Offered && p.by == w {
		p.until = max(p.until, m.now+modelHold)
		return
	}
	m.takeBack(w)
	held := m.remembered[w] == a
	if !held {
		m.lose(a)
	}
	*p = place{state: Offered, by: w, until: m.now + modelHold, version: p.version, freed: p.freed, heldOver: held}
}

func (m *model) commit(rt *rapid.T) {
	w := m.drawWho()
	r := m.request(w)
	a := m.drawAddr()
	if b, p := m.of(w, Offered); p != nil && rapid.Bool().Draw(rt, "take the offer") {
		a = b
	} else if b, p := m.of(w, Bound); p != nil && rapid.Bool().Draw(rt, "renew") {
		a = b
	}
	valid := rapid.SampledFrom([]uint32{1, 5, 20, 700, Infinite}).Draw(rt, "valid")
	b := m.drawBatch()
	before := b.Len()
	out, g := m.tab.Commit(r, a, valid, m.now, b)

	p := m.place(a)
	mine := (p.state == Bound || p.state == Offered) && p.by == w || m.remembered[w] == a
	may := m.mayHave(w, a) && (mine || m.free(a))
	if may != (out == OK) {
		rt.Fatalf("%v requests %v (%v by %v, may be had: %v, durably free: %v) and gets %v",
			w, a, p.state, p.by, m.mayHave(w, a), m.free(a), out)
	}
	if out != OK {
		if want := map[bool]Outcome{true: Taken, false: NotYours}[m.reserved[w] == a]; out != want {
			rt.Fatalf("%v requests %v and gets %v, not %v", w, a, out, want)
		}
		if b.Len() != before {
			rt.Fatalf("a refusal was journaled")
		}
		return
	}
	if g.Ticket != b.Ticket() { // a retransmission
		if p.state != Bound || b.Len() != before {
			rt.Fatalf("nothing new was journaled for %v, which was %v", a, p.state)
		}
	}
	until := m.now.add(valid)
	if p.state == Bound && p.by == w && p.until > m.now && p.until != Never {
		until = max(until, p.until) // as it was promised before
	}
	if g.Expires > until || valid != Infinite && g.Expires+5 < until || g.Valid > valid || g.Valid > left(g.Expires, m.now) ||
		valid != Infinite && g.Valid+5 < valid {
		rt.Fatalf("%v is granted until %d, %d seconds from %d; asked for %d", a, g.Expires, g.Valid, m.now, valid)
	}
	// What else the client had is given back.
	for x, q := range m.at {
		if q.state == Bound && q.by == w && x != a {
			*q = place{state: Expired, version: q.version + 1, freed: b.Ticket()}
		}
	}
	if x, q := m.of(w, Offered); q != nil && x != a {
		q.state = Expired
	}
	m.lose(a)
	delete(m.remembered, w)
	version := m.versions(b)[a]
	cltt := m.now
	if g.Ticket != b.Ticket() || b.Len() == before {
		cltt = p.cltt
	}
	*p = place{state: Bound, by: w, until: g.Expires, cltt: cltt, version: max(version, p.version)}
}

// versions are the latest ones of the changes in a batch.
func (m *model) versions(b *Batch) map[IP4]uint32 {
	v := map[IP4]uint32{}
	b.Each(func(rec []byte) {
		c, err := ParseChange(rec)
		if err != nil {
			m.rt.Fatal(err)
		}
		v[c.Addr] = c.Version
	})
	return v
}

func (m *model) release(rt *rapid.T) {
	w := m.drawWho()
	a := m.drawAddr()
	if b, p := m.of(w, Bound); p != nil {
		a = b
	}
	c := client(w, 0)
	b := m.drawBatch()
	out := m.tab.Release(w.scope, &c, a, m.now, b)
	p := m.place(a)
	switch {
	case p.state == Bound && p.by == w:
		if out != OK {
			rt.Fatalf("%v cannot release its %v: %v", w, a, out)
		}
		*p = place{state: Expired, version: p.version + 1, freed: b.Ticket()}
		if m.leases(w) == 0 {
			m.remembered[w] = a
		}
	case p.state == Offered && p.by == w:
		if out != OK {
			rt.Fatalf("%v cannot release its offer of %v: %v", w, a, out)
		}
		m.takeBack(w)
	case out == OK:
		rt.Fatalf("%v releases %v, which is %v by %v", w, a, p.state, p.by)
	}
}

func (m *model) decline(rt *rapid.T) {
	w := m.drawWho()
	a := m.drawAddr()
	if b, p := m.of(w, Bound); p != nil {
		a = b
	}
	c := client(w, 0)
	b := m.drawBatch()
	out := m.tab.Decline(w.scope, &c, a, 50, m.now, b)
	p := m.place(a)
	if mine := (p.state == Bound || p.state == Offered) && p.by == w; mine != (out == OK) {
		rt.Fatalf("%v declines %v, which is %v by %v: %v", w, a, p.state, p.by, out)
	}
	if out == OK {
		*p = place{state: Declined, by: w, until: m.now + 50, version: p.version + 1, freed: b.Ticket()}
		m.lose(a)
	}
}

func (m *model) withdraw(rt *rapid.T) {
	w := m.drawWho()
	c := client(w, 0)
	m.tab.Withdraw(w.scope, &c, m.now)
	m.takeBack(w)
}

func (m *model) expire(rt *rapid.T) {
	m.now += Time(rapid.SampledFrom([]int{0, 1, 3, 10, 60, 800}).Draw(rt, "later"))
	m.reap(m.drawBatch(), rapid.IntRange(1, 10).Draw(rt, "budget"))
}

func (m *model) reap(b *Batch, budget int) {
	for m.tab.Expire(m.now, budget, b) == budget {
	}
	for _, p := range m.at {
		if p.state == Offered && p.until <= m.now {
			m.takeBack(p.by)
		}
	}
	several := map[who]bool{}
	for a, p := range m.at {
		if p.until > m.now {
			continue
		}
		switch p.state {
		case Bound:
			if p.until != Never {
				several[p.by] = several[p.by] || m.leases(p.by) > 1
				m.remembered[p.by] = a
				*p = place{state: Expired, version: p.version + 1, freed: b.Ticket()}
			}
		case Declined:
			*p = place{state: Expired, version: p.version + 1, freed: b.Ticket()}
		}
	}
	// Of several leases at most one is remembered; which one is the table's choice.
	for w := range several {
		delete(m.remembered, w)
		c := client(w, 0)
		if v, ok := m.tab.Find(w.scope, &c, m.now); ok && v.Status == Expired {
			m.remembered[w] = v.Addr
		}
	}
}

// reload changes the configuration.
func (m *model) reload(*rapid.T) {
	m.drawLayout()
	if err := m.tab.Reconfigure(m.layout); err != nil {
		m.rt.Fatal(err)
	}
}

// append hands a batch to the log.
func (m *model) append(*rapid.T) {
	b := m.drawBatch()
	m.numbers[b.Ticket()] = len(m.log)
	m.log = append(m.log, slices.Clone(b.Bytes()))
	b.Reset()
}

// sync makes more of the log durable.
func (m *model) sync(rt *rapid.T) {
	m.synced = rapid.IntRange(m.synced, len(m.log)).Draw(rt, "synced")
}

// held is the observable state: who has what.
type held struct {
	State   Status
	Client  string
	Until   Time
	Version uint32
}

// holds lists a table's leases and probations, and its offers if asked.
func holds(tab *Table, offers bool) map[IP4]held {
	all := map[IP4]held{}
	tab.Each(func(e *Entry) bool {
		if e.Status == Bound || e.Status == Declined || offers && e.Status == Offered {
			all[e.Addr] = held{e.Status, fmt.Sprint(e.Scope, e.Kind, e.ID), e.Expires, e.Version}
		}
		return true
	})
	return all
}

func (m *model) check(rt *rapid.T) {
	sound(rt, m.tab)
	want := map[IP4]held{}
	for a, p := range m.at {
		if p.state == Bound || p.state == Declined || p.state == Offered {
			c := client(p.by, 0)
			want[a] = held{p.state, fmt.Sprint(p.by.scope, c.Kind, c.ID), p.until, p.version}
		}
	}
	if diff := cmp.Diff(want, holds(m.tab, true)); diff != "" {
		rt.Fatalf("(-model +table):\n%s", diff)
	}
	st := m.tab.Stats()
	count := map[Status]uint64{}
	for _, p := range m.at {
		count[p.state]++
	}
	if st.Bound != count[Bound] || st.Offered != count[Offered] || st.Declined != count[Declined] {
		rt.Fatalf("stats say %+v, the model %v", st, count)
	}
	for w, a := range m.remembered {
		c := client(w, 0)
		var e Entry
		known := m.tab.Lookup(a, &e) && e.Scope == w.scope && e.Kind == c.Kind && bytes.Equal(e.ID, c.ID)
		if !known && m.moved(w, a) {
			delete(m.remembered, w) // a shard of the other scope has it now
			continue
		}
		v, ok := m.tab.Find(w.scope, &c, m.now)
		if !known || !ok || v.Addr != a && v.Status != Bound && v.Status != Offered {
			rt.Fatalf("%v should be remembered for %v, and is not: %+v", a, w, v)
		}
	}
}

// naive replays changes: by address, the highest version wins; a Renew belongs
// to the Grant before it.
func (m *model) naive(batches [][]byte) map[IP4]held {
	type state struct {
		held
		start Time
	}
	all := map[IP4]state{}
	for _, data := range batches {
		for len(data) > 0 {
			rec, rest, err := Next(data)
			if err != nil {
				m.rt.Fatal(err)
			}
			data = rest
			c, err := ParseChange(rec)
			if err != nil {
				m.rt.Fatal(err)
			}
			s := all[c.Addr]
			if c.Version <= s.Version {
				continue
			}
			s.Version, s.Until = c.Version, c.Expires
			if c.Full {
				s.Client, s.start = fmt.Sprint(c.Scope, c.Kind, c.ID), c.Start
			}
			switch c.Op {
			case OpGrant:
				s.State = Bound
			case OpRenew:
				if s.State != Bound || s.start != c.Start {
					m.rt.Fatalf("the log has a renewal of %v before its grant", c.Addr)
				}
			case OpDecline:
				s.State = Declined
			default:
				s.State = Expired
			}
			all[c.Addr] = s
		}
	}
	out := map[IP4]held{}
	for a, s := range all {
		if s.State == Bound || s.State == Declined {
			out[a] = s.held
		}
	}
	return out
}

// recover replays batches into a new table.
func (m *model) recover(batches [][]byte) *Table {
	tab, err := New(m.opts)
	if err != nil {
		m.rt.Fatal(err)
	}
	if err := tab.Reconfigure(m.layout); err != nil {
		m.rt.Fatal(err)
	}
	for _, data := range batches {
		replay(m.rt, tab, data)
	}
	tab.Settle()
	sound(m.rt, tab)
	return tab
}

// replays checks that everything journaled so far, in any order that keeps the
// order within each lane, and a snapshot before or after it, give the present.
func (m *model) replays(rt *rapid.T) {
	batches := slices.Clone(m.log)
	for _, b := range m.lanes {
		batches = append(batches, b.Bytes())
	}
	want := m.leased(holds(m.tab, false))
	if diff := cmp.Diff(want, m.leased(m.naive(batches))); diff != "" {
		rt.Fatalf("log against table (-table +log):\n%s", diff)
	}
	if diff := cmp.Diff(want, m.leased(holds(m.recover(batches), false))); diff != "" {
		rt.Fatalf("replay (-before +after):\n%s", diff)
	}
	var snap []byte
	m.tab.Each(func(e *Entry) bool { snap = e.AppendTo(snap); return true })
	for _, order := range [][][]byte{{snap}, append([][]byte{snap}, batches...), append(batches, snap)} {
		if diff := cmp.Diff(want, m.leased(holds(m.recover(order), false))); diff != "" {
			rt.Fatalf("replay with a snapshot (-before +after):\n%s", diff)
		}
	}
}

// leased leaves out probations that ended because nothing else was free: that is
// not journaled, a replay has them again.
func (m *model) leased(all map[IP4]held) map[IP4]held {
	for a, h := range all {
		if h.State == Declined && m.place(a).state != Declined {
			delete(all, a)
		}
	}
	return all
}

// crash goes on with what is durable.
func (m *model) crash(*rapid.T) {
	m.log = m.log[:m.synced]
	m.tab = m.recover(m.log)
	want := m.naive(m.log)
	if diff := cmp.Diff(want, holds(m.tab, false)); diff != "" {
		m.rt.Fatalf("after a crash (-log +table):\n%s", diff)
	}
	// A client that was granted something durably still has it, or has been
	// told otherwise durably: naive says so. The model goes on from there.
	names := map[string]who{}
	for _, scope := range []ScopeID{1, 2} {
		for n := range modelClients {
			w := who{scope, n}
			c := client(w, 0)
			names[fmt.Sprint(scope, c.Kind, c.ID)] = w
		}
	}
	m.at, m.remembered = map[IP4]*place{}, map[who]IP4{}
	m.lanes = nil
	m.numbers = map[Ticket]int{}
	for lane := range uint8(3) {
		m.lanes = append(m.lanes, NewBatch(lane+3*uint8(1+len(m.log)%50)))
	}
	m.tab.Each(func(e *Entry) bool {
		p := m.place(e.Addr)
		p.version = e.Version
		p.until, p.cltt = e.Expires, e.CLTT
		w := names[fmt.Sprint(e.Scope, e.Kind, e.ID)]
		switch e.Status {
		case Bound, Declined:
			p.state, p.by = e.Status, w
		case Expired, Released:
			p.state = Expired
			c := client(w, 0)
			if v, ok := m.tab.Find(w.scope, &c, m.now); ok && v.Addr == e.Addr {
				m.remembered[w] = e.Addr
			}
		default:
			p.state = Expired
		}
		return true
	})
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"":         m.check,
			"offer":    m.offer,
			"offer2":   m.offer,
			"commit":   m.commit,
			"commit2":  m.commit,
			"release":  m.release,
			"decline":  m.decline,
			"withdraw": m.withdraw,
			"expire":   m.expire,
			"append":   m.append,
			"sync":     m.sync,
			"reload":   m.reload,
			"replays":  m.replays,
			"crash":    m.crash,
		})
	})
}
