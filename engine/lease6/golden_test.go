// SPDX-License-Identifier: Apache-2.0

package lease6

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"xdhcp/engine/lease"
	"xdhcp/internal/golden"
)

// See script.run for the commands.
func TestScripts(t *testing.T) {
	golden.Run(t, "testdata/*.txt", func(t *testing.T) func([]string) string {
		s := newScript(t)
		return func(commands []string) string {
			s.out.Reset()
			for _, line := range commands {
				s.run(line)
			}
			sound(t, s.tab)
			return s.out.String()
		}
	})
}

// script is a table, the batches that feed its journal, and that journal.
type script struct {
	t       *testing.T
	opts    Options
	tab     *Table
	pending Layout // what pool and reserve lines have said since the last reload
	force   Layout
	lanes   map[uint8]*lease.Batch
	log     []logged
	durable map[uint8]uint64 // by lane: the last number on disk; absent: all
	out     strings.Builder
}

type logged struct {
	ticket lease.Ticket
	data   []byte
}

func newScript(t *testing.T) *script {
	s := &script{t: t, lanes: map[uint8]*lease.Batch{}, durable: map[uint8]uint64{}}
	s.opts = Options{Shards: 4, Seed: 1, Durable: func(k lease.Ticket) bool {
		last, slow := s.durable[k.Lane()]
		return !slow || k.Number() <= last
	}}
	s.tab = newTable(t, s.opts)
	return s
}

func newTable(t testing.TB, o Options) *Table {
	t.Helper()
	tab, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

// sound checks a table that nobody uses meanwhile.
func sound(t interface {
	Helper()
	Fatalf(string, ...any)
}, tab *Table) {
	t.Helper()
	for i := range tab.shards {
		sh := &tab.shards[i]
		sh.mu.Lock()
		wrong := sh.check()
		sh.mu.Unlock()
		if wrong != "" {
			t.Fatalf("shard %d: %s", i, wrong)
		}
	}
	if wrong := tab.checkPools(); wrong != "" {
		t.Fatalf("%s", wrong)
	}
}

// checkPools says what is wrong with the idle lists of a table that nobody uses
// meanwhile, and with the odd list.
func (t *Table) checkPools() string {
	odd := 0
	for i := range t.shards {
		t.shards[i].records(func(_ ref, rec *record) {
			if rec.flags&fOdd != 0 {
				odd++
			}
		})
	}
	stand := 0
	for _, list := range [][]oddEntry{t.odd.sorted, t.odd.tail} {
		for _, e := range list {
			if !e.dead && !e.freed {
				stand++
			}
		}
	}
	if odd != stand {
		return "the odd list is miscounted"
	}
	for _, p := range append([]*pool{&t.strays}, t.layout.pools...) {
		n, prev := uint64(0), headIdle
		for r := p.idle.next; r != headIdle; r = t.rec(r).next {
			rec := t.rec(r)
			if rec.state != stIdle || rec.prev != prev || t.home(r).poolOf(rec) != p {
				return "an idle list is torn: " + p.name
			}
			prev = r
			n++
		}
		if p.idle.prev != prev || n != p.n[stIdle].Load() {
			return "an idle list is miscounted: " + p.name
		}
	}
	return ""
}

// args are the key=value words of a line.
type args struct {
	s *script
	m map[string]string
}

func (a args) str(key, def string) string {
	if v, ok := a.m[key]; ok {
		return v
	}
	return def
}

func (a args) num(key string, def uint32) uint32 {
	v, ok := a.m[key]
	if !ok {
		return def
	}
	if v == "infinite" {
		return lease.Infinite
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return uint32(n)
}

// pfx reads an address or a prefix; absent: none.
func (a args) pfx(key string) Prefix {
	if v, ok := a.m[key]; ok {
		return pfx(v)
	}
	return Prefix{}
}

func pfx(s string) Prefix {
	if !strings.Contains(s, "/") {
		return AddrPrefix(ip(s))
	}
	p := netip.MustParsePrefix(s)
	b := p.Addr().As16()
	return Prefix{IP6From(b[:]), uint8(p.Bits())}
}

func ip(s string) IP6 {
	b := netip.MustParseAddr(s).As16()
	return IP6From(b[:])
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// client reads duid= (hex), ll= (hex, with type), iface=, remote=, host=.
func (a args) client() Client {
	return Client{DUID: unhex(a.str("duid", "00030001020000000001")), LinkLayer: unhex(a.str("ll", "")),
		Peer: unhex(a.str("peer", "")), InterfaceID: []byte(a.str("iface", "")),
		RemoteID: []byte(a.str("remote", "")), Host: []byte(a.str("host", ""))}
}

// ia reads ia=na|ta|pd and iaid=.
func (a args) ia() IA {
	return IA{map[string]IAType{"na": NA, "ta": TA, "pd": PD}[a.str("ia", "na")], a.num("iaid", 1)}
}

func (a args) request() *Request {
	r := &Request{Client: a.client(), IA: a.ia(), Scope: lease.ScopeID(a.num("scope", 1)), Layout: a.num("layout", 0),
		Reserved: a.pfx("reserved"), Hint: a.pfx("hint"),
		Reconfigure: map[string]Accept{"yes": AcceptYes, "no": AcceptNo}[a.str("accept", "")]}
	names := a.str("pools", "")
	for i, p := range a.s.force.Pools {
		if names == "" && p.Scope == r.Scope || slices.Contains(strings.Split(names, ","), p.Name) {
			r.Pools = append(r.Pools, lease.PoolID(i))
		}
	}
	if _, ok := a.m["index"]; ok { // of another layout
		r.Pools = []lease.PoolID{lease.PoolID(a.num("index", 0))}
	}
	return r
}

func (a args) batch() *lease.Batch {
	lane := uint8(a.num("lane", 1))
	if a.s.lanes[lane] == nil {
		a.s.lanes[lane] = lease.NewBatch(lane)
	}
	return a.s.lanes[lane]
}

func (s *script) printf(format string, v ...any) { fmt.Fprintf(&s.out, format+"\n", v...) }

// journaled prints what a command has added to the batch.
func (s *script) journaled(b *lease.Batch, before int) {
	for rest := b.Bytes()[before:]; len(rest) > 0; {
		rec, tail, err := lease.Next(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		rest = tail
		c, err := ParseChange(rec)
		if err != nil {
			s.t.Fatal(err)
		}
		line := fmt.Sprintf("  journal: %s %s v%d at=%d", c.Op, c.Prefix, c.Version, c.At)
		if c.Op == OpGrant || c.Op == OpRenew || c.Op == OpDecline {
			line += " until=" + until(c.Expires)
		}
		if c.Full && c.Op != OpGrant && c.Op != OpRenew {
			line += " full"
		}
		s.printf("%s", line)
	}
}

func until(t lease.Time) string {
	if t == lease.Never {
		return "never"
	}
	return strconv.Itoa(int(t))
}

// run carries out one command:
//
//	table shards=N remember=S                 a new, empty table
//	pool NAME PREFIX|FIRST-LAST[,…] len=N method=random|iterative|eui64|hashed scope=N
//	reserve PREFIX scope=N                    both for the next reload
//	reload gen=N                              put them in force
//	solicit CLIENT IA [hint= reserved= pools= hold=] t=
//	request CLIENT IA addr= valid= pref= [reserved= pools= accept=yes|no lane=] t=
//	release|withdraw|leases CLIENT IA [addr= lane=] t=
//	decline CLIENT IA addr= probation= t=
//	expire t= [budget= lane=]
//	append lane=N                             the batch goes to the log
//	durable lane=N number=N                   the lane's batches are on disk up to there, and no further
//	list, stats, pools, find ADDR, of CLIENT
//	hold PREFIX until=                        what a repair does: a Decline by nobody,
//	hold-fresh until=                         or all that is not known
//	crash                                     a new table from the log
//	snapshot                                  a new table from the table
func (s *script) run(line string) {
	words := strings.Fields(line)
	a := args{s: s, m: map[string]string{}}
	var plain []string
	for _, w := range words[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			a.m[k] = v
		} else {
			plain = append(plain, w)
		}
	}
	now := lease.Time(a.num("t", 0))
	scope := lease.ScopeID(a.num("scope", 1))
	duid := a.client().DUID
	b := a.batch()
	before := len(b.Bytes())
	switch words[0] {
	case "table":
		s.opts.Shards, s.opts.Remember = int(a.num("shards", 4)), a.num("remember", 0)
		s.opts.MaxOffers = int(a.num("offers", 0))
		s.tab = newTable(s.t, s.opts)
	case "pool":
		p := Pool{Scope: scope, Name: plain[0], Len: uint8(a.num("len", 128)),
			Method: map[string]Method{"random": Random, "iterative": Iterative, "eui64": EUI64, "hashed": Hashed}[a.str("method", "iterative")]}
		for _, rg := range strings.Split(plain[1], ",") {
			if first, last, ok := strings.Cut(rg, "-"); ok {
				p.Ranges = append(p.Ranges, Range{ip(first), ip(last)})
			} else {
				p.Ranges = append(p.Ranges, RangeOf(pfx(rg)))
			}
		}
		s.pending.Pools = append(s.pending.Pools, p)
	case "reserve":
		s.pending.Reserved = append(s.pending.Reserved, Reserved{pfx(plain[0]), scope})
	case "reload":
		s.pending.Generation = a.num("gen", 0)
		next := s.pending
		s.pending = Layout{}
		if err := s.tab.Reconfigure(next); err != nil {
			s.printf("%v", err)
			break
		}
		s.force = next
	case "solicit":
		p, out := s.tab.Offer(a.request(), a.num("hold", 10), now)
		if out != lease.OK {
			s.printf("%s", out)
			return
		}
		s.printf("offer %s", p)
	case "request":
		g, out := s.tab.Commit(a.request(), a.pfx("addr"), a.num("pref", 1800), a.num("valid", 3600), now, b)
		if out != lease.OK {
			s.printf("%s", out)
			break
		}
		s.printf("reply until=%s pref=%d valid=%d ticket=%d/%d", until(g.Expires), g.Preferred, g.Valid, g.Ticket.Lane(), g.Ticket.Number())
	case "release":
		s.printf("%s", s.tab.Release(scope, duid, a.ia(), a.pfx("addr"), now, b))
	case "decline":
		s.printf("%s", s.tab.Decline(scope, duid, a.ia(), a.pfx("addr"), a.num("probation", 600), now, b))
	case "withdraw":
		s.tab.Withdraw(scope, duid, a.ia(), now)
	case "leases":
		vs := s.tab.Leases(scope, duid, a.ia(), now, nil)
		for _, v := range vs {
			s.printf("%s %s v%d start=%d pref=%s expires=%s cltt=%d", v.Prefix, v.Status, v.Version, v.Start, until(v.Preferred), until(v.Expires), v.CLTT)
		}
		if len(vs) == 0 {
			s.printf("nothing")
		}
	case "expire":
		s.printf("looked at %d", s.tab.Expire(now, int(a.num("budget", 1000)), b))
	case "append":
		s.log = append(s.log, logged{b.Ticket(), slices.Clone(b.Bytes())})
		b.Reset()
		return
	case "durable":
		s.durable[b.Lane()] = uint64(a.num("number", 0))
	case "list":
		s.list(func(fn func(*Entry) bool) { s.tab.Each(fn) })
	case "of":
		s.list(func(fn func(*Entry) bool) { s.tab.EachOf(duid, fn) })
	case "find":
		var e Entry
		if !s.tab.Find(ip(plain[0]), &e) {
			s.printf("nothing")
			break
		}
		s.printf("%s", describe(&e))
	case "stats":
		st := s.tab.Stats()
		s.printf("bound=%d prefixes=%d offered=%d declined=%d idle=%d steals=%d", st.Bound, st.Prefixes, st.Offered, st.Declined, st.Idle, st.Steals)
	case "pools":
		for _, p := range s.tab.PoolStats() {
			s.printf("%s /%d size=%d bound=%d offered=%d declined=%d free=%d", p.Name, p.Len, p.Size, p.Bound, p.Offered, p.Declined, p.Free)
		}
	case "hold":
		c := Change{Op: OpDecline, Prefix: pfx(plain[0]), Version: 1, Expires: lease.Time(a.num("until", 0))}
		replay(s.t, s.tab, c.AppendTo(nil))
	case "hold-fresh":
		s.tab.HoldFresh(lease.Time(a.num("until", 0)))
	case "crash":
		s.fresh()
		for _, e := range s.log {
			if s.opts.Durable(e.ticket) {
				replay(s.t, s.tab, e.data)
			}
		}
		s.tab.Settle()
		s.lanes = map[uint8]*lease.Batch{}
		s.durable = map[uint8]uint64{}
		return
	case "snapshot":
		var data []byte
		s.tab.Each(func(e *Entry) bool { data = e.AppendTo(data); return true })
		s.fresh()
		replay(s.t, s.tab, data)
		s.tab.Settle()
		return
	default:
		s.t.Fatalf("unknown command %q", line)
	}
	s.journaled(b, before)
}

// fresh makes a new table with the layout in force.
func (s *script) fresh() {
	s.tab = newTable(s.t, s.opts)
	if err := s.tab.Reconfigure(s.force); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) list(each func(func(*Entry) bool)) {
	var es []Entry
	each(func(e *Entry) bool { es = append(es, clone(e)); return true })
	slices.SortFunc(es, func(x, y Entry) int { return x.Prefix.Compare(y.Prefix) })
	for _, e := range es {
		s.printf("%s", describe(&e))
	}
}

// replay applies the changes of a batch.
func replay(t interface {
	Helper()
	Fatalf(string, ...any)
}, tab *Table, data []byte) {
	t.Helper()
	for len(data) > 0 {
		rec, rest, err := lease.Next(data)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if err := tab.Apply(rec); err != nil {
			t.Fatalf("%v", err)
		}
		data = rest
	}
}

func clone(e *Entry) Entry {
	c := *e
	for _, p := range []*[]byte{&c.DUID, &c.LinkLayer, &c.Peer, &c.InterfaceID, &c.RemoteID, &c.SubscriberID, &c.RelayID, &c.Host} {
		*p = slices.Clone(*p)
	}
	c.buf = nil
	return c
}

// describe prints an entry as `xdhcpd leases` might.
func describe(e *Entry) string {
	line := fmt.Sprintf("%s %s v%d", e.Prefix, e.Status, e.Version)
	if e.Status != lease.None {
		line += fmt.Sprintf(" start=%d pref=%s expires=%s cltt=%d", e.Start, until(e.Preferred), until(e.Expires), e.CLTT)
	}
	if e.IA.Type != 0 {
		line += fmt.Sprintf(" scope=%d %s/%d duid=%x", e.Scope, e.IA.Type, e.IA.ID, e.DUID)
	}
	for _, p := range []struct {
		name string
		b    []byte
	}{{"iface", e.InterfaceID}, {"remote", e.RemoteID}, {"host", e.Host}} {
		if len(p.b) > 0 {
			line += fmt.Sprintf(" %s=%s", p.name, p.b)
		}
	}
	if e.Accepts {
		line += " accepts"
	}
	if len(e.LinkLayer) > 0 {
		line += fmt.Sprintf(" ll=%x", e.LinkLayer)
	}
	return line
}
