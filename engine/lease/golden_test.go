// SPDX-License-Identifier: Apache-2.0

package lease

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

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
			s.sound()
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
	lanes   map[uint8]*Batch
	log     []struct {
		ticket Ticket
		data   []byte
	}
	durable map[uint8]uint64 // by lane: the last number on disk; absent: all
	out     strings.Builder
}

func newScript(t *testing.T) *script {
	s := &script{t: t, lanes: map[uint8]*Batch{}, durable: map[uint8]uint64{}}
	s.opts = Options{Shards: 4, PerShard: 256, Seed: 1, Durable: func(k Ticket) bool {
		last, slow := s.durable[k.Lane()]
		return !slow || k.Number() <= last
	}}
	s.make()
	return s
}

func (s *script) make() {
	var err error
	if s.tab, err = New(s.opts); err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) sound() {
	s.t.Helper()
	sound(s.t, s.tab)
}

// sound checks all shards of a table that nobody uses meanwhile.
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
		return Infinite
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return uint32(n)
}

func (a args) ip(key string) IP4 {
	if v, ok := a.m[key]; ok {
		return ip(v)
	}
	return 0
}

func ip(s string) IP4 {
	var a IP4
	for _, p := range strings.Split(s, ".") {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			panic(err)
		}
		a = a<<8 | IP4(n)
	}
	return a
}

// mac reads 02::01 as six bytes.
func mac(s string) []byte {
	head, tail, gap := strings.Cut(s, "::")
	read := func(s string) (b []byte) {
		for _, p := range strings.Split(s, ":") {
			if p == "" {
				continue
			}
			n, err := strconv.ParseUint(p, 16, 8)
			if err != nil {
				panic(err)
			}
			b = append(b, byte(n))
		}
		return b
	}
	b := read(head)
	if gap {
		end := read(tail)
		b = append(append(b, make([]byte, 6-len(b)-len(end))...), end...)
	}
	return b
}

// client reads mac=, cid= (hex), relay=, host=, and line= for a client that is
// identified by its circuit.
func (a args) client() Client {
	c := Client{Kind: KindHW, HType: 1, HW: mac(a.str("mac", "02::01"))}
	c.ID = append([]byte{1}, c.HW...)
	if v, ok := a.m["cid"]; ok {
		b, err := hex.DecodeString(v)
		if err != nil {
			a.s.t.Fatal(err)
		}
		c.Kind, c.ID, c.ClientID = KindClientID, b, b
	}
	if v, ok := a.m["line"]; ok {
		c.Kind, c.ID = KindCircuit, []byte(v)
	}
	c.Relay = []byte(a.str("relay", ""))
	c.Host = []byte(a.str("host", ""))
	return c
}

func (a args) request() *Request {
	r := &Request{Client: a.client(), Scope: ScopeID(a.num("scope", 1)), Layout: a.num("layout", 0),
		Reserved: a.ip("reserved"), Want: a.ip("want")}
	names := a.str("pools", "")
	lay := a.s.force
	for i, p := range lay.Pools {
		if names == "" && p.Scope == r.Scope || slices.Contains(strings.Split(names, ","), p.Name) {
			r.Pools = append(r.Pools, PoolID(i))
		}
	}
	if v, ok := a.m["index"]; ok { // of another layout
		n, err := strconv.Atoi(v)
		if err != nil {
			a.s.t.Fatal(err)
		}
		r.Pools = []PoolID{PoolID(n)}
	}
	return r
}

func (a args) batch() *Batch {
	lane := uint8(a.num("lane", 1))
	if a.s.lanes[lane] == nil {
		a.s.lanes[lane] = NewBatch(lane)
	}
	return a.s.lanes[lane]
}

func (s *script) printf(format string, v ...any) { fmt.Fprintf(&s.out, format+"\n", v...) }

// journaled prints what a command has added to the batch.
func (s *script) journaled(b *Batch, before int) {
	for rest := b.Bytes()[before:]; len(rest) > 0; {
		rec, tail, err := Next(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		rest = tail
		c, err := ParseChange(rec)
		if err != nil {
			s.t.Fatal(err)
		}
		line := fmt.Sprintf("  journal: %s %s v%d at=%d", c.Op, c.Addr, c.Version, c.At)
		if c.Op == OpGrant || c.Op == OpRenew || c.Op == OpDecline {
			line += " until=" + until(c.Expires)
		}
		if c.Full && c.Op != OpGrant {
			line += " full"
		}
		s.printf("%s", line)
	}
}

func until(t Time) string {
	if t == Never {
		return "never"
	}
	return strconv.Itoa(int(t))
}

// run carries out one command:
//
//	table shards=N per-shard=N                a new, empty table
//	pool NAME RANGE[,RANGE] scope=N           for the next reload
//	reserve ADDR scope=N                      likewise
//	reload gen=N                              put them in force
//	discover CLIENT [want= reserved= pools= hold=] t=
//	request CLIENT addr= valid= [reserved= pools= lane=] t=
//	release|withdraw|find CLIENT [addr= lane=] t=
//	decline CLIENT addr= probation= t=
//	expire t= [budget= lane=]
//	append lane=N                             the batch goes to the log
//	durable lane=N number=N                   the lane's batches are on disk up to there, and no further
//	list, stats, pools
//	hold ADDR until=                          what a repair does: a Decline by nobody
//	crash                                     a new table from the log
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
	now := Time(a.num("t", 0))
	scope := ScopeID(a.num("scope", 1))
	cl := a.client()
	b := a.batch()
	before := len(b.Bytes())
	switch words[0] {
	case "table":
		s.opts.Shards = int(a.num("shards", 4))
		s.opts.PerShard = int(a.num("per-shard", 256))
		s.make()
	case "pool":
		p := Pool{Scope: scope, Name: plain[0]}
		for _, rg := range strings.Split(plain[1], ",") {
			first, last, _ := strings.Cut(rg, "-")
			p.Ranges = append(p.Ranges, Range{ip(first), ip(last)})
		}
		s.pending.Pools = append(s.pending.Pools, p)
	case "reserve":
		s.pending.Reserved = append(s.pending.Reserved, Reserved{ip(plain[0]), scope})
	case "reload":
		s.pending.Generation = a.num("gen", 0)
		s.force, s.pending = s.pending, Layout{}
		if err := s.tab.Reconfigure(s.force); err != nil {
			s.printf("%v", err)
		}
	case "discover":
		addr, out := s.tab.Offer(a.request(), a.num("hold", 10), now)
		if out != OK {
			s.printf("%s", out)
			return
		}
		s.printf("offer %s", addr)
	case "request":
		out, g := s.tab.Commit(a.request(), a.ip("addr"), a.num("valid", 3600), now, b)
		if out != OK {
			s.printf("%s", out)
			break
		}
		s.printf("ack until=%s valid=%d ticket=%d/%d", until(g.Expires), g.Valid, g.Ticket.Lane(), g.Ticket.Number())
	case "release":
		s.printf("%s", s.tab.Release(scope, &cl, a.ip("addr"), now, b))
	case "decline":
		s.printf("%s", s.tab.Decline(scope, &cl, a.ip("addr"), a.num("probation", 600), now, b))
	case "withdraw":
		s.tab.Withdraw(scope, &cl, now)
	case "find":
		v, ok := s.tab.Find(scope, &cl, now)
		if !ok {
			s.printf("nothing")
			break
		}
		s.printf("%s %s v%d start=%d expires=%s cltt=%d", v.Addr, v.Status, v.Version, v.Start, until(v.Expires), v.CLTT)
	case "expire":
		s.printf("looked at %d", s.tab.Expire(now, int(a.num("budget", 1000)), b))
	case "append":
		s.log = append(s.log, struct {
			ticket Ticket
			data   []byte
		}{b.Ticket(), slices.Clone(b.Bytes())})
		b.Reset()
		return
	case "durable":
		s.durable[b.Lane()] = uint64(a.num("number", 0))
	case "list":
		var es []Entry
		s.tab.Each(func(e *Entry) bool { es = append(es, clone(e)); return true })
		slices.SortFunc(es, func(x, y Entry) int { return int(x.Addr) - int(y.Addr) })
		for _, e := range es {
			s.printf("%s", describe(&e))
		}
	case "stats":
		st := s.tab.Stats()
		s.printf("bound=%d offered=%d declined=%d idle=%d clean=%d steals=%d", st.Bound, st.Offered, st.Declined, st.Idle, st.Clean, st.Steals)
	case "pools":
		for _, p := range s.tab.PoolStats() {
			s.printf("%s size=%d bound=%d offered=%d declined=%d free=%d", p.Name, p.Size, p.Bound, p.Offered, p.Declined, p.Free)
		}
	case "hold":
		c := Change{Op: OpDecline, Addr: ip(plain[0]), Version: 1, Expires: Time(a.num("until", 0))}
		replay(s.t, s.tab, c.AppendTo(nil))
	case "crash":
		s.make()
		if err := s.tab.Reconfigure(s.force); err != nil {
			s.t.Fatal(err)
		}
		for _, e := range s.log {
			if s.opts.Durable(e.ticket) {
				replay(s.t, s.tab, e.data)
			}
		}
		s.tab.Settle()
		s.lanes = map[uint8]*Batch{}
		s.durable = map[uint8]uint64{}
		return
	default:
		s.t.Fatalf("unknown command %q", line)
	}
	s.journaled(b, before)
}

// replay applies the changes of a batch.
func replay(t interface {
	Helper()
	Fatalf(string, ...any)
}, tab *Table, data []byte) {
	t.Helper()
	for len(data) > 0 {
		rec, rest, err := Next(data)
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
	c.HW, c.ID, c.ClientID = slices.Clone(e.HW), slices.Clone(e.ID), slices.Clone(e.ClientID)
	c.Relay, c.Host = slices.Clone(e.Relay), slices.Clone(e.Host)
	return c
}

// describe prints an entry as `xdhcpd leases` might.
func describe(e *Entry) string {
	line := fmt.Sprintf("%s %s v%d", e.Addr, e.Status, e.Version)
	if e.Status != None {
		line += fmt.Sprintf(" start=%d expires=%s cltt=%d", e.Start, until(e.Expires), e.CLTT)
	}
	if e.Kind != 0 {
		line += fmt.Sprintf(" scope=%d %s=%x hw=%x", e.Scope, e.Kind, e.ID, e.HW)
	}
	if len(e.ClientID) > 0 {
		line += fmt.Sprintf(" cid=%x", e.ClientID)
	}
	if len(e.Relay) > 0 {
		line += fmt.Sprintf(" relay=%s", e.Relay)
	}
	if len(e.Host) > 0 {
		line += fmt.Sprintf(" host=%s", e.Host)
	}
	return line
}
