// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"xdhcp/engine/exchange6"
	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/lease6"
	"xdhcp/engine/policy6"
	"xdhcp/engine/worker"
)

// crowd6 is clients with an address and a prefix each, known by the last four bytes
// of their DUIDs.
type crowd6 struct {
	h     *Handler
	batch *lease.Batch
	n     int
	now   time.Time
	has   [][2]lease6.IP6 // each client's address and prefix
	bufs  [worker.BatchSize][]byte
	fs    [worker.BatchSize]frame.Frame
}

// template6 is a frame in which each client's own bytes are patched.
type template6 struct {
	frame []byte
	duid  int    // where the number in the DUID is
	named [2]int // where the address and the prefix are that the client names, 0: it does not
}

// What stands in a template for the client's address and prefix.
const anyAddr, anyPrefix = "2001:db8:ffff:aaaa::1", "2001:db8:ffff:bb00::/56"

// newCrowd6 is the real exchange on a table of its own.
func newCrowd6(b testing.TB, n int) *crowd6 {
	p := build6(b, spec6())
	table, err := lease6.New(lease6.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := table.Reconfigure(p.Layout); err != nil {
		b.Fatal(err)
	}
	var source atomic.Pointer[policy6.Policy]
	source.Store(p)
	c := &crowd6{h: newRig(b, spec()).h, batch: lease.NewBatch(1), n: n, now: start}
	c.h.Serve6(&exchange6.Server{Table: table}, &source)
	for i := range c.bufs {
		c.bufs[i] = make([]byte, 2048)
	}
	return c
}

// newTemplate6 is a message behind some relays.
func newTemplate6(b testing.TB, relays int, m []byte) template6 {
	around := direct6()
	for i := range relays {
		link, peer := relayA, clientLL
		if i > 0 {
			link, peer = nowhere, net.ParseIP("2001:db8:a::2")
		}
		m = envelope6(byte(i), link, peer, m, opt6(18, []byte("ge-0/0/1.100")...), opt6(37, cat([]byte{0, 0, 0, 9}, []byte("access-node-12"))...))
		around = relayed6()
	}
	t := template6{frame: around.frame6(b, m)}
	for i, p := range []net.IP{net.ParseIP(anyAddr), net.ParseIP(anyPrefix[:len(anyPrefix)-3])} {
		t.named[i] = max(0, bytes.Index(t.frame, p))
	}
	for i := range t.frame {
		if i+len(clientID) <= len(t.frame) && string(t.frame[i:i+10]) == string(clientID[:10]) {
			t.duid = i + len(clientID) - 4
			return t
		}
	}
	b.Fatal("no DUID in the frame")
	return t
}

// load puts client i's message into buffer j.
func (c *crowd6) load(t *template6, j int, i uint32) {
	f := &c.fs[j]
	*f = frame.Frame{Data: c.bufs[j][:copy(c.bufs[j], t.frame)]}
	patch6(f.Data, t.duid, binary.BigEndian.AppendUint32(nil, i))
	for k, at := range t.named {
		if at != 0 {
			addr := c.has[i][k].As16()
			patch6(f.Data, at, addr[:])
		}
	}
}

// patch6 writes bytes into a message and makes the checksum right (RFC 1624).
func patch6(data []byte, at int, b []byte) {
	sum := data[54+6:]
	s := uint32(^binary.BigEndian.Uint16(sum))
	for k := range b {
		shift := 8 * (1 - (at+k)%2) // the first byte of a word counts 256
		s += uint32(b[k]) << shift
		s += uint32(^(uint16(data[at+k]) << shift))
		data[at+k] = b[k]
	}
	for s>>16 != 0 {
		s = s>>16 + s&0xffff
	}
	if s == 0xffff { // a sum of 0 would say that there is none
		s = 0
	}
	binary.BigEndian.PutUint16(sum, ^uint16(s))
}

func (c *crowd6) begin() {
	c.batch.Reset()
	c.h.Begin(c.now, worker.Calm)
}

func (c *crowd6) handle(j int) (frame.Verdict, frame.Reason) {
	v, why, _ := c.h.Handle(&c.fs[j], c.batch)
	return v, why
}

// BenchmarkHandle6 answers batches of 64 messages of as many clients, of 100,000 that
// have their leases. Each message is loaded into its frame first, which is not
// counted. Request and Renew name the leases, as RFC 8415 §18.2.2 and §18.2.4 have it,
// and a client comes again between T1 and T2 of the shorter leases here: all are alive,
// and none is a retransmission.
func BenchmarkHandle6(b *testing.B) {
	const crowd = 100_000
	oro := opt6(6, 0, 23, 0, 24, 0, 82)
	na, pd := iana(1, iaaddr(anyAddr)), iapd(2, iaprefix(anyPrefix))
	ias := map[string][]byte{"NA": iana(1), "PD": iapd(2), "NA+PD": cat(iana(1), iapd(2))}
	named := map[string][]byte{"NA": na, "PD": pd, "NA+PD": cat(na, pd)}
	for _, relays := range []int{0, 1, 2} {
		for _, name := range []string{"NA", "PD", "NA+PD"} {
			head := cat(opt6(1, clientID...), opt6(8, 0, 0), oro)
			solicit := newTemplate6(b, relays, msg6(1, head, ias[name]))
			rapid := newTemplate6(b, relays, msg6(1, head, ias[name], opt6(14)))
			first := newTemplate6(b, relays, msg6(3, head, opt6(2, serverID...), ias[name]))
			request := newTemplate6(b, relays, msg6(3, head, opt6(2, serverID...), named[name]))
			renew := newTemplate6(b, relays, msg6(5, head, opt6(2, serverID...), named[name]))
			var c *crowd6
			for _, run := range []struct {
				name string
				t    *template6
			}{{"Solicit", &solicit}, {"Rapid", &rapid}, {"Request", &request}, {"Renew", &renew}} {
				b.Run(fmt.Sprintf("%s/%s/relays=%d", run.name, name, relays), func(b *testing.B) {
					if c == nil {
						c = newCrowd6(b, crowd)
						for i := 0; i < crowd; i += worker.BatchSize {
							c.begin()
							for j := range worker.BatchSize {
								c.load(&first, j, uint32(i+j))
								if v, why := c.handle(j); v != frame.Await {
									b.Fatalf("client %d: %v, %v", i+j, v, why)
								}
								var has [2]lease6.IP6
								for _, l := range c.h.six.answer.Leases[:c.h.six.answer.NLeases] {
									if l.Prefix.Len == 128 {
										has[0] = l.Prefix.IP6
									} else {
										has[1] = l.Prefix.IP6
									}
								}
								c.has = append(c.has, has)
							}
						}
					}
					b.ReportAllocs()
					next := uint32(0)
					var spent []float64
					waits := false // the answers wait for changes
					for b.Loop() {
						if waits {
							c.now = c.now.Add(time.Second / 4)
						}
						c.begin()
						for j := range worker.BatchSize {
							c.load(run.t, j, next%crowd)
							next += 7919 // in no order of theirs
						}
						began := time.Now()
						c.h.Prepare(c.fs[:])
						for j := range c.fs {
							if v, why := c.handle(j); v != frame.Reply && v != frame.Await {
								b.Fatalf("%v: %v", v, why)
							} else {
								waits = v == frame.Await
							}
						}
						spent = append(spent, float64(time.Since(began).Nanoseconds())/worker.BatchSize)
					}
					slices.Sort(spent)
					b.ReportMetric(spent[len(spent)/2], "median-ns/msg")
					b.ReportMetric(spent[len(spent)/10], "p10-ns/msg")
				})
			}
		}
	}
}

// BenchmarkCodec6 is parsing and encoding alone: the answer is ready.
func BenchmarkCodec6(b *testing.B) {
	for relays := range 3 {
		b.Run(fmt.Sprintf("relays=%d", relays), func(b *testing.B) {
			r := newRig6(b, spec6())
			r.brain.forget = true
			t := newTemplate6(b, relays, request6(3, opt6(2, serverID...)))
			buf := make([]byte, 2048)
			b.ReportAllocs()
			for b.Loop() {
				f := frame.Frame{Data: buf[:copy(buf, t.frame)]}
				if v, why, _ := r.h.Handle(&f, r.batch); v != frame.Await {
					b.Fatal(why)
				}
			}
		})
	}
}
