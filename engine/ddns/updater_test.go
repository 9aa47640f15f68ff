// SPDX-License-Identifier: Apache-2.0

package ddns

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
)

const (
	patience = 20 * time.Second
	begin    = lease.Time(1_800_000_000)
	hour     = 3600
)

// rig is leases, an updater that follows them, and a name server.
type rig struct {
	t     testing.TB
	dns   *nameServer
	table *lease.Table
	six   *lease6.Table
	batch *lease.Batch
	feed  chan []byte
	u     *Updater
	stop  func()

	mu  sync.Mutex
	now lease.Time
}

var tsig = &Key{Name: "dhcp", Algorithm: "hmac-sha256", Secret: "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ=="}

func newRig(t testing.TB, edit ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dns: newNameServer(t, tsig, "example.net", "2.0.192.in-addr.arpa", zone6), batch: lease.NewBatch(1), now: begin}
	var err error
	if r.table, err = lease.New(lease.Options{Shards: 4, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.table.Reconfigure(lease.Layout{Pools: []lease.Pool{{Scope: 1, Name: "p", Ranges: []lease.Range{{First: 0xc000020a, Last: 0xc000020d}}}}}); err != nil {
		t.Fatal(err)
	}
	if r.six, err = lease6.New(lease6.Options{Shards: 4, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	first := ip6("2001:db8::10")
	if err := r.six.Reconfigure(lease6.Layout{Pools: []lease6.Pool{
		{Scope: 1, Name: "p", Len: 128, Ranges: []lease6.Range{{First: first.IP6, Last: lease6.IP6{Hi: first.Hi, Lo: first.Lo + 15}}}},
		{Scope: 1, Name: "q", Len: 56, Ranges: []lease6.Range{lease6.RangeOf(lease6.PrefixFrom(ip6("2001:db8:1::").IP6, 48))}},
	}}); err != nil {
		t.Fatal(err)
	}
	r.start(edit...)
	return r
}

// Next is the feed.
func (r *rig) Next(ctx context.Context) ([]byte, bool, error) {
	select {
	case b := <-r.feed:
		return b, b == nil, nil // nil: something was missed
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
}

// start runs an updater on the leases that there are.
func (r *rig) start(edit ...func(*Config)) {
	r.t.Helper()
	c := Config{
		Zones: []Zone{{Name: "example.net", Server: r.dns.addr, Key: tsig}, {Name: "2.0.192.in-addr.arpa", Server: r.dns.addr, Key: tsig},
			{Name: zone6, Server: r.dns.addr, Key: tsig}},
		Timeout: patience, Backoff: time.Millisecond, Workers: 2,
	}
	for _, e := range edit {
		e(&c)
	}
	r.feed = make(chan []byte, 1000)
	r.u = New(c, r.table, r.six, r.clock, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.u.Run(ctx, r)
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	r.t.Cleanup(r.stop)
	eventually(r.t, "the walk over what was there", func() bool { return r.u.Stats().Walks == 1 })
	r.idle()
}

func (r *rig) clock() lease.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) wait(seconds lease.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now += seconds
}

// flush tells the updater what has changed.
func (r *rig) flush() {
	r.feed <- slices.Clone(r.batch.Bytes())
	r.batch.Reset()
}

func client1(n byte) lease.Client {
	hw := []byte{2, 0, 0, 0, 0, n}
	return lease.Client{Kind: lease.KindHW, HType: 1, HW: hw, ID: append([]byte{1}, hw...)}
}

// grant binds an address of the pool to client n under a name.
func (r *rig) grant(n byte, addr string, host string) {
	r.t.Helper()
	c := client1(n)
	c.Host = []byte(host)
	out, _ := r.table.Commit(&lease.Request{Client: c, Scope: 1, Pools: []lease.PoolID{0}}, ip(addr), hour, r.clock(), r.batch)
	if out != lease.OK {
		r.t.Fatalf("grant %s to %d: %v", addr, n, out)
	}
	r.flush()
}

func (r *rig) release(n byte, addr string) {
	r.t.Helper()
	c := client1(n)
	if out := r.table.Release(1, &c, ip(addr), r.clock(), r.batch); out != lease.OK {
		r.t.Fatalf("release %s: %v", addr, out)
	}
	r.flush()
}

func ip(s string) lease.IP4 {
	b := [4]byte{}
	for i, p := range strings.Split(s, ".") {
		for _, c := range p {
			b[i] = b[i]*10 + byte(c-'0')
		}
	}
	return lease.IP4From(b[:])
}

// eventually asks again until ok: for what nothing announces.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// idle waits until everything that was noted is done.
func (r *rig) idle() {
	r.t.Helper()
	eventually(r.t, "the queue is empty", func() bool {
		return len(r.feed) == 0 && len(r.u.walk) == 0 && r.u.queue.len() == 0
	})
}

// want waits for what a name has in the DNS: "A 192.0.2.10", "PTR pc.example.net.";
// a DHCID counts by its presence.
func (r *rig) want(name string, want ...string) {
	r.t.Helper()
	var got []string
	ok := func() bool {
		got = r.dns.has(name)
		for i, g := range got {
			if strings.HasPrefix(g, "DHCID") {
				got[i] = "DHCID"
			}
		}
		return slices.Equal(got, want)
	}
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s has %v, want %v; %+v", name, got, want, r.u.Stats())
		}
	}
}

const pointer10 = "10.2.0.192.in-addr.arpa."

// RFC 4703 §5.3.1 and §5.4 on a grant, §5.5 on a release: "SHOULD delete the PTR RR",
// "deletes all RRs for the FQDN".
func TestRFC4703_GrantAndRelease(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want("pc.example.net.", "A 192.0.2.10", "DHCID")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	var a dns.RR
	r.dns.mu.Lock()
	for _, rr := range r.dns.records {
		if rr.Header().Rrtype == dns.TypeA {
			a = rr
		}
	}
	r.dns.mu.Unlock()
	// RFC 4702 §5: a third of the lease.
	if ttl := a.Header().Ttl; ttl != hour/3 {
		t.Errorf("TTL %d", ttl)
	}
	r.release(1, "192.0.2.10")
	r.want("pc.example.net.")
	r.want(pointer10)
	r.idle()
	if st := r.u.Stats(); st.Added != 1 || st.Removed != 1 || st.Failures != 0 || st.Conflicts != 0 {
		t.Errorf("%+v", st)
	}
}

// A renewal changes nothing, and asks nothing.
func TestARenewalIsNotNoticed(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.idle()
	updates, queries := r.dns.counts()
	r.wait(1000)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.grant(2, "192.0.2.11", "") // nor one without a name
	r.grant(2, "192.0.2.11", "pc")
	r.idle()
	if u, q := r.dns.counts(); u != updates || q != queries {
		t.Errorf("%d updates and %d queries for nothing", u-updates, q-queries)
	}
}

// RFC 4703 §5.3.2: the same client with another address.
func TestRFC4703_5_3_2_TheSameClientMoves(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.grant(1, "192.0.2.11", "pc.example.net.") // gives .10 back in the same change
	r.want("pc.example.net.", "A 192.0.2.11", "DHCID")
	r.want("11.2.0.192.in-addr.arpa.", "DHCID", "PTR pc.example.net.")
	r.want(pointer10)
}

// RFC 4703 §5.3.3: "FQDN in Use by Another Client": it stays the other's, whether a
// client's or an administrator's.
func TestRFC4703_5_3_3_InUseByAnother(t *testing.T) {
	r := newRig(t)
	r.dns.put("www.example.net. 60 IN A 198.51.100.1")
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.grant(2, "192.0.2.11", "pc.example.net.")
	r.grant(3, "192.0.2.12", "www.example.net.")
	eventually(t, "two conflicts", func() bool { return r.u.Stats().Conflicts == 2 })
	r.idle()
	r.want("pc.example.net.", "A 192.0.2.10", "DHCID")
	r.want("www.example.net.", "A 198.51.100.1")
	r.want("11.2.0.192.in-addr.arpa.")
	r.want("12.2.0.192.in-addr.arpa.")
	// Nor do they lose it when the others go.
	r.release(2, "192.0.2.11")
	r.release(3, "192.0.2.12")
	r.idle()
	r.want("pc.example.net.", "A 192.0.2.10", "DHCID")
	r.want("www.example.net.", "A 198.51.100.1")
}

// RFC 4702 §3.3: the client does its A record, the server the pointer.
func TestRFC4702_3_3_OnlyThePointer(t *testing.T) {
	r := newRig(t)
	r.dns.put("pc.example.net. 60 IN A 192.0.2.10")
	r.grant(1, "192.0.2.10", "pc.example.net")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.want("pc.example.net.", "A 192.0.2.10")
	r.release(1, "192.0.2.10")
	r.want(pointer10)
	r.want("pc.example.net.", "A 192.0.2.10")
	// A name outside of our zones has a pointer all the same.
	r.grant(1, "192.0.2.10", "pc.example.org")
	r.want(pointer10, "DHCID", "PTR pc.example.org.")
}

// RFC 4703 §5.5: "the updater should only remove the DHCID RR if there are no A or
// AAAA RRs remaining for the client."
func TestRFC4703_5_5_AAAARemains(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.dns.put("pc.example.net. 60 IN AAAA 2001:db8::1")
	r.release(1, "192.0.2.10")
	r.want(pointer10)
	r.want("pc.example.net.", "AAAA 2001:db8::1", "DHCID")
}

// RFC 4703 §5.5: "the client whose address has expired has moved to another network
// and obtained an address from a different server": its new record stays.
func TestRFC4703_5_5_NotOursAnyMore(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.dns.mu.Lock()
	for _, rr := range r.dns.records {
		if a, ok := rr.(*dns.A); ok {
			a.A = []byte{198, 51, 100, 7}
		}
	}
	r.dns.mu.Unlock()
	r.release(1, "192.0.2.10")
	r.want(pointer10)
	r.want("pc.example.net.", "A 198.51.100.7", "DHCID")
}

func TestExpiry(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.wait(hour)
	r.table.Expire(r.clock(), 1000, r.batch)
	r.flush()
	r.want("pc.example.net.")
	r.want(pointer10)
}

// A declined address, and one that has gone to another client meanwhile: the table
// does not say any more whose the name was.
func TestAForgottenClient(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	c := client1(1)
	if out := r.table.Decline(1, &c, ip("192.0.2.10"), 60, r.clock(), r.batch); out != lease.OK {
		t.Fatal(out)
	}
	r.flush()
	r.want("pc.example.net.")
	r.want(pointer10)

	r.grant(2, "192.0.2.11", "two.example.net.")
	r.want("11.2.0.192.in-addr.arpa.", "DHCID", "PTR two.example.net.")
	c = client1(2)
	r.table.Release(1, &c, ip("192.0.2.11"), r.clock(), r.batch)
	r.grant(3, "192.0.2.11", "three.example.net.") // both changes at once
	r.want("11.2.0.192.in-addr.arpa.", "DHCID", "PTR three.example.net.")
	r.want("two.example.net.")
	r.want("three.example.net.", "A 192.0.2.11", "DHCID")
}

// A client that says another name, or none.
func TestANewName(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.grant(1, "192.0.2.10", "laptop.example.net.")
	r.want(pointer10, "DHCID", "PTR laptop.example.net.")
	r.want("laptop.example.net.", "A 192.0.2.10", "DHCID")
	r.want("pc.example.net.")
	r.grant(1, "192.0.2.10", "laptop") // no update wanted
	r.want(pointer10)
	r.want("laptop.example.net.")
}

// A server that does not answer, or refuses, is tried again; the latest state counts.
func TestTroubleIsTriedAgain(t *testing.T) {
	for name, trouble := range map[string]func(*nameServer){
		"deaf":     func(s *nameServer) { s.behave(0, true) },
		"SERVFAIL": func(s *nameServer) { s.behave(dns.RcodeServerFailure, false) },
		"REFUSED":  func(s *nameServer) { s.behave(dns.RcodeRefused, false) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Timeout, c.Tries = 10*time.Millisecond, 1000 })
			trouble(r.dns)
			r.grant(1, "192.0.2.10", "pc.example.net.")
			r.grant(1, "192.0.2.10", "laptop.example.net.")
			eventually(t, "some tries", func() bool { return r.u.Stats().Failures >= 3 })
			if st := r.u.Stats(); st.Waiting != 1 {
				t.Errorf("%+v", st)
			}
			r.dns.behave(0, false)
			r.want(pointer10, "DHCID", "PTR laptop.example.net.")
			r.want("pc.example.net.")
		})
	}
}

// RFC 8945: a server that does not know the key says NOTAUTH; nothing changes, and it
// is given up in the end.
func TestAWrongKey(t *testing.T) {
	r := newRig(t, func(c *Config) {
		wrong := *tsig
		wrong.Secret = "d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmch"
		for i := range c.Zones {
			c.Zones[i].Key = &wrong
		}
		c.Tries = 3
	})
	r.grant(1, "192.0.2.10", "pc.example.net.")
	eventually(t, "it is given up", func() bool { return r.u.Stats().GivenUp == 1 })
	r.idle()
	if updates, _ := r.dns.counts(); updates != 0 || r.u.Stats().Failures != 2 {
		t.Errorf("%d updates, %+v", updates, r.u.Stats())
	}
}

// A restart asks once for each name, and finishes what the process before it did not.
func TestRestart(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.grant(2, "192.0.2.11", "two.example.net.")
	r.want(pointer10, "DHCID", "PTR pc.example.net.")
	r.want("11.2.0.192.in-addr.arpa.", "DHCID", "PTR two.example.net.")
	r.idle()
	r.stop()
	r.release(1, "192.0.2.10") // nobody follows
	r.grant(3, "192.0.2.12", "three.example.net.")
	updates, queries := r.dns.counts()
	r.start()
	r.want(pointer10)
	r.want("pc.example.net.")
	r.want("12.2.0.192.in-addr.arpa.", "DHCID", "PTR three.example.net.")
	r.idle()
	u, q := r.dns.counts()
	// Two steps for the old A, its pointer, the new A and pointer; nothing for the
	// name that is in order.
	if u-updates != 5 || q-queries < 3 {
		t.Errorf("%d updates, %d queries", u-updates, q-queries)
	}
}

// More changes than the queue holds, and changes that the feed has lost: a walk finds
// what is left.
func TestNothingIsForgottenWhenTheQueueIsFull(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Queue, c.Timeout, c.Tries = 2, 10*time.Millisecond, 1000 })
	r.dns.behave(0, true)
	r.grant(1, "192.0.2.10", "a.example.net.")
	r.grant(2, "192.0.2.11", "b.example.net.")
	r.grant(3, "192.0.2.12", "c.example.net.")
	eventually(t, "one is dropped", func() bool { return r.u.Stats().Dropped >= 1 })
	r.dns.behave(0, false)
	for i, name := range []string{"a", "b", "c"} {
		r.want(dns.CanonicalName(name+".example.net"), "A 192.0.2."+[]string{"10", "11", "12"}[i], "DHCID")
	}
	c := client1(3)
	r.table.Release(1, &c, ip("192.0.2.12"), r.clock(), r.batch)
	r.batch.Reset()
	r.feed <- nil
	r.want("c.example.net.")
}

// Names that no zone holds are counted and left alone.
func TestNoZone(t *testing.T) {
	r := newRig(t)
	r.grant(1, "192.0.2.10", "pc.example.org.")
	eventually(t, "it is counted", func() bool { return r.u.Stats().NoZone == 1 })
	r.idle()
	if updates, _ := r.dns.counts(); updates != 0 {
		t.Errorf("%d updates", updates)
	}
}

// Without a reverse zone the names are kept all the same.
func TestOnlyAForwardZone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Zones = c.Zones[:1] })
	r.grant(1, "192.0.2.10", "pc.example.net.")
	r.want("pc.example.net.", "A 192.0.2.10", "DHCID")
	r.release(1, "192.0.2.10")
	r.want("pc.example.net.")
	r.idle()
	if st := r.u.Stats(); st.Added != 1 || st.Removed != 1 {
		t.Errorf("%+v", st)
	}
}
