// SPDX-License-Identifier: Apache-2.0

package fastpath

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"xdhcp/engine/frame"
	"xdhcp/engine/lease"
	"xdhcp/engine/worker"
)

// bases are well-formed frames of every kind that is answered.
func bases(t testing.TB) map[string][]byte {
	list := option(55, 1, 3, 6, 15, 42, 119, 121)
	rich := []dhcpv4.Modifier{
		list, option(61, 255, 1, 2, 3, 4, 0, 3, 0, 1, 2, 0xcc, 0, 0, 0, 9), option(12, []byte("host")...),
		option(57, 5, 220), option(60, []byte("MSFT 5.0")...), option(82, 1, 4, 0, 1, 0, 7, 2, 6, 2, 0xcc, 0, 0, 0, 9),
	}
	tagged := direct()
	tagged.tags = []uint16{100}
	qinq := direct()
	qinq.tags = []uint16{200, 7}
	renew := packet{src: clientMAC, dst: portMAC, from: net.IP{192, 0, 2, 150}, to: server, sport: 68, dport: 67}
	with := func(mods []dhcpv4.Modifier, more ...dhcpv4.Modifier) []dhcpv4.Modifier {
		return append(append([]dhcpv4.Modifier{}, mods...), more...)
	}
	return map[string][]byte{
		"discover":          direct().frame(t, message(t, dhcpv4.MessageTypeDiscover, list).ToBytes()),
		"discover, tagged":  tagged.frame(t, message(t, dhcpv4.MessageTypeDiscover, list).ToBytes()),
		"discover, QinQ":    qinq.frame(t, message(t, dhcpv4.MessageTypeDiscover, list).ToBytes()),
		"discover, relayed": relayed().frame(t, message(t, dhcpv4.MessageTypeDiscover, with(rich, giaddr(relayIP))...).ToBytes()),
		"select":            direct().frame(t, message(t, dhcpv4.MessageTypeRequest, list, option(50, 192, 0, 2, 150), option(54, 192, 0, 2, 1)).ToBytes()),
		"select, relayed": relayed().frame(t, message(t, dhcpv4.MessageTypeRequest,
			with(rich, giaddr(relayIP), option(50, 10, 1, 1, 50), option(54, 192, 0, 2, 1))...).ToBytes()),
		"reboot to another network": direct().frame(t, message(t, dhcpv4.MessageTypeRequest, list, option(50, 10, 9, 9, 9), option(61, 1, 2)).ToBytes()),
		"renew":                     renew.frame(t, message(t, dhcpv4.MessageTypeRequest, list, ciaddr(net.IP{192, 0, 2, 150})).ToBytes()),
		"inform":                    renew.frame(t, message(t, dhcpv4.MessageTypeInform, list, ciaddr(net.IP{192, 0, 2, 150})).ToBytes()),
	}
}

// try handles a frame and, if it is answered, checks the answer.
func (r *rig) try(in []byte) (frame.Verdict, frame.Reason) {
	r.t.Helper()
	out, v, why := r.handle(in, max(len(in), 1792))
	if v == frame.Reply || v == frame.Await {
		checkAnswer(r.t, in, decode(r.t, out))
	}
	return v, why
}

// The bases themselves are answered.
func TestBasesAreAnswered(t *testing.T) {
	for name, in := range bases(t) {
		t.Run(name, func(t *testing.T) {
			if v, why := newRig(t, spec()).try(in); v != frame.Reply && v != frame.Await {
				t.Errorf("%v: %v", v, why)
			}
		})
	}
}

// Every byte of every base set to every kind of wrong value, with the checksums
// left as they are and made right again. The frame is answered as the mutated
// request must be, or not at all.
func TestEveryByteMutated(t *testing.T) {
	for name, base := range bases(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, spec())
			for i := range base {
				for _, v := range []byte{0, 1, 0x7f, 0x80, 0xff, base[i] - 1, base[i] + 1, base[i] ^ 0x40} {
					in := bytes.Clone(base)
					in[i] = v
					r.try(in)
					r.try(repair(in))
				}
			}
		})
	}
}

// Cut at every length: as it is, and with the IP and UDP lengths saying so.
func TestEveryTruncation(t *testing.T) {
	for name, base := range bases(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, spec())
			l3 := 14 + bytes.Count([]byte(name), []byte("tagged"))*4 + bytes.Count([]byte(name), []byte("QinQ"))*8
			for n := range base {
				if v, why := r.try(base[:n:n]); v != frame.Drop || why != frame.Truncated {
					t.Fatalf("cut to %d bytes: %v, %v", n, v, why)
				}
				in := bytes.Clone(base[:n])
				if n >= l3+28 {
					binary.BigEndian.PutUint16(in[l3+2:], uint16(n-l3))
					binary.BigEndian.PutUint16(in[l3+24:], uint16(n-l3-20))
				}
				v, why := r.try(repair(in))
				if n < l3+28+240 && (v != frame.Drop || why != frame.Truncated) {
					t.Fatalf("cut to %d bytes, lengths to match: %v, %v", n, v, why)
				}
			}
		})
	}
}

// Every length field with every value: IP header and total length, UDP length,
// hlen, and the length byte of each option.
func TestEveryLength(t *testing.T) {
	for name, base := range bases(t) {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, spec())
			l3 := 14 + bytes.Count([]byte(name), []byte("tagged"))*4 + bytes.Count([]byte(name), []byte("QinQ"))*8
			for v := range 256 {
				in := bytes.Clone(base)
				in[l3] = byte(v)
				verdict, _ := r.try(repair(in))
				if answered := verdict == frame.Reply || verdict == frame.Await; answered != (v == 0x45) {
					t.Errorf("IP version and header length %02x: %v", v, verdict)
				}

				in = bytes.Clone(base)
				in[l3+28+2] = byte(v) // hlen
				verdict, why := r.try(repair(in))
				if v > 16 && (verdict != frame.Drop || why != frame.BadBootp) {
					t.Errorf("hlen %d: %v, %v", v, verdict, why)
				}
				if v == 6 && verdict != frame.Reply && verdict != frame.Await {
					t.Errorf("hlen 6: %v, %v", verdict, why)
				}
			}
			for _, at := range []int{l3 + 2, l3 + 24} { // IP total length, UDP length
				whole := binary.BigEndian.Uint16(base[at:])
				for v := range 2000 {
					in := bytes.Clone(base)
					binary.BigEndian.PutUint16(in[at:], uint16(v))
					verdict, why := r.try(repair(in))
					if v > int(whole) && (verdict != frame.Drop || why != frame.Truncated) {
						t.Fatalf("length %d of %d at %d: %v, %v", v, whole, at, verdict, why)
					}
				}
			}
			for at := l3 + 28 + 240; at < len(base) && base[at] != 255; at += 2 + int(base[at+1]) {
				for v := range 256 {
					in := bytes.Clone(base)
					in[at+1] = byte(v)
					r.try(repair(in))
				}
			}
		})
	}
}

// Several bytes at once, at random.
func TestRandomMutations(t *testing.T) {
	for name, base := range bases(t) {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, 6))
			r := newRig(t, spec())
			for range 3000 {
				in := bytes.Clone(base)
				for range 1 + rnd.IntN(6) {
					in[rnd.IntN(len(in))] = byte(rnd.Uint32())
				}
				if rnd.IntN(4) == 0 { // a run moved over another: overlapping and misplaced lengths
					from, to := rnd.IntN(len(in)), rnd.IntN(len(in))
					copy(in[to:], in[from:min(len(in), from+rnd.IntN(40))])
				}
				r.try(repair(in))
			}
		})
	}
}

// FuzzHandle: no panic, nothing written outside of the frame, an unanswered
// frame as it was, and an answer that other libraries read as one to this request.
func FuzzHandle(f *testing.F) {
	for _, in := range bases(f) {
		f.Add(in, true, 1792)
		f.Add(in, false, len(in))
	}
	r := newRig(f, spec())
	now := start
	f.Fuzz(func(t *testing.T, in []byte, fix bool, room int) {
		if fix {
			in = repair(bytes.Clone(in))
		}
		room = max(len(in), min(room, 4096))
		// One rig for all: making one costs more than a thousand frames. What the
		// last input left behind has expired.
		if now = now.Add(4000 * time.Second); now.Unix() > 1<<32-1<<24 { // lease.Time ends in 2106
			r, now = newRig(t, spec()), start
		}
		r.t = t
		r.batch.Reset()
		r.h.server.Table.Expire(lease.Time(now.Unix()), 1<<20, r.batch)
		r.h.Begin(now, worker.Calm)
		for range 2 {
			out, v, _ := r.handle(in, room)
			if v == frame.Reply || v == frame.Await {
				checkAnswer(t, in, decode(t, out))
			}
		}
	})
}
